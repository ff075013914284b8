-- cancel(keep_s, reason as JSON, then for each ticket: step, run) -> for each: the state it was in, or 'unknown'
-- The ticket goes, so whatever its worker still reports is late; the worker learns of it with its next beat.
-- No report: the caller has decided already, in PostgreSQL. An attestation that is there stays as it is.

local now = now_ms()
-- A ticket may be on its way here while its job is cancelled: for this long it is turned away when it comes.
local EXPECTED_S = 3600

-- The token is left out, so that a late report cannot take this attestation for its own.
local function sentence(step, run, t, keep_s)
  local text = report('cancelled', step, { job = t.job, run = run, attempt = t.attempt, worker = t.worker }, now,
    ',"reason":' .. ARGV[2])
  redis.call('SET', K.attestation .. step .. ':' .. run, text, 'EX', keep_s, 'NX')
end

local answers = {}
for i = 3, #ARGV, 2 do
  local step, run = ARGV[i], ARGV[i + 1]
  local t = load(step)
  if not t or t.run ~= run then
    if not t or tonumber(t.run) < tonumber(run) then sentence(step, run, { job = '', attempt = 0 }, EXPECTED_S) end
    answers[#answers + 1] = 'unknown'
  else
    leave(step, t.sig, t.score, t.user or '')
    redis.call('ZREM', K.delayed, step)
    redis.call('ZREM', K.leases, step)
    redis.call('ZREM', K.dead, step)
    redis.call('DEL', K.ticket .. step, K.preview .. t.job)
    sentence(step, run, t, ARGV[1])
    if t.state == 'claimed' then
      redis.call('LPUSH', K.wake .. t.worker, 'cancel')
      redis.call('EXPIRE', K.wake .. t.worker, 60)
    end
    answers[#answers + 1] = t.state
  end
end
return answers
