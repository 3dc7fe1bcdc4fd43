-- Begins every script of the board that judges time. Sets `now`: ms by the master's clock.
-- Redis before 7 replicates a script as such unless it is told to replicate its effects.
if redis.replicate_commands then redis.replicate_commands() end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
