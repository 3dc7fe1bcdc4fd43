-- A sign of life of a pod, and a message to itself.
--
-- KEYS  1 world, 2 pods, 3 unreported
-- ARGV  1 a random epoch and a claim, 2 pod, 3 its channel, 4 the message
-- Returns {lineage, world's epoch, second, count of writes or nothing}; the second is later than
--       the newest change of lineage.
--
-- Atomic: all of it. Works when memory is full, and without enough replicas to write.
--@include now
local fresh = string.sub(ARGV[1], 1, 10)
--@include world
local world, changed = note_world(true)
-- `pcall`: a server that takes no writes for a while is alive all the same.
redis.pcall('PERSIST', KEYS[2])
if redis.pcall('HSET', KEYS[2], ARGV[2], ms) == 1 then
  -- A newcomer: the moment to forget those that were not heard of for long.
  local pods = redis.call('HGETALL', KEYS[2])
  for i = 2, #pods, 2 do
    if tonumber(pods[i]) < ms - FORGET_MS then redis.call('HDEL', KEYS[2], pods[i - 1]) end
  end
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return { lineage, world, math.max(tonumber(second), changed + 1), written }
