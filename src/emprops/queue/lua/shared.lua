-- Functions that several scripts use. `K` (key names) is put before this file.

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Marks of waiting workers that are older belong to the dead: a live worker renews its own with every slow poll.
local IDLE_MS = 15000
-- How long a step that a worker failed or lost is kept for others before that worker may have it again.
local AVOID_MS = 10000
-- A worker not heard of for this long does not count as somebody to leave a step for.
local SILENT_MS = 30000
-- Of the workers that might do, so many are looked at.
local SAMPLE = 16

-- Hand a wake-up to a worker. Until its next turn, which says how it is then, it has a negative mark.
local function tell(worker, class, now)
  redis.call('ZADD', K.idle .. class, -now, worker)
  redis.call('LPUSH', K.wake .. worker, '1')
  redis.call('LTRIM', K.wake .. worker, 0, 0)
  redis.call('EXPIRE', K.wake .. worker, 60)
end

-- Wake the worker of this class that went idle last.
local function wake_class(class, now)
  local idle = K.idle .. class
  local last = redis.call('ZRANGE', idle, -1, -1, 'WITHSCORES')
  local mark = tonumber(last[2] or 0)
  if mark > 0 and mark >= now - IDLE_MS then
    tell(last[1], class, now)
    return true
  end
  if mark > 0 then
    redis.call('ZREMRANGEBYSCORE', idle, 1, '+inf')
  elseif -mark < now - IDLE_MS then
    redis.call('DEL', idle)
  end
  redis.call('SREM', K.idle_classes, class)
  return false
end

-- The name of the models that a signature requires; nil if it requires none (queue/matching.py makes the names).
local function models_of(sig)
  return string.byte(sig) == 109 and string.sub(sig, 1, 9) or nil
end

