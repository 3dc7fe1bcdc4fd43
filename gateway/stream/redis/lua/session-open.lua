-- Takes a session over and tells the pod that held it.
--
-- KEYS  1 the session, 2 names of the sessions of its identity
-- ARGV  1 its name, 2 channel of the pod, 3 `<identity> <session>` as the message carries it
-- Returns {generation, why, forgotten, field, value, …}: `t:<topic>` → position. `forgotten` are
-- names: sessions beyond SESSIONS, used longest ago, at most FORGET_AT_ONCE. Who is told of them
-- deletes them, because a script touches no key that it was not given.
--
-- The session is a hash: g = generation, p = channel of the pod that holds it, t:<topic>.
-- Atomic: all of it. Where Redis takes no writes for now (`why`, else ''), nothing is written and
-- what can be read is returned, under the generation that the first save will write.
--@include sessions
local held = redis.call('HGET', KEYS[1], 'p')
local before = tonumber(redis.call('HGET', KEYS[1], 'g') or 0)
local generation, why = redis.pcall('HINCRBY', KEYS[1], 'g', 1), ''
local forgotten = {}
if type(generation) == 'table' then
  why = generation.err
  if not (string.find(why, 'OOM', 1, true) or string.find(why, 'NOREPLICAS', 1, true)
    or string.find(why, 'MISCONF', 1, true)) then
    return generation
  end
  generation = before + 1
else
  redis.call('HSET', KEYS[1], 'p', ARGV[2])
  use(ARGV[1])
  local beyond = math.min(redis.call('ZCARD', KEYS[2]) - SESSIONS, FORGET_AT_ONCE)
  if beyond > 0 then
    local popped = redis.call('ZPOPMIN', KEYS[2], beyond)
    for i = 1, #popped, 2 do forgotten[#forgotten + 1] = popped[i] end
  end
end
if held then redis.pcall('PUBLISH', held, 's ' .. generation .. ' ' .. ARGV[3]) end
local reply = { generation, why, forgotten }
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 't:' then
    reply[#reply + 1], reply[#reply + 2] = fields[i], fields[i + 1]
  end
end
return reply
