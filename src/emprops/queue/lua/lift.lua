-- lift(age_ms, first, count, most) -> how many
-- Heads that have waited for so long, whatever their priority, come before everything else: at most `most` of each priority,
-- among the `count` signatures from place `first` in the order of registration. Only heads: one ticket of each user, so
-- that who has much waiting does not push others away when it has grown old.

local now = now_ms()
local age, most = tonumber(ARGV[1]), ARGV[4]
-- turns may run ahead of the clock, but who has this turn or an earlier one has waited for so long or longer
local until_turn = math.min(present_turn(now) - age, HALF - 1)
local lifted = 0

for _, sig in ipairs(redis.call('ZREVRANGE', K.sigs, ARGV[2], ARGV[2] + ARGV[3] - 1)) do
  local q, from, before = K.wait .. sig, 0, lifted
  for _ = 1, 101 do
    local next_one = redis.call('ZRANGEBYSCORE', q, string.format('%.0f', from), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    if not next_one[1] then break end
    local floor = band_of(next_one[2]) * BAND
    local heads = redis.call('ZRANGEBYSCORE', q, string.format('%.0f', floor), string.format('%.0f', floor + until_turn),
      'WITHSCORES', 'LIMIT', 0, most)
    for i = 1, #heads, 2 do
      if tonumber(redis.call('HGET', K.ticket .. heads[i], 'since') or now) <= now - age then
        redis.call('ZADD', q, heads[i + 1] - floor - BAND, heads[i])
        lifted = lifted + 1
      end
    end
    from = floor + BAND
  end
  if lifted > before then lower_heads(sig, redis.call('ZRANGE', q, 0, 0, 'WITHSCORES')[2]) end
end
return lifted
