-- A sliding log: how many entries there were in the last `life` ms, kept as counts per bucket of 1/1000 of it, so that it
-- stays small whatever the count. An entry counts until its whole bucket has left. The first part of the script:
-- rate-limit.lua follows and describes the keys.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function forgetExpired(log)
  local last = math.floor((now - log.life) / log.grain) - 1
  local buckets = redis.call('ZRANGEBYSCORE', log.buckets, '-inf', last)
  if #buckets == 0 then return end
  for _, count in ipairs(redis.call('HMGET', log.counts, unpack(buckets))) do
    log.total = log.total - tonumber(count or 0)
  end
  redis.call('HDEL', log.counts, unpack(buckets))
  redis.call('ZREMRANGEBYSCORE', log.buckets, '-inf', last)
  log.changed = true
end

local function openLog(buckets, counts, life)
  local log = { buckets = buckets, counts = counts, life = life, grain = math.max(1, math.ceil(life / 1000)) }
  log.order, log.sums = {}, {} -- the oldest buckets and their running sums, as far as nthLeavesAt has read them
  log.total = tonumber(redis.call('HGET', counts, 'total') or 0)
  if log.total > 0 then forgetExpired(log) end
  return log
end

local function bucketOf(log, time)
  return math.floor(time / log.grain)
end

-- From when on an entry of this time no longer counts.
local function leavesAt(log, time)
  return (bucketOf(log, time) + 1) * log.grain + log.life
end

local function record(log, entries)
  local bucket = bucketOf(log, now)
  if redis.call('HINCRBY', log.counts, bucket, entries) == entries then
    redis.call('ZADD', log.buckets, bucket, bucket)
  end
  log.total = log.total + entries
  log.changed = true
  return bucket
end

local function erase(log, bucket)
  local count = tonumber(redis.call('HGET', log.counts, bucket) or 0)
  if count == 0 then return end -- has left the window
  if count > 1 then
    redis.call('HINCRBY', log.counts, bucket, -1)
  else
    redis.call('HDEL', log.counts, bucket)
    redis.call('ZREM', log.buckets, bucket)
  end
  log.total = log.total - 1
  log.changed = true
  while #log.order > 0 and log.order[#log.order] >= bucket do
    table.remove(log.order)
    table.remove(log.sums)
  end
end

local function readMore(log)
  local buckets = redis.call('ZRANGE', log.buckets, #log.order, #log.order + 99)
  if #buckets == 0 then return false end
  local sum = log.sums[#log.sums] or 0
  for i, count in ipairs(redis.call('HMGET', log.counts, unpack(buckets))) do
    sum = sum + tonumber(count or 0)
    table.insert(log.order, tonumber(buckets[i]))
    table.insert(log.sums, sum)
  end
  return true
end

-- When the n-th oldest entry (from 0) leaves.
local function nthLeavesAt(log, n)
  while (log.sums[#log.sums] or 0) <= n do
    -- What was recorded during this call may be missing in the sums; it is the newest.
    if not readMore(log) then return leavesAt(log, now) end
  end
  local low, high = 1, #log.sums
  while low < high do
    local middle = math.floor((low + high) / 2)
    if log.sums[middle] > n then high = middle else low = middle + 1 end
  end
  return leavesAt(log, log.order[low] * log.grain)
end

