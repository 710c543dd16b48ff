-- The third part of the script, after sliding-log.lua and line.lua.
-- Rate limits: for each config a log of what has been started and a line of what may start; one call does many
-- operations over many configs. Times are whole milliseconds of this server's clock, `now` is the same for all of a call.
--
-- KEYS, six per config (config c has KEYS[6c-5] … KEYS[6c]); all share one hash tag:
--   starts        ZSET bucket → bucket     sends that count from a known time
--   startCounts   HASH bucket → count, `total`, `lag`
--   flights       ZSET bucket → bucket     sends under way; only where the window is short against the longest call
--   flightCounts  HASH bucket → count, `total`
--   line          ZSET member → slot       reservations; the score's fraction is the place among equal slots
--   sends         STRING                   sends of a calendar month; only where the config has a quota
-- and one more at the end:
--   since         STRING                   when this Redis began to count
-- ARGV[1], JSON: { maxCall: ms, configs: [[count, window in ms, monthly quota or 0, sends of the month that MySQL knows], …],
--                  operations: [[name, …], …] }, configs numbered from 1:
--   ["reserve", member, [[[config, overflow], …group], …groups]]   overflow: 0 refuses, 1 waits in line, 2 waits for company
--                                → { config, slot } or { 0, when one gets free (0: not this month) }
--   ["start", member, config]    → { 1, bucket, end of bucket, how many were ahead in line }, { 0, slot } or { 2 }: quota used up
--   reserve and start may answer { -1, config }: what the config has sent before this Redis counted has to be told first:
--   ["seed", config, sends]      → { 1 }  counted as if they were sent now, once
--   ["settle", config, bucket]   → { 1 }
--   ["giveBack", config, bucket, 1] → { 1 }  a start that led to no call; 0 instead of 1: it is no send of this month
--   ["release", member, config]  → { number of reservations given back }
--   ["peek", config, most]       → { member, … } the first in line
--   ["advance", config, ms, most] → { member, its new slot, … } of those who need not wait as long as they were told
--   ["snapshot", config]         → { used, reserved, room, next free at }
-- Result: { now, answer of each operation, … }
--
-- Why it is exact: a start goes only while starts + flights < count. An entry counts from when it is recorded until its
-- bucket has left the window as a whole; settling moves it to the end of its call, the latest instant at which the
-- provider can have seen it. A call may outlast a short window: then it stays a flight until settled, or until the
-- longest call is over.
--
-- Order: who is in line starts only while there is room for all ahead of it too, so nobody is overtaken by one that came
-- `count` places later.

local AHEAD_LOOK_MS = 5000 -- those ahead start at once, or have died: no need to wait longer to see
local UNSURE = -1
local ADVANCE_LEAST_MS = 1000 -- a smaller gain is not worth waking anybody

local function existing(groups, member)
  for _, group in ipairs(groups) do
    for _, candidate in ipairs(group) do
      local slot = slotOf(configOf(candidate[1]), member)
      if slot then return { candidate[1], slot } end
    end
  end
end

local function roomiest(group)
  local best, most = nil, 0
  for _, candidate in ipairs(group) do
    local free = room(configOf(candidate[1]))
    if free > most then best, most = candidate, free end
  end
  return best
end

-- Who waits for company shares a send, so a single one left is enough for the whole line.
local function hasQuota(config, overflow)
  return quotaLeft(config) > (overflow == 2 and 0 or config.waiting)
end

-- The slot of one for whom there is room: now, but not before those who wait and have yet to learn that they need not.
local function slotInRoom(config, overflow)
  if overflow == 0 or config.waiting == 0 then return now end
  return math.max(now, slotAt(config, -1))
end

local operations = {}

local function firstUnsure(groups)
  for _, group in ipairs(groups) do
    for _, candidate in ipairs(group) do
      if configOf(candidate[1]).unsure then return candidate[1] end
    end
  end
end

