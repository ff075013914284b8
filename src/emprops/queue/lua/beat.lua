-- beat(worker, machine, channel, origin, lease_ms, max_stream, max_preview,
--      then for each claim: step, token, progress or '', message as JSON, preview's type or '', its node, its content,
--      what to remember as JSON or '')
-- Renews leases and takes progress, previews and what to remember along. -> step ids that are no longer this worker's (lapsed, cancelled,
-- gone)

local worker, machine, channel, origin = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lease_ms, max_stream, max_preview = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = now_ms()
local PREVIEW_S = 300
local lost = {}

-- The latest look at a job's work takes the place of the one before. Its number is the time, so that it rises also
-- after the key was gone.
local function show(step, t, kind, node, content)
  if #content == 0 or #content > max_preview then return end
  local key = K.preview .. t.job
  redis.call('HSET', key, 'seq', string.format('%.0f', now), 'step', step, 'type', kind, 'node', node,
    'content', content)
  redis.call('EXPIRE', key, PREVIEW_S)
  redis.call('PUBLISH', channel, t.job)
end

-- What the worker says of its progress, for those who look at the job.
local function say(t, message)
  local key = K.preview .. t.job
  redis.call('HSET', key, 'said', message)
  redis.call('EXPIRE', key, PREVIEW_S)
end

-- For the next attempt, on any worker; it is deleted with the ticket.
local function remember(step, work)
  if work == '{}' then
    redis.call('HDEL', K.ticket .. step, 'remembered', 'remembered_by')
  else
    redis.call('HSET', K.ticket .. step, 'remembered', work, 'remembered_by', origin)
  end
end

for i = 8, #ARGV, 8 do
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
      if message ~= '""' then say(t, message) end
    end
    if ARGV[i + 4] ~= '' then show(step, t, ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]) end
    if ARGV[i + 7] ~= '' then remember(step, ARGV[i + 7]) end
  end
end
flush_reports()
return lost
