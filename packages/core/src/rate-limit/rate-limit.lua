-- The second part of the script, after sliding-log.lua.
-- Rate limits: for each config a log of what has been started and a line of what may start; one call does many
-- operations over many configs. Times are whole milliseconds of this server's clock, `now` is the same for all of a call.
--
-- KEYS, five per config (config c has KEYS[5c-4] … KEYS[5c]); all share one hash tag:
--   starts        ZSET bucket → bucket     sends that count from a known time
--   startCounts   HASH bucket → count, `total`, `lag`
--   flights       ZSET bucket → bucket     sends under way; only where the window is short against the longest call
--   flightCounts  HASH bucket → count, `total`
--   line          ZSET member → slot       reservations; the score is also the place in the line and never changes
-- ARGV[1], JSON: { maxCall: ms, configs: [[count, window in ms], …], operations: [[name, …], …] }, configs numbered from 1:
--   ["reserve", member, [[[config, defer 0|1], …group], …groups]]   → { config (0: refused), slot (0: when one gets free) }
--   ["start", member, config]    → { 1, bucket, end of bucket } or { 0, slot }
--   ["settle", config, bucket]   → { 1 }
--   ["release", member, config]  → { number of reservations given back }
--   ["snapshot", config]         → { used, reserved, room, next free at }
-- Result: { now, answer of each operation, … }
--
-- Why it is exact: a start goes only while starts + flights < count. An entry counts from when it is recorded until its
-- bucket has left the window as a whole; settling moves it to the end of its call, the latest instant at which the
-- provider can have seen it. A call may outlast a short window: then it stays a flight until settled, or until the
-- longest call is over.

local STALE_MS = 60000 -- the least that a reservation outlives its slot
local IDLE_MARGIN_MS = 60000

local request = cjson.decode(ARGV[1])

-- A config ------------------------------------------------------------------------------------------------------------

-- Those whose slot is long past, though the line has moved on beyond them: their task has died.
local function forgetStale(config)
  local last = now - config.lag - config.stale
  config.waiting = config.waiting - redis.call('ZREMRANGEBYSCORE', config.line, '-inf', last)
end

local function openConfig(number)
  local key, limit = number * 5 - 4, request.configs[number]
  local count, window = limit[1], limit[2]
  local config = { count = count, window = window, line = KEYS[key + 4], stale = math.max(window, STALE_MS) }
  config.starts = openLog(KEYS[key], KEYS[key + 1], window)
  if window <= 2 * request.maxCall then
    config.flights = openLog(KEYS[key + 2], KEYS[key + 3], window + request.maxCall)
  end
  config.waiting = redis.call('ZCARD', config.line)
  config.lag = 0
  if config.waiting > 0 then
    config.lag = tonumber(redis.call('HGET', config.starts.counts, 'lag') or 0)
    forgetStale(config)
  end
  return config
end

local configs = {}

local function configOf(number)
  if not configs[number] then configs[number] = openConfig(number) end
  return configs[number]
end

local function used(config)
  return config.starts.total + (config.flights and config.flights.total or 0)
end

local function room(config)
  return config.count - used(config) - config.waiting
end

-- The earliest start, as far as can be known, of one that has `ahead` others before it in the line: when the entry
-- `count` places before it has left the window. Whole rounds of the line take a window each.
local function earliest(config, ahead)
  local rounds = math.floor(ahead / config.count)
  local leaver = used(config) + ahead - (rounds + 1) * config.count
  local first = now
  if leaver >= config.starts.total then
    first = leavesAt(config.starts, now)
  elseif leaver >= 0 then
    first = nthLeavesAt(config.starts, leaver)
  end
  return first + rounds * (config.window + config.starts.grain)
end

local function slotAt(config, rank)
  return tonumber(redis.call('ZRANGE', config.line, rank, rank, 'WITHSCORES')[2])
end

-- The slot of the next one at the end of the line: never before one that is there.
local function endOfLine(config)
  local slot = earliest(config, config.waiting)
  if config.waiting == 0 then return slot end
  slot = math.max(slot, slotAt(config, -1))
  if config.waiting < config.count then return slot end
  return math.max(slot, leavesAt(config.starts, slotAt(config, config.waiting - config.count)))
end

local function take(config, member, slot)
  redis.call('ZADD', config.line, slot, member)
  config.waiting = config.waiting + 1
  config.changed = true
  return slot
end

local function leave(config, member)
  local left = redis.call('ZREM', config.line, member)
  config.waiting = config.waiting - left
  if left > 0 then config.changed = true end
  return left
end

local function slotOf(config, member)
  return config.waiting > 0 and tonumber(redis.call('ZSCORE', config.line, member) or nil) or nil
end

-- Operations ----------------------------------------------------------------------------------------------------------

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
    if free > most then best, most = candidate[1], free end
  end
  return best
end

local operations = {}

function operations.reserve(member, groups)
  local found = existing(groups, member)
  if found then return found end
  local soonest = math.huge
  for _, group in ipairs(groups) do
    local best = roomiest(group)
    if best then return { best, take(configOf(best), member, now) } end
  end
  for _, group in ipairs(groups) do
    for _, candidate in ipairs(group) do
      local config = configOf(candidate[1])
      local slot = endOfLine(config)
      if candidate[2] == 1 then return { candidate[1], take(config, member, slot) } end
      soonest = math.min(soonest, slot)
    end
  end
  return { 0, soonest }
end

function operations.start(member, number)
  local config = configOf(number)
  local slot = slotOf(config, member)
  if slot then
    if slot > now then return { 0, slot } end
    if used(config) >= config.count then return { 0, earliest(config, redis.call('ZRANK', config.line, member)) } end
    leave(config, member)
    config.lag = now - slot
  elseif room(config) <= 0 then
    return { 0, take(config, member, endOfLine(config)) }
  end
  local log = config.flights or config.starts
  local bucket = record(log)
  return { 1, bucket, (bucket + 1) * log.grain }
end

function operations.settle(number, bucket)
  local config = configOf(number)
  erase(config.flights or config.starts, bucket)
  record(config.starts)
  return { 1 }
end

function operations.release(member, number)
  return { leave(configOf(number), member) }
end

function operations.snapshot(number)
  local config = configOf(number)
  local free = room(config)
  return { used(config), config.waiting, math.max(0, free), free > 0 and now or endOfLine(config) }
end

-- What a call leaves behind: totals, and a time to live by which every key of a config ends together. -------------------

local function closeConfig(config)
  local logs = { config.starts, config.flights }
  local life = 2 * config.window + request.maxCall
  if config.waiting > 0 then life = math.max(life, slotAt(config, -1) - now + config.stale + config.lag) end
  for _, log in ipairs(logs) do
    if log.changed then redis.call('HSET', log.counts, 'total', log.total) end
    config.changed = config.changed or log.changed
  end
  if not config.changed then return end
  redis.call('HSET', config.starts.counts, 'lag', config.lag)
  redis.call('PEXPIRE', config.line, life + IDLE_MARGIN_MS)
  for _, log in ipairs(logs) do
    redis.call('PEXPIRE', log.buckets, life + IDLE_MARGIN_MS)
    redis.call('PEXPIRE', log.counts, life + IDLE_MARGIN_MS)
  end
end

local result = { now }
for _, operation in ipairs(request.operations) do
  result[#result + 1] = operations[operation[1]](operation[2], operation[3])
end
for _, config in pairs(configs) do closeConfig(config) end
return result
