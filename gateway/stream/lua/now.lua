-- Begins every script that judges time or lineage. Sets:
--   lineage  the master's replication id, which changes with every promotion and restart;
--            '-' where INFO is hidden: then no change of lineage is ever seen
--   now      the master's clock, milliseconds
-- Redis before 7 replicates a script as such unless it is told to replicate its effects.
if redis.replicate_commands then redis.replicate_commands() end
local info = redis.pcall('INFO', 'replication')
local lineage = '-'
if type(info) == 'string' then
  local at = string.find(info, 'master_replid:', 1, true)
  if at then lineage = string.sub(info, at + 14, at + 53) end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