-- Workers that wait, or were just told, could run a signature and have its models loaded: { worker, class, whether it
-- waits } each. Dead ones are struck off.
local function warm_idle(sig, models, now)
  local found = {}
  local sample = redis.call('HRANDFIELD', K.warm .. models, SAMPLE, 'WITHVALUES')
  for i = 1, #sample, 2 do
    local other, class = sample[i], sample[i + 1]
    local mark = tonumber(redis.call('ZSCORE', K.idle .. class, other) or 0)
    if math.abs(mark) >= now - IDLE_MS then
      if redis.call('SISMEMBER', K.sig_classes .. sig, class) == 1 then
        found[#found + 1] = { other, class, mark > 0 }
      end
    elseif tonumber(redis.call('ZSCORE', K.members .. class, other) or 0) < now - SILENT_MS then
      redis.call('HDEL', K.warm .. models, other)
    end
  end
  return found
end

-- Wake one worker that can run a signature, whatever it has loaded.
local function wake_any(sig, now)
  for _, class in ipairs(redis.call('SINTER', K.sig_classes .. sig, K.idle_classes)) do
    if wake_class(class, now) then return true end
  end
  return false
end

-- Nobody waits with these models loaded. Of those who wait, the one whose own models were used longest ago, or that has
-- loaded none, loses least by loading others.
local function wake_cold(sig, now)
  for _, class in ipairs(redis.call('SINTER', K.sig_classes .. sig, K.idle_classes)) do
    local waiting = redis.call('ZRANGEBYSCORE', K.idle .. class, now - IDLE_MS, '+inf', 'LIMIT', 0, SAMPLE)
    if waiting[1] then
      local used, best = redis.call('ZMSCORE', K.warm_at, unpack(waiting)), 1
      for i = 2, #waiting do
        if tonumber(used[i] or 0) < tonumber(used[best] or 0) then best = i end
      end
      tell(waiting[best], class, now)
      return true
    end
  end
  return wake_any(sig, now)
end

-- One new ticket wakes one worker that can run it, one with its models loaded before all others. These are to look
-- after `hold_ms` (nil: when they do anyway), should the ticket still wait then.
local function wake_for(sig, now, hold_ms)
  local models = models_of(sig)
  if not models then return wake_any(sig, now) end
  for _, warm in ipairs(warm_idle(sig, models, now)) do
    if warm[3] then
      tell(warm[1], warm[2], now)
      if hold_ms then redis.call('ZADD', K.held, 'LT', now + hold_ms, sig) end
      return true
    end
  end
  return wake_cold(sig, now)
end

-- Tickets have waited long enough for the workers that have their models loaded: now for anybody.
local function wake_held(now)
  for _, sig in ipairs(redis.call('ZRANGEBYSCORE', K.held, '-inf', now, 'LIMIT', 0, 20)) do
    redis.call('ZREM', K.held, sig)
    for _ = 1, math.min(redis.call('ZCARD', K.wait .. sig), 16) do
      if not wake_any(sig, now) then break end
    end
  end
end

-- The first waiting ticket of a signature changed for the better: tell the classes that can run it. Classes that
-- were forgotten meanwhile are struck off here, so that forgetting one does not have to visit every signature.
local function lower_heads(sig, score)
  for _, class in ipairs(redis.call('SMEMBERS', K.sig_classes .. sig)) do
    if redis.call('ZSCORE', K.classes, class) then
      redis.call('ZADD', K.heads .. class, 'LT', score, sig)
    else
      redis.call('SREM', K.sig_classes .. sig, class)
    end
  end
end

-- Put a ticket that was taken back where it was. Its turn is used already: it goes by its job's age, before all who wait
-- for theirs, or before everything if it had been lifted.
local function offer(step, t, now)
  local q, score = K.wait .. t.sig, t.lifted or t.score
  redis.call('ZADD', q, score, step)
  if redis.call('ZRANGE', q, 0, 0)[1] == step then lower_heads(t.sig, score) end
  wake_for(t.sig, now)
end

-- Making text of a number costs as much as a small command, so it is done once a call and not once a report.
local stamps = {}

local function stamp_of(now)
  stamps[now] = stamps[now] or string.format('%.0f', now)
  return stamps[now]
end

-- A report is one JSON text: the same bytes go to the stream and, when final, become the attestation. `tail` is JSON.
local function report(kind, step, t, now, tail)
  return '{"kind":"' .. kind .. '","step_id":"' .. step .. '","job_id":"' .. t.job .. '","run":' .. t.run
    .. ',"attempt":' .. t.attempt .. ',"worker_id":"' .. (t.worker or '') .. '","token":"' .. (t.token or '')
    .. '","at":' .. stamp_of(now) .. (tail or '') .. '}'
end

-- All reports of one script call leave as one stream entry, a line each: an entry a report would cost more than the
-- rest of the call. Every script that reports ends with flush_reports().
local reported = {}

local function publish_report(text)
  reported[#reported + 1] = text
end

local function flush_reports()
  if #reported > 0 then redis.call('XADD', K.reports, '*', 'r', table.concat(reported, '\n')) end
end

-- The end of a step: attestation and report in one go; what was shown of it goes. Dead letters keep their ticket for
-- inspection. The caller drops the lease (many at once where it can).
local function conclude(step, t, now, kind, tail, keep_s, dead)
  if dead then
    tail = tail .. ',"dead":{"reason":"' .. dead .. '","failures":' .. t.failures .. ',"losses":' .. t.lost .. '}'
  end
  local text = report(kind, step, t, now, tail)
  redis.call('SET', K.attestation .. step .. ':' .. t.run, text, 'EX', keep_s)
  publish_report(text)
  if dead then
    redis.call('HSET', K.ticket .. step, 'state', 'dead', 'token', '', 'reason', dead, 'failures', t.failures,
      'lost', t.lost)
    redis.call('EXPIRE', K.ticket .. step, keep_s)
    redis.call('ZADD', K.dead, now, step)
    redis.call('ZREMRANGEBYSCORE', K.dead, '-inf', now - keep_s * 1000)
    redis.call('DEL', K.preview .. t.job)
  else
    redis.call('DEL', K.ticket .. step, K.preview .. t.job)
  end
end

local FIELDS = { 'run', 'sig', 'score', 'job', 'state', 'attempt', 'failures', 'lost', 'worker', 'token',
  'max_failures', 'max_lost', 'last_token', 'user', 'lifted' }

local function load(step)
  local v = redis.call('HMGET', K.ticket .. step, unpack(FIELDS))
  if not v[1] then return nil end
  local t = {}
  for i, name in ipairs(FIELDS) do t[name] = v[i] or nil end
  return t
end

-- Delayed tickets whose time has come go back to their place. Bounded, so that no call pays for all.
local function promote_due(now, limit)
  local due = redis.call('ZRANGEBYSCORE', K.delayed, '-inf', now, 'LIMIT', 0, limit)
  for _, step in ipairs(due) do
    redis.call('ZREM', K.delayed, step)
    local t = load(step)
    if t and t.state == 'delayed' then
      redis.call('HSET', K.ticket .. step, 'state', 'waiting', 'since', stamp_of(now))
      offer(step, t, now)
    end
  end
  return #due
end
