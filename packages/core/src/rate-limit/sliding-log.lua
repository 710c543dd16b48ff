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

local function record(log)
  local bucket = bucketOf(log, now)
  if redis.call('HINCRBY', log.counts, bucket, 1) == 1 then redis.call('ZADD', log.buckets, bucket, bucket) end
  log.total = log.total + 1
  log.changed, log.sums = true, nil
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
  log.changed, log.sums = true, nil
end

-- When the n-th oldest entry (from 0) leaves; the running sums are read once per call.
local function nthLeavesAt(log, n)
  if not log.sums then
    local buckets = redis.call('ZRANGE', log.buckets, 0, -1)
    log.sums, log.order = {}, buckets
    local sum = 0
    for i, count in ipairs(redis.call('HMGET', log.counts, unpack(buckets))) do
      sum = sum + tonumber(count or 0)
      log.sums[i] = sum
    end
  end
  for i, sum in ipairs(log.sums) do
    if sum > n then return leavesAt(log, log.order[i] * log.grain) end
  end
  return leavesAt(log, now)
end

