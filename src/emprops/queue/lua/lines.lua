-- Turns between users: who comes next among the tickets of one priority. docs/03-redis.md tells the whole.
--
-- A band is a priority: 1e13 scores. In its lower half are the heads, one ticket of each user, by turn; in its upper
-- half all other tickets, by the age of their job. A user's line has all of his tickets of one signature and band, in
-- his own order; the first is the head. Tickets that were taken before and came back are in no line: they are heads as
-- well, at the place they had.

local BAND, HALF = 1e13, 5e12
-- A line that nobody adds to for so long has lost its tickets to scripts of another version.
local LINE_S = 30 * 86400

local function band_of(score)
  return math.floor(score / BAND)
end

local function is_head(score)
  return score % BAND < HALF
end

local function line_of(sig, band, user)
  return K.line .. sig .. ':' .. band .. ':' .. user
end

local function lines_of(band, user)
  return K.lines .. band .. ':' .. user
end

-- How much of his present turn a user with a weight has had: two numbers as one text.
local function spent_of(band, user)
  return K.spent .. band .. ':' .. user
end

local function pair(first, second)
  return string.format('%.0f:%.0f', first, second)
end

local function read_pair(text)
  local first, second = string.match(text or '', '^(%d+):(%d+)$')
  return tonumber(first), tonumber(second)
end

-- Turns are numbers that only rise, and never stay behind the clock: so they keep rising when Redis loses its memory,
-- and tickets of older versions, which have the time of their job in this place, come before those that came later.
local newest_turn, kept_turn

local function present_turn(now)
  if not newest_turn then
    kept_turn = tonumber(redis.call('GET', K.turn) or 0)
    newest_turn = math.max(now, kept_turn)
  end
  return newest_turn
end

local function next_turn(now)
  newest_turn = math.max(now, present_turn(now) + 1)
  return newest_turn
end

-- Every script that asks for turns ends with this: what comes later must come behind.
local function keep_turn()
  if newest_turn and newest_turn ~= kept_turn then redis.call('SET', K.turn, string.format('%.0f', newest_turn)) end
end

-- The first ticket of a line that still waits: step, age of its job, score. Others are struck off; not all at once.
local function first_of(line, q)
  for _ = 1, 100 do
    local first = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')
    if not first[1] then return nil end
    local score = redis.call('ZSCORE', q, first[1])
    if score then return first[1], tonumber(first[2]), tonumber(score) end
    redis.call('ZREM', line, first[1])
  end
end

-- Let the first ticket of a line come forward, to this score. Whether there is one.
local function come_forward(sig, band, user, score)
  local line, q = line_of(sig, band, user), K.wait .. sig
  local step, created = first_of(line, q)
  if step then
    redis.call('ZADD', q, score, step)
    redis.call('ZADD', lines_of(band, user), created, sig)
  else
    redis.call('ZREM', lines_of(band, user), sig)
  end
  return step ~= nil
end

-- What one call has seen of lines: line -> the first ticket's step, age and score.
local firsts = {}

-- What is to be added to sorted sets at the end of a call: key -> scores and members. One command for many costs a third.
local joined = {}

local function add_later(key, score, member)
  local batch = joined[key] or {}
  joined[key] = batch
  batch[#batch + 1] = score
  batch[#batch + 1] = member
end

-- Every script that joins ends with this, and calls it before it looks.
local function flush_joined()
  for key, batch in pairs(joined) do
    for i = 1, #batch, 400 do redis.call('ZADD', key, unpack(batch, i, math.min(i + 399, #batch))) end
  end
  joined = {}
end

-- Put a new ticket into its user's line. It waits for his next turn there, or takes the turn of the ticket it comes
-- before; who had nothing in line gets a new one, behind everyone who waits.
local function join(step, sig, order, user, now)
  local band = band_of(order)
  local created, line, q = math.min(order - band * BAND, HALF - 1), line_of(sig, band, user), K.wait .. sig
  local first = firsts[line]
  if not first then
    local head, at, score = first_of(line, q)
    if head and not is_head(score) then  -- its head went without a word to the line
      score = band * BAND + next_turn(now)
      redis.call('ZADD', q, score, head)
    end
    first = { head, at, score }
    firsts[line] = first
    redis.call('ZADD', line, created, step)
    redis.call('EXPIRE', line, LINE_S)
  elseif first[1] and created > first[2] then
    add_later(line, created, step)
  else
    redis.call('ZADD', line, created, step)
  end
  if first[1] and (created > first[2] or (created == first[2] and redis.call('ZRANGE', line, 0, 0)[1] ~= step)) then
    add_later(q, band * BAND + HALF + created, step)
    return
  end
  if first[1] then redis.call('ZADD', q, band * BAND + HALF + first[2], first[1]) end
  local score = first[3] or band * BAND + next_turn(now)
  redis.call('ZADD', q, score, step)
  redis.call('ZADD', lines_of(band, user), created, sig)
  redis.call('EXPIRE', lines_of(band, user), LINE_S)
  firsts[line] = { step, created, score }
end

-- Take a ticket that may wait out of its order, untaken: the next of its line inherits its place.
local function leave(step, sig, order, user)
  local q = K.wait .. sig
  local score = redis.call('ZSCORE', q, step)
  if not score then return end
  redis.call('ZREM', q, step)
  local band = band_of(order)
  local line = line_of(sig, band, user)
  firsts[line] = nil
  if redis.call('ZREM', line, step) == 0 then return end
  if is_head(tonumber(score)) or redis.call('EXISTS', line) == 0 then come_forward(sig, band, user, score) end
end