function operations.reserve(member, groups)
  local unsure = firstUnsure(groups)
  if unsure then return { UNSURE, unsure } end
  local found = existing(groups, member)
  if found then return found end
  for _, group in ipairs(groups) do
    local best = roomiest(group)
    if best then
      local config = configOf(best[1])
      return { best[1], take(config, member, slotInRoom(config, best[2])) }
    end
  end
  local soonest = math.huge
  for _, group in ipairs(groups) do
    for _, candidate in ipairs(group) do
      local config = configOf(candidate[1])
      if hasQuota(config, candidate[2]) then
        local slot = endOfLine(config)
        if candidate[2] > 0 then return { candidate[1], take(config, member, slot) } end
        soonest = math.min(soonest, slot)
      end
    end
  end
  return { 0, soonest == math.huge and 0 or soonest }
end

-- When one of this rank in line has to ask again; nil: it may start.
local function holdUntil(config, rank)
  local free = config.count - used(config)
  if rank < free then return nil end
  if free <= 0 then return earliest(config, rank) end
  if aheadOf(config, rank) < free then return nil end
  return math.min(earliest(config, rank), now + AHEAD_LOOK_MS)
end

function operations.start(member, number)
  local config = configOf(number)
  if config.unsure then return { UNSURE, number } end
  local slot = slotOf(config, member)
  local rank = 0
  if quotaLeft(config) <= 0 then
    leave(config, member)
    return { 2 }
  elseif slot then
    rank = redis.call('ZRANK', config.line, member)
    local held = holdUntil(config, rank)
    if held then return { 0, slot > now and slot or held } end
    leave(config, member)
    config.lag = math.max(0, now - slot)
  elseif room(config) <= 0 then
    return { 0, take(config, member, endOfLine(config)) }
  end
  countSends(config, 1)
  local log = config.flights or config.starts
  local bucket = record(log, 1)
  return { 1, bucket, (bucket + 1) * log.grain, rank }
end

function operations.settle(number, bucket)
  local config = configOf(number)
  erase(config.flights or config.starts, bucket)
  record(config.starts, 1)
  return { 1 }
end

function operations.seed(number, sends)
  local config = configOf(number)
  if config.unsure and sends > 0 then record(config.starts, sends) end
  if config.unsure then redis.call('HSET', config.starts.counts, 'seeded', 1) end
  config.unsure, config.changed = false, true
  return { 1 }
end

function operations.giveBack(number, bucket, ofMonth)
  local config = configOf(number)
  erase(config.flights or config.starts, bucket)
  countSends(config, -ofMonth)
  return { 1 }
end

function operations.release(member, number)
  return { leave(configOf(number), member) }
end

function operations.peek(number, most)
  return redis.call('ZRANGE', configOf(number).line, 0, most - 1)
end

function operations.advance(number, horizon, most)
  local config = configOf(number)
  local line = config.waiting > 0 and redis.call('ZRANGE', config.line, 0, most - 1, 'WITHSCORES') or {}
  local moved, last = {}, 0
  for place = 0, #line / 2 - 1 do
    local member, score = line[2 * place + 1], tonumber(line[2 * place + 2])
    local slot = earliest(config, place)
    if slot > now + horizon then break end
    if score - slot >= ADVANCE_LEAST_MS then
      score = math.max(slot, last + PLACE)
      redis.call('ZADD', config.line, score, member)
      config.changed = true
      table.insert(moved, member)
      table.insert(moved, math.floor(score))
    end
    last = score
  end
  return moved
end

function operations.snapshot(number)
  local config = configOf(number)
  local free = room(config)
  return { used(config), config.waiting, math.max(0, free), free > 0 and now or endOfLine(config) }
end

local result = { now }
for _, operation in ipairs(request.operations) do
  result[#result + 1] = operations[operation[1]](operation[2], operation[3], operation[4])
end
for _, config in pairs(configs) do closeConfig(config) end
return result
