-- judge(class, after, up_to, then the signatures numbered after `after` and up to `up_to` that the class can run)
-- Matching itself is Python's (queue/matching.py); this only stores the answer, unless the class has been judged or
-- forgotten meanwhile: then the next turn says what is to be judged now. -> 1 if it was stored

local class, after, up_to = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
redis.call('ZADD', K.classes, now, class)
if (redis.call('HGET', K.judged, class) or '0') ~= after then return 0 end
redis.call('HSET', K.judged, class, up_to)
for i = 4, #ARGV do
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
return 1
