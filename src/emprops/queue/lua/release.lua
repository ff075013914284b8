-- release(worker, then for each claim: step, token) -> how many went back
-- A worker that stops hands its steps back: same place in the order, not counted as a failure or a loss.

local now = now_ms()
local count = 0
for i = 2, #ARGV, 2 do
  local step, token = ARGV[i], ARGV[i + 1]
  local t = load(step)
  if t and t.state == 'claimed' and t.token == token then
    redis.call('ZREM', K.leases, step)
    redis.call('HSET', K.ticket .. step, 'state', 'waiting', 'since', stamp_of(now), 'token', '', 'worker', '',
      'avoid', ARGV[1], 'avoid_until', now + AVOID_MS)
    publish_report(report('released', step, t, now))
    offer(step, t, now)
    count = count + 1
  end
end
flush_reports()
return count
