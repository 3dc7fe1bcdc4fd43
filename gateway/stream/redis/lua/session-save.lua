-- Merges changed positions into a session, unless somebody opened it since.
--
-- KEYS  1 the session
-- ARGV  1 generation of the caller, 2 its pod's channel, then pairs: `t:<topic>`, position
--       ('' removes)
-- Returns 1 saved, 0 a newer holder exists and nothing was written.
--
-- Atomic: all of it.
local generation = tonumber(ARGV[1])
local newest = tonumber(redis.call('HGET', KEYS[1], 'g') or 0)
if newest > generation then return 0 end
-- Lost or expired, or a failover forgot the newest opening: the caller is the newest there is.
if newest < generation then redis.call('HSET', KEYS[1], 'g', generation, 'p', ARGV[2]) end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', KEYS[1], META_MS)
return 1
