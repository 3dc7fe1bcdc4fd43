-- Begins every script that judges time or lineage. Sets:
--   lineage  the master's replication id, 40 characters, which changes with every promotion and
--            restart; 40 dashes where INFO is hidden: then no change of lineage is ever seen
--   second   the master's clock, as text
--   ms       the same in milliseconds, 13 digits, as text: made once, and comparable as it is
-- Redis before 7 replicates a script as such unless it is told to replicate its effects.
if redis.replicate_commands then redis.replicate_commands() end
local info = redis.pcall('INFO', 'replication')
local at = type(info) == 'string' and string.find(info, 'master_replid:', 1, true)
local lineage = at and string.sub(info, at + 14, at + 53) or string.rep('-', 40)
local time = redis.call('TIME')
local second = time[1]
local ms = second .. string.sub('000000' .. time[2], -6, -4)
