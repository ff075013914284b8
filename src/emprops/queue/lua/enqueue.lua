-- enqueue(keep_s, then for each ticket: step, run, sig, requirement, score, body, job, attempts_before,
--         max_failures, max_lost) -> for each: 'new' | 'known' | 'finished' | 'stale'
-- Idempotent by (step, run). A ticket that already has its verdict is reported again instead of run again.

local now = now_ms()
local answers = {}
local added = {}  -- signature -> { count, lowest score }

local function register(sig, requirement)
  redis.call('ZADD', K.sig_seen, now, sig)
  if redis.call('ZSCORE', K.sigs, sig) then return end
  redis.call('ZADD', K.sigs, redis.call('INCR', K.sig_seq), sig)
  redis.call('HSET', K.requirements, sig, requirement)
  -- nobody has judged it yet: one worker of every idle class should
  for _, class in ipairs(redis.call('SMEMBERS', K.idle_classes)) do wake_class(class, now) end
end

for i = 2, #ARGV, 10 do
  local step, run, sig, score = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
  local known = redis.call('HMGET', K.ticket .. step, 'run', 'state')
  local known_run = tonumber(known[1] or 0)
  local verdict = redis.call('GET', K.verdict .. step .. ':' .. run)
  if verdict then
    publish_report(verdict)
    answers[#answers + 1] = 'finished'
  elseif known_run > tonumber(run) then
    answers[#answers + 1] = 'stale'
  elseif known_run == tonumber(run) and known[2] ~= 'dead' then
    answers[#answers + 1] = 'known'
  else
    if known[1] then
      redis.call('ZREM', K.dead, step)
      redis.call('DEL', K.ticket .. step)
    end
    redis.call('HSET', K.ticket .. step, 'run', run, 'sig', sig, 'score', score, 'body', ARGV[i + 5],
      'job', ARGV[i + 6], 'state', 'waiting', 'attempt', ARGV[i + 7], 'failures', 0, 'lost', 0,
      'max_failures', ARGV[i + 8], 'max_lost', ARGV[i + 9])
    redis.call('ZADD', K.wait .. sig, score, step)
    if not added[sig] then
      register(sig, ARGV[i + 3])
      added[sig] = 0
    end
    added[sig] = added[sig] + 1
    answers[#answers + 1] = 'new'
  end
end

for sig, count in pairs(added) do
  lower_heads(sig, redis.call('ZRANGE', K.wait .. sig, 0, 0, 'WITHSCORES')[2])
  for _ = 1, count do
    if not wake_for(sig, now) then break end
  end
end
flush_reports()
return answers
