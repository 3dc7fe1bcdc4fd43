-- A ring for the board: one that others missed, or a new one. `MemoryBoard.offer` is the same.
--
-- KEYS  1 board, as in beat.lua
-- ARGV  1-3 the ring (generation, counter, digest), 4 its document; and for a new one: 5 who wrote
--       it, 6 generation of the writer's lease, 7-9 the ring that must be on the board (-1 -1 ''
--       for none)
-- Returns stored | older | fenced.
--
-- Atomic: all of it. Works when memory is full. Safe to repeat: what the board has is stored.
redis.call('PEXPIRE', KEYS[1], BOARD_MS)
local board = redis.call('HMGET', KEYS[1], 'rg', 'rc', 'rh', 'lp', 'lg', 'g')
local ring_generation, ring_counter = tonumber(board[1] or -1), tonumber(board[2] or -1)
local ring_digest = board[3] or ''
local generation, counter = tonumber(ARGV[1]), tonumber(ARGV[2])
local order = generation - ring_generation
if order == 0 then order = counter - ring_counter end
if order == 0 and ARGV[3] == ring_digest then return 'stored' end
if ARGV[5] then
  if board[4] ~= ARGV[5] or board[5] ~= ARGV[6] then return 'fenced' end
  if ring_generation ~= tonumber(ARGV[7]) or ring_counter ~= tonumber(ARGV[8])
    or ring_digest ~= ARGV[9] then
    return 'fenced'
  end
end
if order < 0 or (order == 0 and ARGV[3] < ring_digest) then return 'older' end
local highest = math.max(generation, tonumber(board[6] or 0))
redis.call('HSET', KEYS[1], 'rg', ARGV[1], 'rc', ARGV[2], 'rh', ARGV[3], 'd', ARGV[4],
  'g', string.format('%.0f', highest))
return 'stored'
