-- survey(most_claims) -> { claimed, delayed, dead, late, signatures, reports, age of the first (ms),
--   then for each signature that is being run: { signature, requirement, running, longest run (ms) } }
-- How much is going on, for people and autoscalers. Reads only, and of more claims than it is told those that end first.

local now = now_ms()

local function age(since)
  return math.max(0, now - (since or now))
end

local running, longest = {}, {}
for _, step in ipairs(redis.call('ZRANGE', K.leases, 0, ARGV[1] - 1)) do
  local v = redis.call('HMGET', K.ticket .. step, 'sig', 'since')
  if v[1] then
    running[v[1]] = (running[v[1]] or 0) + 1
    longest[v[1]] = math.max(longest[v[1]] or 0, age(v[2]))
  end
end

local first = redis.call('XRANGE', K.reports, '-', '+', 'COUNT', 1)[1]
local reply = {
  redis.call('ZCARD', K.leases), redis.call('ZCARD', K.delayed), redis.call('ZCARD', K.dead),
  tonumber(redis.call('GET', K.late) or 0),
  redis.call('ZCARD', K.sigs), redis.call('XLEN', K.reports),
  first and age(string.match(first[1], '^%d+')) or 0,
}
for sig, count in pairs(running) do
  reply[#reply + 1] = { sig, redis.call('HGET', K.requirements, sig), count, longest[sig] }
end
return reply
