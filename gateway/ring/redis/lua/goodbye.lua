-- A pod is gone: it says so itself. What is kept of it tells how often it comes and goes.
--
-- KEYS  1 board, 2 beats, 3 facts, as in beat.lua
-- ARGV  1 pod, 2 a random token
-- Returns 1 when it was known.
--
-- Atomic: all of it. Works when memory is full. Safe to repeat.
redis.call('PEXPIRE', KEYS[2], BOARD_MS)
if redis.call('HGET', KEYS[1], 'lp') == ARGV[1] then redis.call('HDEL', KEYS[1], 'lp', 'lg') end
if redis.call('HDEL', KEYS[3], ARGV[1]) == 1 then redis.call('HSET', KEYS[1], 'f', ARGV[2]) end
local beat = redis.call('HGET', KEYS[2], ARGV[1])
if not beat then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], (string.gsub(beat, ' %a+ ', ' left ', 1)))
return 1
