--[[
  How a BullMQ queue stands, in one command; reads only.

  KEYS[1..6] BullMQ's wait, prioritized, active, delayed, failed, meta
  ARGV[1] delayed jobs due before this epoch ms count as overdue
  ARGV[2] how many of the waiting jobs to look at, from the front
  ARGV[3] prefix of the keys of jobs
  returns { waiting, active, delayed, overdue, failed, paused, jobs } with jobs = { { timestamp, opts, processedOn, data }, … }
]]
local wait, prioritized, active, delayed, failed, meta = unpack(KEYS)
local overdue_before = tonumber(ARGV[1])
local sample = tonumber(ARGV[2])

local ids = {}
if sample > 0 then
  -- The list is taken from its end, the set from its lowest score.
  for _, id in ipairs(redis.call('LRANGE', wait, -sample, -1)) do ids[#ids + 1] = id end
  for _, id in ipairs(redis.call('ZRANGE', prioritized, 0, sample - 1)) do ids[#ids + 1] = id end
end
local jobs = {}
for _, id in ipairs(ids) do
  local fields = redis.call('HMGET', ARGV[3] .. id, 'timestamp', 'opts', 'processedOn', 'data')
  if fields[1] then jobs[#jobs + 1] = { fields[1], fields[2] or '{}', fields[3] or '', fields[4] or '{}' } end
end
return {
  redis.call('LLEN', wait) + redis.call('ZCARD', prioritized),
  redis.call('LLEN', active),
  redis.call('ZCARD', delayed),
  -- BullMQ's scores are epoch ms * 4096 plus a counter.
  redis.call('ZCOUNT', delayed, '-inf', overdue_before * 4096),
  redis.call('ZCARD', failed),
  redis.call('HEXISTS', meta, 'paused'),
  jobs,
}
