-- forget(sig_age_ms, class_age_ms, limit) -> { signatures dropped, classes dropped }
-- Signatures that no ticket has used for long and that wait for nothing, and classes without workers.
-- A signature that comes back is registered anew and judged anew.

local now = now_ms()
local dropped_sigs, dropped_classes = 0, 0

-- a ticket that is being run or waits for its next try comes back under its signature: that one must stay
local in_use = {}
for _, key in ipairs({ K.leases, K.delayed }) do
  if redis.call('ZCARD', key) > 1000 then return { 0, 0 } end
  for _, step in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    in_use[redis.call('HGET', K.ticket .. step, 'sig') or ''] = true
  end
end

for _, sig in ipairs(redis.call('ZRANGEBYSCORE', K.sig_seen, '-inf', now - ARGV[1], 'LIMIT', 0, ARGV[3])) do
  if redis.call('EXISTS', K.wait .. sig) == 0 and not in_use[sig] then
    redis.call('ZREM', K.sigs, sig)
    redis.call('ZREM', K.sig_seen, sig)
    redis.call('HDEL', K.requirements, sig)
    redis.call('DEL', K.sig_classes .. sig)
    redis.call('ZREM', K.held, sig)
    dropped_sigs = dropped_sigs + 1
  else
    redis.call('ZADD', K.sig_seen, now, sig)
  end
end
for _, class in ipairs(redis.call('ZRANGEBYSCORE', K.classes, '-inf', now - ARGV[2], 'LIMIT', 0, 20)) do
  redis.call('ZREM', K.classes, class)
  redis.call('HDEL', K.judged, class)
  redis.call('DEL', K.heads .. class, K.idle .. class, K.members .. class, K.served .. class, K.spent .. class)
  redis.call('SREM', K.idle_classes, class)
  dropped_classes = dropped_classes + 1
end
return { dropped_sigs, dropped_classes }
