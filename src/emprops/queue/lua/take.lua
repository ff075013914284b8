-- What a worker may take, and taking it; turn.lua goes on from here.

local class, worker, request, want = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local lease_ms, keep_s = tonumber(ARGV[5]), ARGV[6]
local now = now_ms()

local claims = {}
local heads = K.heads .. class
local taken, leases = {}, {}
local lease_end = string.format('%.0f', now + lease_ms)

-- A step is left for another worker only if another live one could run it.
local rivals = {}

local function has_rival(sig)
  if rivals[sig] == nil then
    local live = 0
    for _, other in ipairs(redis.call('SMEMBERS', K.sig_classes .. sig)) do
      live = live + redis.call('ZCOUNT', K.members .. other, now - SILENT_MS, '+inf')
    end
    local own = redis.call('ZSCORE', K.members .. class, worker)
    if own and tonumber(own) >= now - SILENT_MS then live = live - 1 end
    rivals[sig] = live > 0
  end
  return rivals[sig]
end

-- A ticket that has not waited long is left for a worker that waits with its models loaded; not more tickets than there
-- are such workers.
local left_for, kept = {}, {}

local function kept_warm(step, sig)
  local models = models_of(sig)
  if not models then return false end
  if kept[step] then return true end
  if left_for[sig] == nil then
    local warm = redis.call('HEXISTS', K.warm .. models, worker) == 1
    left_for[sig] = warm and 0 or #warm_idle(sig, models, now)
  end
  if left_for[sig] == 0 then return false end
  local warm_until = tonumber(redis.call('HGET', K.ticket .. step, 'warm_until') or 0)
  if warm_until <= now then return false end
  left_for[sig] = left_for[sig] - 1
  kept[step] = true
  redis.call('ZADD', K.held, 'LT', warm_until, sig)
  return true
end

-- What to know of a waiting ticket before it is taken; nil if this entry is the ghost of one.
local function brief(step, sig)
  local v = redis.call('HMGET', K.ticket .. step, 'state', 'sig', 'body', 'attempt', 'job', 'run', 'since', 'user',
    'score', 'worker', 'weight')
  if v[1] ~= 'waiting' or v[2] ~= sig then return nil end
  -- a field that is not there costs more than one that is: most tickets were never taken before
  local before = v[10] and redis.call('HMGET', K.ticket .. step, 'avoid', 'avoid_until', 'remembered', 'remembered_by') or {}
  local t = { body = v[3], attempt = v[4], job = v[5], run = v[6], since = v[7] or stamp_of(now),
    work = before[3] or '', by = before[4] or '', user = v[8] or '', band = band_of(v[9]), again = v[10] ~= false,
    weight = v[11] and tonumber(v[11]) }
  t.created = v[9] - t.band * BAND
  if tonumber(before[2] or 0) > now then
    t.shunned = before[1] == worker and has_rival(sig)
  else
    t.shunned = kept_warm(step, sig)
  end
  return t
end

local warmed = {}  -- models -> the last step taken that requires them

