-- Everybody on the board.
--
-- KEYS  1 board, 2 beats, 3 facts, as in beat.lua
-- Returns {now, since, facts, beats}.
--
-- Reads only.
--@include now
local since = redis.call('HGET', KEYS[1], 's')
return {
  string.format('%.0f', now), since or string.format('%.0f', now),
  redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[2]),
}
