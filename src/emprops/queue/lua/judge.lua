-- judge(class, up_to, then the signatures among those up to `up_to` that the class can run)
-- Matching itself is Python's (queue/matching.py); this only stores the answer.

local class, up_to = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
redis.call('ZADD', K.classes, now, class)
for i = 3, #ARGV do
  local sig = ARGV[i]
  if redis.call('ZSCORE', K.sigs, sig) then
    redis.call('SADD', K.sig_classes .. sig, class)
    local first = redis.call('ZRANGE', K.wait .. sig, 0, 0, 'WITHSCORES')
    if first[1] then
      redis.call('ZADD', K.heads .. class, 'LT', first[2], sig)
      -- tickets that came while nobody had judged their signature woke nobody of this class
      for _ = 1, math.min(redis.call('ZCARD', K.wait .. sig), 16) do
        if not wake_class(class, now) then break end
      end
    end
  end
end
if tonumber(redis.call('HGET', K.judged, class) or 0) < up_to then
  redis.call('HSET', K.judged, class, up_to)
end
return 1
