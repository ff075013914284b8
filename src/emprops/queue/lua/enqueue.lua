-- enqueue(hold_ms, then for each ticket: step, run, sig, requirement, score, body, job, attempts_before,
--         max_failures, max_lost, user, weight of the user or '') -> for each: 'new' | 'known' | 'finished' | 'stale'
-- Idempotent by (step, run). A ticket that already has its attestation is reported again instead of run again; one that
-- was cancelled before it came stays out, silently.
-- For `hold_ms`, a ticket that requires models is left for workers that have them loaded, if such workers wait.

local now = now_ms()
local hold_ms = tonumber(ARGV[1])
local answers = {}
local added = {}  -- signature -> { count, lowest score }

local CANCELLED = '{"kind":"cancelled"'

-- Registration numbers are the time in microseconds, made unique: they keep rising when Redis loses its memory, so
-- that a judgement made just before cannot pass for one of the signatures registered after.
local function next_number()
  local number = math.max(now * 1000, tonumber(redis.call('GET', K.sig_seq) or 0) + 1)
  redis.call('SET', K.sig_seq, string.format('%.0f', number))
  return string.format('%.0f', number)
end

-- An older run of the step leaves every place it may be in.
local function withdraw(step)
  flush_joined()
  local t = load(step)
  leave(step, t.sig, t.score, t.user or '')
  for _, place in ipairs({ K.delayed, K.leases, K.dead }) do redis.call('ZREM', place, step) end
  redis.call('DEL', K.ticket .. step)
end

local function register(sig, requirement)
  redis.call('ZADD', K.sig_seen, now, sig)
  if redis.call('ZSCORE', K.sigs, sig) then return end
  redis.call('ZADD', K.sigs, next_number(), sig)
  redis.call('HSET', K.requirements, sig, requirement)
  -- nobody has judged it yet: one worker of every idle class should
  for _, class in ipairs(redis.call('SMEMBERS', K.idle_classes)) do wake_class(class, now) end
end

local names = {}
for i = 2, #ARGV, 12 do names[#names + 1] = K.attestation .. ARGV[i] .. ':' .. ARGV[i + 1] end
local attestations = names[1] and redis.call('MGET', unpack(names))

for i = 2, #ARGV, 12 do
  local step, run, sig, score, user = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4], ARGV[i + 10]
  local known = redis.call('HMGET', K.ticket .. step, 'run', 'state')
  local known_run = tonumber(known[1] or 0)
  local attestation = attestations[(i + 10) / 12]
  if attestation then
    if string.sub(attestation, 1, #CANCELLED) ~= CANCELLED then publish_report(attestation) end
    answers[#answers + 1] = 'finished'
  elseif known_run > tonumber(run) then
    answers[#answers + 1] = 'stale'
  elseif known_run == tonumber(run) and known[2] ~= 'dead' then
    answers[#answers + 1] = 'known'
  else
    if known[1] then withdraw(step) end
    -- the body last: what comes before it can be read and changed without touching it
    redis.call('HSET', K.ticket .. step, 'run', run, 'sig', sig, 'score', score, 'job', ARGV[i + 6],
      'state', 'waiting', 'attempt', ARGV[i + 7], 'failures', 0, 'lost', 0, 'max_failures', ARGV[i + 8],
      'max_lost', ARGV[i + 9], 'user', user, 'since', stamp_of(now), 'body', ARGV[i + 5])
    if ARGV[i + 11] ~= '' then redis.call('HSET', K.ticket .. step, 'weight', ARGV[i + 11]) end
    if hold_ms > 0 and models_of(sig) then redis.call('HSET', K.ticket .. step, 'warm_until', now + hold_ms) end
    join(step, sig, tonumber(score), user, now)
    if not added[sig] then
      register(sig, ARGV[i + 3])
      added[sig] = 0
    end
    added[sig] = added[sig] + 1
    answers[#answers + 1] = 'new'
  end
end

flush_joined()
for sig, count in pairs(added) do
  lower_heads(sig, redis.call('ZRANGE', K.wait .. sig, 0, 0, 'WITHSCORES')[2])
  for _ = 1, count do
    if not wake_for(sig, now, hold_ms) then break end
  end
end
keep_turn()
flush_reports()
return answers
