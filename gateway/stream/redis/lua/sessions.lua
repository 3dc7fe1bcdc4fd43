-- Included where a session is used. Expects KEYS 1 the session, 2 names of its identity's sessions.
--
-- The names are a sorted set, each with the microsecond at which it was used last.
-- Redis before 7 replicates a script as such unless it is told to replicate its effects.
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local used = time[1] * 1000000 + time[2]

-- Behind a write that is refused when memory is full: what a script does then is not refused.
local function use(name)
  redis.call('ZADD', KEYS[2], used, name)
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', used - META_MS * 1000)
  redis.call('PEXPIRE', KEYS[2], META_MS)
  redis.call('PEXPIRE', KEYS[1], META_MS)
end
