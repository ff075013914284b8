-- waiting(first, count) -> for each signature that something waits under, among the `count` from place `first` in the
--   order of registration, newest first: { signature, requirement, waiting, oldest wait (ms) }
-- Reads only. A part at a time: one call over all would hold everybody else up.

local now = now_ms()
-- Tickets looked at in each half of a band. Of the heads they are those of users who were served longest ago, of the
-- others those of the oldest jobs.
local LOOK = 3

local function age(since)
  return math.max(0, now - (since or now))
end

-- The longest wait of a waiting set: that of the first tickets of each half band, so that urgent ones do not hide others.
local function oldest_wait(q)
  local from, longest = '-inf', 0
  for _ = 1, 204 do
    local first = redis.call('ZRANGEBYSCORE', q, from, '+inf', 'WITHSCORES', 'LIMIT', 0, LOOK)
    if not first[1] then break end
    local half = math.floor(first[2] / HALF)
    for i = 1, #first, 2 do
      if math.floor(first[i + 1] / HALF) == half then
        longest = math.max(longest, age(redis.call('HGET', K.ticket .. first[i], 'since')))
      end
    end
    from = string.format('%.0f', (half + 1) * HALF)
  end
  return longest
end

local reply = {}
for _, sig in ipairs(redis.call('ZREVRANGE', K.sigs, ARGV[1], ARGV[1] + ARGV[2] - 1)) do
  local waiting = redis.call('ZCARD', K.wait .. sig)
  if waiting > 0 then
    reply[#reply + 1] = { sig, redis.call('HGET', K.requirements, sig), waiting, oldest_wait(K.wait .. sig) }
  end
end
return reply
