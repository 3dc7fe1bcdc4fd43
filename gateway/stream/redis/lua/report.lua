-- What a pod knew of topics before the lineage changed, so that what was lost can be told.
--
-- KEYS  1 world, 2 pods, 3 unreported; then per topic: log, meta
-- ARGV  1 a random epoch and a claim, 2 the lineage that the pod saw (`<replication id>/<world's
--       epoch>`), 3 pod, 4 '1': its last report; then per topic: epoch, highest seq, confirmed
-- Returns how many topics came too late: the change was settled before.
--
-- Atomic: all of it. Works when memory is full. Safe to repeat.
--@include now
local fresh = string.sub(ARGV[1], 1, 10)
--@include world
--@include chain
redis.call('PERSIST', KEYS[1])
local world = note_world(true)
local topics = (#KEYS - 3) / 2
local late = 0
-- As resume.lua judges it: a key is still there in the millisecond in which it has 0 left.
if redis.call('PTTL', KEYS[3]) <= 0 then
  late, topics = topics, 0
end

-- The epoch was this topic's, as far as `seq`, which was seen in second `seen`.
local function note_known(links, epoch, seq, seen, forgotten)
  local at = link_of(links, epoch)
  if at then
    if seq > links[at][2] then links[at][3] = math.max(links[at][3], seq) end
  elseif not forgotten then
    -- It began and ended where this log never was: lost as a whole, at its place in time.
    at = 1
    while links[at] and links[at][4] > seen do at = at + 1 end
    local before = links[at]
    if before and seq > before[2] then
      table.insert(links, at, { epoch, before[2], seq, seen })
    end
  end
end

local function report(log_key, meta_key, epoch, known, confirmed)
  local meta = redis.call('HMGET', meta_key, 'q', 's', 'c')
  local seq, links = tonumber(meta[2]), read_chain(meta[3] or '')
  local state, due = meta[1], ms
  local current = state and string.sub(state, 1, 10)
  if state then due = string.sub(state, 52) end
  local forgotten = second - confirmed > 2 * RETENTION_MS / 1000
  if not current then
    if forgotten then return end
    links, current, seq = new_chain(world), fresh, 0
    redis.call('DEL', log_key)
  elseif string.sub(state, 12, 51) ~= lineage or (current == epoch and known > seq) then
    end_epoch(links, current, seq)
    current = fresh
  end
  if current == epoch then return end
  note_known(links, epoch, known, confirmed, forgotten)
  state = current .. ' ' .. lineage .. due
  redis.call('HSET', meta_key, 'q', state, 's', seq, 'c', write_chain(links))
  if redis.call('PTTL', meta_key) < META_MS then
    redis.call('PEXPIRE', meta_key, META_MS + STEP_MS)
  end
end

for i = 1, topics do
  local at = 2 + 3 * i
  local epoch, known = ARGV[at], tonumber(ARGV[at + 1])
  if known > 0 and string.sub(epoch, 1, 2) ~= 'w-' then
    report(KEYS[2 + 2 * i], KEYS[3 + 2 * i], epoch, known, tonumber(ARGV[at + 2]))
  end
end
if ARGV[4] == '1' and ARGV[2] == lineage .. '/' .. world then
  redis.call('SREM', KEYS[3], ARGV[3])
end
return late
