-- Begins every script that judges time or lineage. Sets:
--   lineage  the master's replication id, 40 characters, which changes with every promotion and
--            restart
--   written  nil; but where INFO is hidden, how many batches this partition took. Then lineage is
--            what the world has for it, until a caller of that lineage saw a greater count: what
--            lies between was lost, and a lineage begins with the caller's random epoch. Writes
--            that overtook the lost ones hide it
--   second   the master's clock, as text
--   ms       the same in milliseconds, 13 digits, as text: made once, and comparable as it is
-- Redis before 7 replicates a script as such unless it is told to replicate its effects.
if redis.replicate_commands then redis.replicate_commands() end
local info = redis.pcall('INFO', 'replication')
local at = type(info) == 'string' and string.find(info, 'master_replid:', 1, true)
local lineage, written = at and string.sub(info, at + 14, at + 53), nil
if not lineage then
  local kept = redis.call('HMGET', KEYS[1], 'r', 'n')
  lineage, written = kept[1], tonumber(kept[2] or 0)
  local claimed, least = string.sub(ARGV[1], 12, 51), tonumber(string.sub(ARGV[1], 52))
  if not lineage or (lineage == claimed and written < least) then
    lineage = string.rep(string.sub(ARGV[1], 1, 10), 4)
  end
end
local time = redis.call('TIME')
local second = time[1]
local ms = second .. string.sub('000000' .. time[2], -6, -4)