local function take(step, sig, t, score)
  local attempt = t.attempt + 1
  redis.call('HSET', K.ticket .. step, 'state', 'claimed', 'worker', worker, 'token', request, 'attempt', attempt,
    'since', stamp_of(now))
  if tonumber(score) < 0 then redis.call('HSET', K.ticket .. step, 'lifted', score) end
  publish_report(report('started', step, { job = t.job, run = t.run, attempt = attempt, worker = worker }, now,
    ',"since":' .. t.since))
  count_run(step, sig, attempt, now)
  claims[#claims + 1] = { t.body, attempt, t.since, t.work, t.by }
  taken[#taken + 1] = step
  leases[#leases + 1] = lease_end
  leases[#leases + 1] = step
  local models = models_of(sig)
  if models then warmed[models] = step end
  want = want - 1
end

-- When this class last served a user: his turn of then. Whoever was served since his head got its place waits anew.
local served, newly_served = {}, {}
local SERVED, SERVED_S = 10000, 3600

local function served_at(user)
  if not served[user] then served[user] = tonumber(redis.call('ZSCORE', K.served .. class, user) or 0) end
  return served[user]
end

-- Whether a user's head has waited since before he was served; then it waits anew, as long as others may come between.
-- Who has heads in very many signatures and nobody beside him would pay for all of them each time: he need not.
local STALE = 8
local stale_user, stale = nil, 0

local function is_stale(user, score)
  if score < 0 or not is_head(score) or served_at(user) <= score % BAND then return false end
  if stale_user ~= user then stale_user, stale = user, 0 end
  stale = stale + 1
  return stale <= STALE
end

local function strike_off(sig, t, steps)
  local line = line_of(sig, t.band, t.user)
  if #steps > 1 and redis.call('ZRANK', line, steps[#steps]) == #steps - 1 then
    redis.call('ZREMRANGEBYRANK', line, 0, #steps - 1)
  else
    redis.call('ZREM', line, unpack(steps))
  end
end

local function note_served(user, turn)
  served[user] = turn
  newly_served[user] = turn
end

-- A user was served: the score of his next turn.
local function serve(t)
  note_served(t.user, next_turn(now))
  if stale_user ~= t.user then stale_user, stale = t.user, 0 end
  return t.band * BAND + served[t.user]
end

-- Whether the turn of a user with a weight goes on after `count` more tickets. It ends when the class has taken as many as
-- the weight in it, of whatever signatures, or when as many went from this place, to whatever classes. A head that got its
-- place after the class last took something of the user's begins a new turn; the user's other heads wait anew since then.
local function goes_on(sig, t, place, count)
  if place < 0 or not is_head(place) then return false end
  local by_class, by_place, turn = K.spent .. class, spent_of(t.band, t.user), place % BAND
  local newest, taken_here = read_pair(redis.call('HGET', by_class, t.user))
  if newest and turn > newest then note_served(t.user, math.max(newest, served_at(t.user))) end
  if not newest or turn > newest then taken_here = 0 end
  local at, from_place = read_pair(redis.call('HGET', by_place, sig))
  if at ~= turn then from_place = 0 end
  taken_here, from_place = taken_here + count, from_place + count
  if math.max(taken_here, from_place) >= t.weight then
    redis.call('HDEL', by_class, t.user)
    redis.call('HDEL', by_place, sig)
    return false
  end
  redis.call('HSET', by_class, t.user, pair(next_turn(now), taken_here))
  redis.call('EXPIRE', by_class, SERVED_S)
  redis.call('HSET', by_place, sig, pair(turn, from_place))
  redis.call('EXPIRE', by_place, SERVED_S)
  return true
end

-- These tickets of one line were taken in a turn of their user's: the next one waits for his next turn, or takes their place
-- if this one goes on.
local function end_turn(sig, t, steps, place)
  strike_off(sig, t, steps)
  local on = t.weight and goes_on(sig, t, place, #steps)
  if not come_forward(sig, t.band, t.user, on and place or serve(t)) and on then
    redis.call('HDEL', spent_of(t.band, t.user), sig)
  end
end

-- The user's first ticket of another signature, if it comes before this one in his own order and this class can run it:
-- signature, step, what to know of it. The fourth value is the age up to which none of another signature comes first.
local function earlier(sig, t)
  local lines = lines_of(t.band, t.user)
  local own = redis.call('ZRANGE', lines, 0, SAMPLE - 1, 'WITHSCORES')
  for i = 1, #own, 2 do
    local other, since = own[i], tonumber(own[i + 1])
    if other ~= sig and since >= t.created then return nil, nil, nil, since end
    if other ~= sig and redis.call('SISMEMBER', K.sig_classes .. other, class) == 1 and not is_full(other, now, want) then
      local step, created = first_of(line_of(other, t.band, t.user), K.wait .. other)
      local first = step and brief(step, other)
      if not step then
        redis.call('ZREM', lines, other)
      elseif created ~= since then
        redis.call('ZADD', lines, created, other)
      end
      if first and created < t.created and not first.shunned then return other, step, first end
    end
  end
  return nil, nil, nil, math.huge
end

-- Take a user's earlier ticket of another signature, in the turn that the head of this one has. Whether it goes on: then his
-- heads stay where they are.
local function take_earlier(sig, t, place, other, step, first)
  local score = redis.call('ZSCORE', K.wait .. other, step)
  take(step, other, first, score)
  redis.call('ZREM', K.wait .. other, step)
  strike_off(other, first, { step })
  local on = t.weight and is_head(tonumber(score)) and goes_on(sig, t, place, 1)
  come_forward(other, first.band, first.user, on and score or serve(t))
  local rest = redis.call('ZRANGE', K.wait .. other, 0, 0, 'WITHSCORES')
  if rest[1] then redis.call('ZADD', heads, rest[2], other) else redis.call('ZREM', heads, other) end
  return on
end

-- Look at the first tickets of one signature, from place `at` on, and take what comes before `limit` (the first ticket of
-- the next signature). Stops where tickets of users that were served meanwhile may come in between.
-- -> how many left this place; how many should go to another worker; whether `limit` was met
local function take_some(sig, limit, at, count)
  local q = K.wait .. sig
  local batch = redis.call('ZRANGE', q, at, at + count, 'WITHSCORES')
  local gone, turns, moved, shunned, met = {}, {}, 0, 0, #batch == 0
  local behind, looked = math.huge, 0
  for i = 1, #batch, 2 do
    local step, score = batch[i], tonumber(batch[i + 1])
    local last = turns[#turns]
    -- behind the heads are those of users who were just served; or his own next one, if only one user waits
    local follows = last ~= nil and not (is_head(score) and band_of(score) == band_of(last.place))
    met = want == 0 or (limit ~= nil and score > limit) or is_full(sig, now, want)
    if met or score > behind or (follows and turns[2]) then break end
    local t = brief(step, sig)
    looked = looked + 1
    if not t then
      gone[#gone + 1] = step
    elseif t.shunned then
      shunned = shunned + 1
    elseif t.again then
      take(step, sig, t, batch[i + 1])
      gone[#gone + 1] = step
    elseif follows then
      local mine = t.user == last.t.user and t.band == last.t.band and t.created <= last.until_age
      if not mine then
        looked = looked - 1
        break
      end
      take(step, sig, t, batch[i + 1])
      gone[#gone + 1] = step
      last.steps[#last.steps + 1] = step
    else
      local other, found, first, until_age
      local waits_anew = is_stale(t.user, score)
      if not waits_anew then other, found, first, until_age = earlier(sig, t) end
      if other and last then  -- the turns before this one are given out first
        looked = looked - 1
        break
      end
      if other and take_earlier(sig, t, score, other, found, first) then
        moved = moved + 1
        break
      end
      if waits_anew or other then
        behind = math.min(behind, t.band * BAND + served[t.user])
        redis.call('ZADD', q, t.band * BAND + served[t.user], step)
        moved = moved + 1
      else
        take(step, sig, t, batch[i + 1])
        gone[#gone + 1] = step
        turns[#turns + 1] = { t = t, place = score, steps = { step }, until_age = until_age }
        -- the next one of a weight may take this place: nobody else's turn is given out before that is known
        if t.weight and batch[i + 3] and is_head(tonumber(batch[i + 3])) then break end
      end
    end
  end
  if #gone > 1 and #gone == looked then
    redis.call('ZREMRANGEBYRANK', q, at, at + #gone - 1)  -- so much in a row costs less than one by one
  elseif #gone > 0 then
    redis.call('ZREM', q, unpack(gone))
  end
  for _, one in ipairs(turns) do end_turn(sig, one.t, one.steps, one.place) end
  return #gone + moved, shunned, met
end

-- Take from the top of one signature what comes before `limit`.
-- -> how many were taken or moved; 0 means that all of the first ones should go to another worker
local CHUNK, DEPTH = 100, 300

local function take_from(sig, limit)
  local changed, at, looks, count = 0, 0, 0, want
  while want > 0 and at < DEPTH and looks < STALE do
    local wanted = want
    local done, shunned, met = take_some(sig, limit, at, math.min(count, CHUNK))
    changed, at = changed + done, at + shunned
    if met then break end
    if want < wanted then
      -- who was served comes again soon: not more is read than was used
      looks, count = 0, math.min(want, 2 * (wanted - want))
    elseif done > 0 then
      looks = looks + 1
    end
  end
  if changed == 0 then return 0 end
  local first = redis.call('ZRANGE', K.wait .. sig, 0, 0, 'WITHSCORES')
  if first[1] then redis.call('ZADD', heads, first[2], sig) else redis.call('ZREM', heads, sig) end
  return changed
end

local WARM_S = 86400

-- A worker has loaded what it runs and what it took last; what it ran before counts as pushed out.
local function note_warm()
  local mine = K.warm_by .. worker
  local known = redis.call('HGETALL', mine)
  for i = 1, #known, 2 do
    local models = known[i]
    local v = redis.call('HMGET', K.ticket .. known[i + 1], 'worker', 'state')
    if not warmed[models] and not (v[1] == worker and v[2] == 'claimed') then
      redis.call('HDEL', mine, models)
      redis.call('HDEL', K.warm .. models, worker)
    end
  end
  for models, step in pairs(warmed) do
    redis.call('HSET', mine, models, step)
    redis.call('EXPIRE', mine, WARM_S)
    redis.call('HSET', K.warm .. models, worker, class)
    redis.call('EXPIRE', K.warm .. models, WARM_S)
  end
  redis.call('ZADD', K.warm_at, now, worker)
  redis.call('ZREMRANGEBYSCORE', K.warm_at, '-inf', now - WARM_S * 1000)
end

-- What one call has taken is written down together.
local function note_taken()
  for i = 1, #leases, 200 do
    redis.call('ZADD', K.leases, unpack(leases, i, math.min(i + 199, #leases)))
  end
  if #taken > 0 then redis.call('SET', K.claimed .. request, table.concat(taken, ' '), 'EX', 300) end
  if next(warmed) then note_warm() end
  keep_turn()
  local pairs_of = {}
  for user, turn in pairs(newly_served) do
    pairs_of[#pairs_of + 1] = turn
    pairs_of[#pairs_of + 1] = user
  end
  if #pairs_of == 0 then return end
  for i = 1, #pairs_of, 200 do
    redis.call('ZADD', K.served .. class, unpack(pairs_of, i, math.min(i + 199, #pairs_of)))
  end
  redis.call('ZREMRANGEBYRANK', K.served .. class, 0, -SERVED - 1)
  redis.call('EXPIRE', K.served .. class, SERVED_S)
end
