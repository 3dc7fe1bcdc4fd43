-- Merges changed positions into a session, unless somebody opened it since.
--
-- KEYS  1 the session, 2 names of the sessions of its identity
-- ARGV  1 generation of the caller, 2 its pod's channel, 3 the session's name, then pairs:
--       `t:<topic>`, position ('' removes)
-- Returns 1 saved; 0 a newer holder exists; 2 it was forgotten for the sake of others, and there is
-- no room for it. Then nothing was written.
--
-- Atomic: all of it.
--@include sessions
local generation = tonumber(ARGV[1])
local newest = tonumber(redis.call('HGET', KEYS[1], 'g') or 0)
if newest > generation then return 0 end
if not redis.call('ZSCORE', KEYS[2], ARGV[3]) and redis.call('ZCARD', KEYS[2]) >= SESSIONS then
  return 2
end
-- Lost or expired, or a failover forgot the newest opening: the caller is the newest there is.
if newest < generation then redis.call('HSET', KEYS[1], 'g', generation, 'p', ARGV[2]) end
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
use(ARGV[3])
return 1
