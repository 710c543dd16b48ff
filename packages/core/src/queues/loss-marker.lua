--[[
  Whether this server is the one that holds everything, asked and told on the server itself: of a cluster, the one with this slot.

  KEYS[1] the marker: the run id of the server on which everything was in place
  ARGV[1] a run id: where it is still this server's, the marker is set to it; '' only reads
  returns { marker or '', run id of this server, or 'unknown' where it does not tell }
]]
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
if ARGV[1] == run then redis.call('SET', KEYS[1], run) end
return { redis.call('GET', KEYS[1]) or '', run }
