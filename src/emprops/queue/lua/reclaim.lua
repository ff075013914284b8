-- reclaim(keep_s, limit) -> { offered again, given up, promoted }
-- Lapsed leases: the step goes back to its old place, another worker first; after max_lost losses it is given up.
-- Delayed steps that are due go back too, and workers without their models may look at what waited for others. Bounded
-- by `limit`; call again while it returns that many.

local keep_s, limit = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local offered, given_up = 0, 0
for _, step in ipairs(redis.call('ZRANGEBYSCORE', K.leases, '-inf', now, 'LIMIT', 0, limit)) do
  redis.call('ZREM', K.leases, step)
  local t = load(step)
  if t and t.state == 'claimed' then
    local lost = tonumber(t.lost) + 1
    if lost >= tonumber(t.max_lost) then
      local text = ',"finished":{"failure":"final","error":"worker_lost: the step was lost by ' .. lost
        .. ' workers in a row","details":{"code":"worker_lost","lost_claims":' .. lost .. '}}'
      t.lost = lost
      t.token = ''  -- or a late report of the last loser would take this attestation for its own
      conclude(step, t, now, 'failed', text, keep_s, 'worker_lost')
      given_up = given_up + 1
    else
      publish_report(report('lost', step, t, now, ',"lost_claims":' .. lost))
      redis.call('HSET', K.ticket .. step, 'state', 'waiting', 'since', stamp_of(now), 'lost', lost, 'token', '',
        'worker', '', 'avoid', t.worker or '', 'avoid_until', now + AVOID_MS)
      offer(step, t, now)
      wake_for(t.sig, now)  -- a second one, in case the first to wake is the worker that lost it
      offered = offered + 1
    end
  end
end
local promoted = promote_due(now, limit)
wake_held(now)
flush_reports()
return { offered, given_up, promoted }
