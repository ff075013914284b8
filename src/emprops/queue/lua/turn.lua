-- turn(class, worker, request_token, want, lease_ms, keep_s, then for each finished attempt:
--      step, run, token, how, finished_json, retry_after_ms)
-- One worker loop tick: what ended is settled, what is free is filled.
--   how: completed | failed | retryable
-- -> { verdicts, claims, unjudged, highest }
--   verdicts: 'accepted' | 'late' per finished attempt
--   claims: {body, attempt} per ticket; the request token is their fence
--   unjudged: {sig, requirement, …}: match these first, then claim again

local class, worker, request, want = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local lease_ms, keep_s = tonumber(ARGV[5]), ARGV[6]
local now = now_ms()
local BACKOFF_MS = { 5000, 15000, 30000 }
local MAX_WALK = 64

-- The same call sent twice (its first reply was lost): the attempt is settled already, by this very token.
local function settled_before(step, run, token, t)
  if t and t.last_token == token then return true end
  local verdict = redis.call('GET', K.verdict .. step .. ':' .. run)
  return verdict and string.find(verdict, '"token":"' .. token .. '"', 1, true) ~= nil
end

local ended = {}

local function settle(step, run, token, how, finished, retry_after)
  local t = load(step)
  if not t or t.state ~= 'claimed' or t.token ~= token then
    return settled_before(step, run, token, t) and 'accepted' or 'late'
  end
  local tail = ',"finished":' .. finished
  if how == 'completed' or how == 'failed' then
    conclude(step, t, now, how, tail, keep_s, nil)
    ended[#ended + 1] = step
    return 'accepted'
  end
  local failures = tonumber(t.failures) + 1
  if failures > tonumber(t.max_failures) then
    conclude(step, t, now, 'failed', tail, keep_s, 'failures')
    ended[#ended + 1] = step
    return 'accepted'
  end
  local delay = retry_after > 0 and retry_after or BACKOFF_MS[math.min(failures, #BACKOFF_MS)]
  ended[#ended + 1] = step
  redis.call('HSET', K.ticket .. step, 'state', 'delayed', 'failures', failures, 'token', '', 'last_token', token,
    'worker', '', 'avoid', worker, 'avoid_until', now + delay + AVOID_MS)
  redis.call('ZADD', K.delayed, now + delay, step)
  publish_report(report('retrying', step, t, now, tail .. ',"retry_in_ms":' .. string.format('%.0f', delay)))
  return 'accepted'
end

local verdicts = {}
for i = 7, #ARGV, 6 do
  verdicts[#verdicts + 1] =
    settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5]))
end
for i = 1, #ended, 200 do
  redis.call('ZREM', K.leases, unpack(ended, i, math.min(i + 199, #ended)))
end

local claims = {}
if want == 0 then
  redis.call('ZREM', K.idle .. class, worker)
  flush_reports()
  return { verdicts, claims, {}, 0 }
end

-- a repeated claim gets its first answer
local before = redis.call('GET', K.claimed .. request)
if before then
  for step in string.gmatch(before, '%S+') do
    local v = redis.call('HMGET', K.ticket .. step, 'body', 'attempt', 'token', 'state')
    if v[3] == request and v[4] == 'claimed' then claims[#claims + 1] = { v[1], v[2] } end
  end
  flush_reports()
  return { verdicts, claims, {}, 0 }
end

promote_due(now, 50)

-- signatures this class has not been matched against: say so instead of handing out in the wrong order
local newest = redis.call('ZRANGE', K.sigs, -1, -1, 'WITHSCORES')
local judged = tonumber(redis.call('HGET', K.judged, class) or 0)
if newest[1] and tonumber(newest[2]) > judged then
  local batch = redis.call('ZRANGEBYSCORE', K.sigs, '(' .. judged, '+inf', 'WITHSCORES', 'LIMIT', 0, 500)
  local unjudged = {}
  for i = 1, #batch, 2 do
    unjudged[#unjudged + 1] = batch[i]
    unjudged[#unjudged + 1] = redis.call('HGET', K.requirements, batch[i])
  end
  flush_reports()
  return { verdicts, claims, unjudged, tonumber(batch[#batch]) }
end

local heads = K.heads .. class
local taken, leases = {}, {}

-- Another worker first, if there is another.
local alone = nil
local function others_live()
  if alone == nil then alone = redis.call('ZCOUNT', K.workers, now - 30000, '+inf') < 2 end
  return not alone
end

local function brief(step)
  local v = redis.call('HMGET', K.ticket .. step, 'body', 'attempt', 'job', 'run', 'avoid', 'avoid_until')
  return { body = v[1], attempt = v[2], job = v[3], run = v[4],
    shunned = v[5] == worker and tonumber(v[6] or 0) > now and others_live() }
end

local function take(step, t)
  local attempt = t.attempt + 1
  redis.call('HSET', K.ticket .. step, 'state', 'claimed', 'worker', worker, 'token', request, 'attempt', attempt)
  publish_report(report('started', step, { job = t.job, run = t.run, attempt = attempt, worker = worker }, now))
  claims[#claims + 1] = { t.body, attempt }
  taken[#taken + 1] = step
  leases[#leases + 1] = now + lease_ms
  leases[#leases + 1] = step
  want = want - 1
end

-- Take from the top of one signature what comes before `limit` (the first ticket of the next signature).
-- -> how many were taken or found to be ghosts; 0 means that all of the first ones should go to another worker
local CHUNK = 100

local function take_from(sig, limit)
  local q = K.wait .. sig
  local first = redis.call('ZRANGE', q, 0, math.min(want, CHUNK), 'WITHSCORES')
  local gone, next_score = {}, nil
  for i = 1, #first, 2 do
    local step, score = first[i], first[i + 1]
    if want == 0 or #gone == CHUNK or (limit and tonumber(score) > limit) then
      next_score = next_score or score
      break
    end
    local t = brief(step)
    if t.body and t.shunned then
      next_score = next_score or score
    else
      gone[#gone + 1] = step
      if t.body then take(step, t) end
    end
  end
  if #gone == 0 then return 0 end
  redis.call('ZREM', q, unpack(gone))
  if not next_score then next_score = redis.call('ZRANGE', q, 0, 0, 'WITHSCORES')[2] end
  if next_score then redis.call('ZADD', heads, next_score, sig) else redis.call('ZREM', heads, sig) end
  return #gone
end

-- `heads` holds lower bounds: the first entry is right, or is put right, or is gone. Signatures whose first tickets
-- should all go to another worker are stepped over. Bounded, however odd the state.
local skip, looks = 0, 0
while want > 0 and looks < MAX_WALK + want do
  looks = looks + 1
  local top = redis.call('ZRANGE', heads, skip, skip + 1, 'WITHSCORES')
  local sig = top[1]
  if not sig then break end
  local first = redis.call('ZRANGE', K.wait .. sig, 0, 0, 'WITHSCORES')
  if not first[1] then
    redis.call('ZREM', heads, sig)
  elseif first[2] ~= top[2] then
    redis.call('ZADD', heads, first[2], sig)
  elseif take_from(sig, top[4] and tonumber(top[4])) == 0 then
    skip = skip + 1
  end
end

for i = 1, #leases, 200 do
  redis.call('ZADD', K.leases, unpack(leases, i, math.min(i + 199, #leases)))
end
if #taken > 0 then redis.call('SET', K.claimed .. request, table.concat(taken, ' '), 'EX', 300) end
if want > 0 then
  redis.call('ZADD', K.idle .. class, now, worker)
  redis.call('EXPIRE', K.idle .. class, 60)
  redis.call('SADD', K.idle_classes, class)
else
  redis.call('ZREM', K.idle .. class, worker)
end
flush_reports()
return { verdicts, claims, {}, 0 }
