--[[
  Circuits of channel configs: how a config whose provider keeps failing is rested. One hash holds those that failed lately;
  a config that is not in it is closed.

  closed: failures in a row are counted; the THRESHOLD-th opens. open: until `probeAt` nothing needs to go there; after that
  one probe at a time may. A probe that fails, or a failure of whatever else was sent after the rest, begins a rest twice as
  long; a probe that nobody hears of again is followed by another one after one more rest. Any success closes.

  KEYS[1] the hash: config id → "failures rests since probeAt probing touched channel"; times in epoch ms
  ARGV    now in epoch ms, or '' for this server's clock; threshold; first rest; longest rest; how long an entry is kept after
          its last failure and its rest (ms); then
          'fail', config id, channel type   → its entry
          'succeed', config id              → 1 where there was one
          'probe', config id                → 1: the caller sends the probe, 0: somebody else does, or it is not time
          'view'                            → now, then id and entry of each
]]
local now = tonumber(ARGV[1])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local THRESHOLD, FIRST_REST, LONGEST_REST, KEPT = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local operation, id = ARGV[6], ARGV[7]

local function read(text)
  local entry = { failures = 0, rests = 0, since = 0, probeAt = 0, probing = 0, touched = 0, channel = '' }
  if text then
    local part = {}
    for word in string.gmatch(text, '%S+') do part[#part + 1] = word end
    entry.failures, entry.rests, entry.since = tonumber(part[1]), tonumber(part[2]), tonumber(part[3])
    entry.probeAt, entry.probing, entry.touched = tonumber(part[4]), tonumber(part[5]), tonumber(part[6])
    entry.channel = part[7]
  end
  return entry
end

local function write(entry)
  local text = string.format('%d %d %.0f %.0f %d %.0f %s', entry.failures, entry.rests, entry.since, entry.probeAt,
    entry.probing, entry.touched, entry.channel)
  redis.call('HSET', KEYS[1], id, text)
  return text
end

local function stale(entry)
  return now > math.max(entry.touched, entry.probeAt) + KEPT
end

local function load()
  local entry = read(redis.call('HGET', KEYS[1], id))
  return stale(entry) and read(nil) or entry
end

local function rest(entry)
  entry.probeAt = now + math.min(FIRST_REST * 2 ^ entry.rests, LONGEST_REST)
  entry.rests = math.min(entry.rests + 1, 30)
  entry.probing = 0
end

if operation == 'fail' then
  local entry = load()
  entry.channel = ARGV[8]
  entry.touched = now
  entry.failures = math.min(entry.failures + 1, 1000000)
  if entry.rests == 0 then
    if entry.failures >= THRESHOLD then
      entry.since = now
      rest(entry)
    end
  elseif entry.probing == 1 or now >= entry.probeAt then
    rest(entry)
  end
  return write(entry)
elseif operation == 'succeed' then
  return redis.call('HDEL', KEYS[1], id)
elseif operation == 'probe' then
  local entry = load()
  if entry.rests == 0 or now < entry.probeAt then return 0 end
  entry.probing = 1
  entry.probeAt = now + math.min(FIRST_REST * 2 ^ (entry.rests - 1), LONGEST_REST)
  write(entry)
  return 1
end

local answer = { string.format('%.0f', now) }
local entries = redis.call('HGETALL', KEYS[1])
for index = 1, #entries, 2 do
  id = entries[index]
  if stale(read(entries[index + 1])) then
    redis.call('HDEL', KEYS[1], id)
  else
    answer[#answer + 1] = id
    answer[#answer + 1] = entries[index + 1]
  end
end
return answer
