-- turn(class, worker, request_token, want, lease_ms, keep_s, then for each finished attempt:
--      step, run, token, how, finished_json, retry_after_ms)
-- One worker loop tick: what ended is settled, what is free is filled.
--   how: completed | failed | retryable
-- -> { answers, claims, unjudged, after, up_to, more, now (ms) }
--   answers: 'accepted' | 'late' per finished attempt
--   claims: {body, attempt, since when it waited (ms), what an earlier attempt remembered or '', of which origin} per
--     ticket; the request token is their fence
--   unjudged: {sig, requirement, …}, numbered after `after` and up to `up_to`: match these first, then claim again
--   more: 1 if this call stopped before it had seen everything that may be claimed; call again at once

local BACKOFF_MS = { 5000, 15000, 30000 }
local MAX_WALK = 64

-- The same call sent twice (its first reply was lost): the attempt is settled already, by this very token.
local function settled_before(step, run, token, t)
  if t and t.last_token == token then return true end
  local attestation = redis.call('GET', K.attestation .. step .. ':' .. run)
  return attestation and string.find(attestation, '"token":"' .. token .. '"', 1, true) ~= nil
end

local ended = {}

local function settle(step, run, token, how, finished, retry_after)
  local v = redis.call('HMGET', K.ticket .. step, 'state', 'token', 'job', 'attempt', 'run', 'since')
  if v[1] ~= 'claimed' or v[2] ~= token or v[5] ~= run then
    if settled_before(step, run, token, load(step)) then return 'accepted' end
    redis.call('INCR', K.late)
    return 'late'
  end
  local tail = ',"since":' .. (v[6] or stamp_of(now)) .. ',"finished":' .. finished
  if how == 'completed' or how == 'failed' then
    local t = { job = v[3], run = run, attempt = v[4], worker = worker, token = token }
    conclude(step, t, now, how, tail, keep_s, nil)
    ended[#ended + 1] = step
    return 'accepted'
  end
  local t = load(step)
  local failures = tonumber(t.failures) + 1
  if failures > tonumber(t.max_failures) then
    t.failures = failures
    conclude(step, t, now, 'failed', tail, keep_s, 'failures')
    ended[#ended + 1] = step
    return 'accepted'
  end
  local delay = retry_after > 0 and retry_after or BACKOFF_MS[math.min(failures, #BACKOFF_MS)]
  ended[#ended + 1] = step
  redis.call('HSET', K.ticket .. step, 'state', 'delayed', 'since', stamp_of(now), 'failures', failures,
    'token', '', 'last_token', token, 'worker', '', 'avoid', worker, 'avoid_until', now + delay + AVOID_MS)
  redis.call('ZADD', K.delayed, now + delay, step)
  publish_report(report('retrying', step, t, now, tail .. ',"retry_in_ms":' .. string.format('%.0f', delay)))
  return 'accepted'
end

local answers = {}
for i = 7, #ARGV, 6 do
  answers[#answers + 1] =
    settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5]))
end
for i = 1, #ended, 200 do
  redis.call('ZREM', K.leases, unpack(ended, i, math.min(i + 199, #ended)))
end

local function answer(unjudged, after, up_to, more)
  flush_reports()
  return { answers, claims, unjudged or {}, after or '0', up_to or '0', more and 1 or 0, stamp_of(now) }
end

-- Who wants nothing leaves the line, also with a repeated call, which may have joined it when it came first. A wake-up
-- that it was handed meanwhile (it is paused now, or serves something else) goes to the next one.
if want == 0 then
  local mark = redis.call('ZSCORE', K.idle .. class, worker)
  redis.call('ZREM', K.idle .. class, worker)
  if mark and tonumber(mark) < 0 then wake_class(class, now) end
end

-- A repeated claim gets its first answer, even from a worker that wants nothing more by now: it must know what it
-- holds.
local before = redis.call('GET', K.claimed .. request)
if before then
  for step in string.gmatch(before, '%S+') do
    local v = redis.call('HMGET', K.ticket .. step, 'body', 'attempt', 'token', 'state', 'remembered', 'remembered_by')
    if v[3] == request and v[4] == 'claimed' then
      redis.call('ZADD', K.leases, now + lease_ms, step)
      claims[#claims + 1] = { v[1], v[2], stamp_of(now), v[5] or '', v[6] or '' }
    end
  end
  -- these may be the claims of another lane of the worker; the one that asks now has not been looked for
  return answer(nil, nil, nil, want > 0)
end

if want == 0 then return answer() end

promote_due(now, 50)

-- signatures this class has not been matched against: say so instead of handing out in the wrong order
local newest = redis.call('ZRANGE', K.sigs, -1, -1, 'WITHSCORES')[2]
local judged = redis.call('HGET', K.judged, class) or '0'
if newest and tonumber(newest) > tonumber(judged) then
  local batch = redis.call('ZRANGEBYSCORE', K.sigs, '(' .. judged, '+inf', 'WITHSCORES', 'LIMIT', 0, 500)
  local unjudged = {}
  for i = 1, #batch, 2 do
    unjudged[#unjudged + 1] = batch[i]
    unjudged[#unjudged + 1] = redis.call('HGET', K.requirements, batch[i])
  end
  return answer(unjudged, judged, batch[#batch])
end

-- `heads` holds lower bounds: the first entry is right, or is put right, or is gone. Signatures whose first tickets
-- should all go to another worker are stepped over. Bounded, however odd the state: looks in a row that gave
-- nothing are counted, and if they mended something the worker is asked to call again.
local skip, vain, mended = 0, 0, false
while want > 0 and vain < MAX_WALK do
  local top = redis.call('ZRANGE', heads, skip, skip + 1, 'WITHSCORES')
  local sig, wanted = top[1], want
  if not sig then break end
  local first = redis.call('ZRANGE', K.wait .. sig, 0, 0, 'WITHSCORES')
  if not first[1] then
    redis.call('ZREM', heads, sig)
    mended = true
  elseif first[2] ~= top[2] then
    redis.call('ZADD', heads, first[2], sig)
    mended = true
  elseif take_from(sig, top[4] and tonumber(top[4])) == 0 then
    skip = skip + 1
  else
    mended = true
  end
  vain = want == wanted and vain + 1 or 0
end
local more = mended and vain == MAX_WALK

note_taken()
if want > 0 and not more then
  wake_held(now)
  redis.call('ZADD', K.idle .. class, now, worker)
  redis.call('EXPIRE', K.idle .. class, 60)
  redis.call('SADD', K.idle_classes, class)
  -- nothing waits for this class, so it does not matter whom it served
  if redis.call('EXISTS', heads) == 0 then redis.call('UNLINK', K.served .. class, K.spent .. class) end
else
  redis.call('ZREM', K.idle .. class, worker)
end
return answer(nil, nil, nil, more)
