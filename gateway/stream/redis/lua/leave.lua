-- A pod says goodbye: nobody waits for its report.
--
-- KEYS  1 world, 2 pods, 3 unreported
-- ARGV  1 pod
-- Returns 1 when it was known.
--
-- Atomic: both removals.
redis.call('SREM', KEYS[3], ARGV[1])
return redis.call('HDEL', KEYS[2], ARGV[1])
