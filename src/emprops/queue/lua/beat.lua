-- beat(worker, machine, lease_ms, max_stream, then for each claim: step, token, progress or '', message as JSON)
-- Renews leases and takes progress along. -> step ids that are no longer this worker's (lapsed, cancelled, gone)

local worker, machine, lease_ms, max_stream = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
local lost = {}
for i = 5, #ARGV, 4 do
  local step, token, progress, message = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local t = load(step)
  if not t or t.state ~= 'claimed' or t.token ~= token then
    lost[#lost + 1] = step
  else
    redis.call('ZADD', K.leases, now + lease_ms, step)
    if progress ~= '' then
      local tail = ',"progress":' .. progress .. ',"message":' .. message
      -- nobody reading the stream must not fill the memory; the next progress or the end will tell
      if redis.call('XLEN', K.reports) < max_stream then publish_report(report('progress', step, t, now, tail)) end
      redis.call('PUBLISH', 'job:progress:' .. step, '{"job_id":"' .. step .. '","progress":' .. progress
        .. ',"message":' .. message .. ',"timestamp":' .. string.format('%.0f', now) .. ',"worker_id":"' .. worker
        .. '","machine_id":"' .. machine .. '"}')
    end
  end
end
flush_reports()
return lost
