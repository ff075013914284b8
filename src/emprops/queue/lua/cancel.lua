-- cancel(keep_s, reason as JSON, then for each ticket: step, run) -> for each: the state it was in, or 'unknown'
-- The ticket goes, so whatever its worker still reports is late; the worker learns of it with its next beat.
-- No report: the caller has decided already, in PostgreSQL.

local now = now_ms()
local answers = {}
for i = 3, #ARGV, 2 do
  local step, run = ARGV[i], ARGV[i + 1]
  local t = load(step)
  if not t or t.run ~= run then
    answers[#answers + 1] = 'unknown'
  else
    redis.call('ZREM', K.wait .. t.sig, step)
    redis.call('ZREM', K.delayed, step)
    redis.call('ZREM', K.leases, step)
    redis.call('ZREM', K.dead, step)
    redis.call('DEL', K.ticket .. step)
    redis.call('SET', K.verdict .. step .. ':' .. run, report('cancelled', step, t, now, ',"reason":' .. ARGV[2]),
      'EX', ARGV[1])
    if t.worker and t.worker ~= '' then redis.call('LPUSH', K.wake .. t.worker, 'cancel') end
    answers[#answers + 1] = t.state
  end
end
return answers
