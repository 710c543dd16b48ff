-- The second part of the script, after sliding-log.lua: one config's limits, and the line of those who wait for it.

local STALE_MS = 60000 -- the least that a reservation outlives its slot
local IDLE_MARGIN_MS = 60000
local QUOTA_LIFE_MS = 40 * 86400000 -- longer than any month
local PLACE = 1 / 4096 -- between scores of equal slots; a double holds it exactly beside a time

local request = cjson.decode(ARGV[1])

-- Since when this Redis has counted: it is new, or was emptied then.
local since = tonumber(redis.call('GET', KEYS[#KEYS]) or nil)
if not since then
  since = now
  redis.call('SET', KEYS[#KEYS], since)
end

-- Those whose slot is long past, though the line has moved on beyond them: their task has died.
local function forgetStale(config)
  local last = now - config.lag - config.stale
  config.waiting = config.waiting - redis.call('ZREMRANGEBYSCORE', config.line, '-inf', last)
end

local function openConfig(number)
  local key, limit = number * 6 - 5, request.configs[number]
  local count, window, quota, known = limit[1], limit[2], limit[3], limit[4]
  local config = { count = count, window = window, line = KEYS[key + 4], stale = math.max(window, STALE_MS) }
  config.starts = openLog(KEYS[key], KEYS[key + 1], window)
  if window <= 2 * request.maxCall then
    config.flights = openLog(KEYS[key + 2], KEYS[key + 3], window + request.maxCall)
  end
  if quota > 0 then
    config.quota, config.sends = quota, KEYS[key + 5]
    config.sent = math.max(known, tonumber(redis.call('GET', config.sends) or 0))
  end
  config.waiting = redis.call('ZCARD', config.line)
  -- What was sent before may count still; MySQL is asked once (operations.seed).
  config.unsure = since > now - window and redis.call('HGET', config.starts.counts, 'seeded') == false
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

-- Room -----------------------------------------------------------------------------------------------------------------

local function used(config)
  return config.starts.total + (config.flights and config.flights.total or 0)
end

-- What this month still allows.
local function quotaLeft(config)
  return config.quota and config.quota - config.sent or math.huge
end

local function room(config)
  return math.min(config.count - used(config), quotaLeft(config)) - config.waiting
end

local function countSends(config, number)
  if config.quota then config.sent, config.quotaChanged = config.sent + number, true end
end

-- The line -------------------------------------------------------------------------------------------------------------

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
  return math.floor(tonumber(redis.call('ZRANGE', config.line, rank, rank, 'WITHSCORES')[2]))
end

-- The slot of the next one at the end of the line: never before one that is there.
local function endOfLine(config)
  local slot = earliest(config, config.waiting)
  if config.waiting == 0 then return slot end
  slot = math.max(slot, slotAt(config, -1))
  if config.waiting < config.count then return slot end
  return math.max(slot, leavesAt(config.starts, slotAt(config, config.waiting - config.count)))
end

-- A slot as a score: behind those of the same slot, in the order in which they came.
local function take(config, member, slot)
  local before = redis.call('ZREVRANGEBYSCORE', config.line, '(' .. slot + 1, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local score = math.max(slot, tonumber(before[2] or 0) + PLACE)
  redis.call('ZADD', config.line, score, member)
  config.waiting = config.waiting + 1
  config.changed = true
  return math.floor(score)
end

local function leave(config, member)
  local left = redis.call('ZREM', config.line, member)
  config.waiting = config.waiting - left
  if left > 0 then config.changed = true end
  return left
end

local function slotOf(config, member)
  local score = config.waiting > 0 and tonumber(redis.call('ZSCORE', config.line, member) or nil)
  return score and math.floor(score) or nil
end

-- How many are before one of this rank in the line and may be expected to start.
local function aheadOf(config, rank)
  local overdue = redis.call('ZCOUNT', config.line, '-inf', now - config.lag - STALE_MS)
  return math.max(0, rank - overdue)
end

-- What a call leaves behind: totals, and a time to live by which every key of a config ends together. -------------------

local function closeConfig(config)
  if config.quotaChanged then redis.call('SET', config.sends, config.sent, 'PX', QUOTA_LIFE_MS) end
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

