--[[
  Start-time fair order of a BullMQ queue: hands out the priorities with which jobs are to be added.

  Each tenant has a line of its own for each of the caller's levels 0 (first) to 9. A job's tag is one more than the
  greater of the virtual time (the lowest tag that waits) and the ends of its tenant's lines of the same or a more urgent
  level. So a newcomer is served after two jobs at most of each other tenant, however long their lines are; and because it
  comes behind the lowest tag, every newcomer lets the oldest job on: nobody starves. A job moves the ends of the less
  urgent lines as well: spreading jobs over the levels wins ten jobs once, and no share.

  KEYS[1] BullMQ's `prioritized` set of the queue (scores are priority * 2^32 + counter)
  KEYS[2] hash of line ends, field `<tenant>:<level>`
  ARGV    highest tag, then per job: tenant, level
  returns one tag per job, at least 1
]]
local HIGHEST = tonumber(ARGV[1])
local LEVELS = 10
local head = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local now = 0
if head[2] then
  now = math.floor(tonumber(head[2]) / 4294967296)
else
  -- Nothing waits: nobody is owed anything, and tags begin low again.
  redis.call('DEL', KEYS[2])
end

local lines = {}
local function line_ends(tenant)
  if not lines[tenant] then
    local fields = {}
    for level = 0, LEVELS - 1 do fields[level + 1] = tenant .. ':' .. level end
    local stored = redis.call('HMGET', KEYS[2], unpack(fields))
    local ends = {}
    for index = 1, LEVELS do ends[index] = tonumber(stored[index]) or 0 end
    lines[tenant] = ends
  end
  return lines[tenant]
end

local tags = {}
for position = 2, #ARGV, 2 do
  local ends = line_ends(ARGV[position])
  local level = tonumber(ARGV[position + 1]) + 1
  local tag = now
  for index = 1, level do tag = math.max(tag, ends[index]) end
  tag = tag + 1
  tags[#tags + 1] = math.min(tag, HIGHEST)
  ends[level] = tag
  for index = level + 1, LEVELS do ends[index] = math.max(ends[index], now) + 1 end
end

for tenant, ends in pairs(lines) do
  local fields = {}
  for index = 1, LEVELS do
    fields[#fields + 1] = tenant .. ':' .. (index - 1)
    fields[#fields + 1] = ends[index]
  end
  redis.call('HSET', KEYS[2], unpack(fields))
end
return tags
