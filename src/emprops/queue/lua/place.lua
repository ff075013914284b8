-- place(step, most_signatures) -> { requirement, due (ms) or empty, position, turns, own }; nothing if it does not wait
-- Where a ticket stands: `own` tickets of its user come before it, `turns` of other users come before his next one. Reads
-- only. Every user who waits gets a turn between two of his, so the position is exact as long as they all have enough
-- and no weights; it is never more than what waits.

local step = ARGV[1]
local t = load(step)
if not t or (t.state ~= 'waiting' and t.state ~= 'delayed') then return {} end
local band, user = band_of(t.score), t.user or ''
local created = t.score - band * BAND
local from, half, to = band * BAND, band * BAND + HALF, (band + 1) * BAND

-- the user's next turn in this band, and what he has waiting there
local turn = tonumber(redis.call('ZSCORE', K.wait .. t.sig, step) or t.lifted or t.score)
local own, own_heads, own_waiting = 0, 0, 0
for _, sig in ipairs(redis.call('ZRANGE', lines_of(band, user), 0, 99)) do
  local line = line_of(sig, band, user)
  local first = redis.call('ZRANGE', line, 0, 0)[1]
  own_heads = own_heads + 1
  own_waiting = own_waiting + redis.call('ZCARD', line)
  if not t.worker then
    local place = sig == t.sig and redis.call('ZRANK', line, step)
    own = own + (place or redis.call('ZCOUNT', line, '-inf', '(' .. string.format('%.0f', created)))
    turn = math.min(turn, tonumber(first and redis.call('ZSCORE', K.wait .. sig, first) or turn))
  end
end

local function text(score)
  return string.format('%.0f', score)
end

local urgent, before, heads, waiting = 0, 0, 0, 0
for _, sig in ipairs(redis.call('ZRANGE', K.sigs, 0, ARGV[2] - 1)) do
  local q = K.wait .. sig
  urgent = urgent + redis.call('ZCOUNT', q, '-inf', '(' .. text(math.min(from, turn)))
  if turn >= from then before = before + redis.call('ZCOUNT', q, text(from), '(' .. text(math.min(turn, half))) end
  heads = heads + redis.call('ZCOUNT', q, text(from), '(' .. text(half))
  waiting = waiting + redis.call('ZCOUNT', q, text(from), '(' .. text(to))
end
local others = math.max(0, waiting - own_waiting)
-- a user with a weight has so many in each turn, and perhaps a part of the present one behind him
local weight, rounds = tonumber(redis.call('HGET', K.ticket .. step, 'weight') or 1), own
if weight > 1 then
  local at, spent = read_pair(redis.call('HGET', spent_of(band, user), t.sig))
  rounds = math.floor((own + (at == turn % BAND and spent or 0)) / weight)
end
local turns = math.min(before + rounds * math.max(0, heads - own_heads), others)
return { redis.call('HGET', K.requirements, t.sig) or '', redis.call('ZSCORE', K.delayed, step) or '',
  1 + urgent + own + turns, before, own }
