-- Takes a session over and tells the pod that held it.
--
-- KEYS  1 the session
-- ARGV  1 pod, 2 its channel, 3 `<identity> <session>` as the message carries it
-- Returns {generation, why, field, value, …}: `t:<topic>` → position.
--
-- The session is a hash: g = generation, p = channel of the pod that holds it, t:<topic>.
-- Atomic: all of it. Where Redis takes no writes for now (`why`, else ''), nothing is written and
-- what can be read is returned, under the generation that the first save will write.
local held = redis.call('HGET', KEYS[1], 'p')
local before = tonumber(redis.call('HGET', KEYS[1], 'g') or 0)
local generation, why = redis.pcall('HINCRBY', KEYS[1], 'g', 1), ''
if type(generation) == 'table' then
  why = generation.err
  if not (string.find(why, 'OOM', 1, true) or string.find(why, 'NOREPLICAS', 1, true)
    or string.find(why, 'MISCONF', 1, true)) then
    return generation
  end
  generation = before + 1
else
  redis.call('HSET', KEYS[1], 'p', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], META_MS)
end
if held then redis.pcall('PUBLISH', held, 's ' .. generation .. ' ' .. ARGV[3]) end
local reply = { generation, why }
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 't:' then
    reply[#reply + 1], reply[#reply + 2] = fields[i], fields[i + 1]
  end
end
return reply
