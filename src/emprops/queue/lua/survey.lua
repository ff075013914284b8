-- survey(most_signatures, most_claims) -> { claimed, delayed, dead, late, signatures, reports, age of the first (ms),
--   then for each signature with something to do: { requirement, waiting, oldest wait (ms), running, longest run (ms) } }
-- How much there is to do, for people and autoscalers. Reads only, and no more than it is told to: of more signatures
-- those registered last, of more claims those that end first.

local most_signatures, most_claims = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
-- Scores of one priority lie within this (queue/matching.py).
local BAND = 1e13
-- Tickets looked at in each priority. They lie in the order of their jobs' ages, which is nearly the one they came in.
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

local running, longest_run = {}, {}
for _, step in ipairs(redis.call('ZRANGE', K.leases, 0, most_claims - 1)) do
  local v = redis.call('HMGET', K.ticket .. step, 'sig', 'since')
  if v[1] then
    running[v[1]] = (running[v[1]] or 0) + 1
    longest_run[v[1]] = math.max(longest_run[v[1]] or 0, age(v[2]))
  end
end

local first = redis.call('XRANGE', K.reports, '-', '+', 'COUNT', 1)[1]
local reply = {
  redis.call('ZCARD', K.leases), redis.call('ZCARD', K.delayed), redis.call('ZCARD', K.dead),
  tonumber(redis.call('GET', K.late) or 0),
  redis.call('ZCARD', K.sigs), redis.call('XLEN', K.reports),
  first and age(string.match(first[1], '^%d+')) or 0,
}
for _, sig in ipairs(redis.call('ZREVRANGE', K.sigs, 0, most_signatures - 1)) do
  local waiting = redis.call('ZCARD', K.wait .. sig)
  if waiting > 0 or running[sig] then
    reply[#reply + 1] = {
      redis.call('HGET', K.requirements, sig), waiting, waiting > 0 and oldest_wait(K.wait .. sig) or 0,
      running[sig] or 0, longest_run[sig] or 0,
    }
  end
end
return reply
