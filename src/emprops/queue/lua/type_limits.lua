-- How many steps of a job type may run at once in the whole fleet, and begin within any minute. Who has a policy for a job
-- type sets this (Queue.show_limits); other job types cost one look per call.

local MINUTE_MS, LOOK_AGAIN_MS = 60000, 1000

local has_limits
local limited_type = {}  -- signature -> its job type, or false if that has no limits
local rooms = {}         -- job type -> how many more may begin now

local function limited_type_of(sig)
  if has_limits == nil then has_limits = redis.call('EXISTS', K.type_limits) == 1 end
  if not has_limits then return false end
  if limited_type[sig] == nil then
    local requirement = redis.call('HGET', K.requirements, sig)
    local job_type = requirement and cjson.decode(requirement).job_type or ''
    limited_type[sig] = redis.call('HEXISTS', K.type_limits, job_type) == 1 and job_type
  end
  return limited_type[sig]
end

-- How many more may run. Those that ended are struck off when there seem to be too many: no other script has to.
local function room_to_run(job_type, most, want)
  local running = K.type_runs .. job_type
  local count = redis.call('ZCARD', running)
  if count + want <= most then return most - count end
  for _, step in ipairs(redis.call('ZRANGE', running, 0, -1)) do
    if redis.call('HGET', K.ticket .. step, 'state') ~= 'claimed' then
      redis.call('ZREM', running, step)
      count = count - 1
    end
  end
  return most - count
end

-- How many more may begin now, and when that changes if it is none.
local function room_to_begin(job_type, most, now)
  local begun = K.type_begun .. job_type
  redis.call('ZREMRANGEBYSCORE', begun, '-inf', now - MINUTE_MS)
  local count = redis.call('ZCARD', begun)
  if count < most then return most - count end
  local frees = redis.call('ZRANGE', begun, count - most, count - most, 'WITHSCORES')[2]
  return 0, tonumber(frees) + MINUTE_MS + 1
end

-- Whether nothing more of a signature may begin now. Then some worker is to look again in time.
local function is_full(sig, now, want)
  local job_type = limited_type_of(sig)
  if not job_type then return false end
  if rooms[job_type] == nil then
    local most, a_minute = string.match(redis.call('HGET', K.type_limits, job_type), '^(%d*):(%d*)$')
    local room, again = math.huge, now + LOOK_AGAIN_MS
    if most ~= '' then room = room_to_run(job_type, tonumber(most), want) end
    if room > 0 and a_minute ~= '' then
      local left, frees = room_to_begin(job_type, tonumber(a_minute), now)
      room, again = math.min(room, left), frees or again
    end
    rooms[job_type] = room
    if room <= 0 then redis.call('ZADD', K.held, 'LT', again, sig) end
  end
  return rooms[job_type] <= 0
end

-- A step of a signature begins to run.
local function count_run(step, sig, attempt, now)
  local job_type = limited_type_of(sig)
  if not job_type then return end
  redis.call('ZADD', K.type_runs .. job_type, now, step)
  redis.call('ZADD', K.type_begun .. job_type, now, step .. ':' .. attempt)
  redis.call('PEXPIRE', K.type_begun .. job_type, 2 * MINUTE_MS)
  if rooms[job_type] then rooms[job_type] = rooms[job_type] - 1 end
end
