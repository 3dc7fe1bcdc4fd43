-- Included where the partition's own record is needed. Expects now.lua, `fresh` (a random epoch)
-- and KEYS 1 world, 2 pods, 3 unreported.
--
-- The world is a hash: e = epoch of topics that are not born, r = lineage, t = the second at
-- which that lineage was first seen, which grows with every change; where INFO is hidden,
-- n = batches written.
-- `unreported` is the set of pods that may still say what they knew of the lineage before. It
-- ends by itself after SETTLE_MS; while it is there, what was lost is not final.

-- Notes a change of lineage if this is the first script to see it. Returns epoch and t.
-- `always`: even when memory is full. PERSIST is never refused for that, and a script that has
-- written may finish.
local function note_world(always)
  local world = redis.call('HMGET', KEYS[1], 'e', 'r', 't')
  if world[1] and world[2] == lineage then return world[1], tonumber(world[3]) end
  local noted = tonumber(second)
  local waited = {}
  if world[1] then
    noted = math.max(noted, tonumber(world[3]) + 1)
    local pods, newest = redis.call('HGETALL', KEYS[2]), 0
    for i = 2, #pods, 2 do newest = math.max(newest, tonumber(pods[i])) end
    for i = 2, #pods, 2 do
      if tonumber(pods[i]) >= newest - MEMBER_MS then waited[#waited + 1] = pods[i - 1] end
    end
  else
    -- Nobody remembers who was a member: only time settles this.
    world[1] = 'w-' .. fresh
    waited[1] = '*'
  end
  if always then redis.call('PERSIST', KEYS[1]) end
  redis.call('HSET', KEYS[1], 'e', world[1], 'r', lineage, 't', noted)
  redis.call('DEL', KEYS[3])
  for _, pod in ipairs(waited) do redis.call('SADD', KEYS[3], pod) end
  if #waited > 0 then redis.call('PEXPIRE', KEYS[3], SETTLE_MS) end
  return world[1], noted
end
