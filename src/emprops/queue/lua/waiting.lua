-- waiting(first, count) -> for each signature that something waits under, among the `count` from place `first` in the
--   order of registration, newest first: { signature, requirement, waiting, oldest wait (ms) }
-- Reads only. A part at a time: one call over all would hold everybody else up.

local now = now_ms()
-- Scores of one priority lie within this (queue/matching.py).
local BAND = 1e13
-- Tickets looked at in each priority. They are in the order of their jobs' ages, nearly the one in which they came.
local LOOK = 3

local function age(since)
  return math.max(0, now - (since or now))
end

-- The longest wait of a waiting set: that of the first tickets of each priority, so that urgent ones do not hide others.
local function oldest_wait(q)
  local from, longest = '-inf', 0
  for _ = 1, 101 do
    local first = redis.call('ZRANGEBYSCORE', q, from, '+inf', 'WITHSCORES', 'LIMIT', 0, LOOK)
    if not first[1] then break end
    local band = math.floor(first[2] / BAND)
    for i = 1, #first, 2 do
      if math.floor(first[i + 1] / BAND) == band then
        longest = math.max(longest, age(redis.call('HGET', K.ticket .. first[i], 'since')))
      end
    end
    from = string.format('%.0f', (band + 1) * BAND)
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
