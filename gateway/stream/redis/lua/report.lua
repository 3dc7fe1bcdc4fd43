-- What a pod knew of topics before the lineage changed, so that what was lost can be told.
--
-- KEYS  1 world, 2 pods, 3 unreported; then per topic: log, meta
-- ARGV  1 a random epoch and a claim, 2 the lineage that the pod saw (`<replication id>/<world's
--       epoch>`), 3 pod, 4 '1': its last report; then per topic: epoch, highest seq, confirmed,
--       and where the epoch began: after this seq of that epoch ('' when the pod does not know)
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
local function note_known(links, epoch, seq, seen, start, parent, forgotten)
  local at = link_of(links, epoch)
  if at then
    if seq > links[at][2] then links[at][3] = math.max(links[at][3], seq) end
    return
  end
  if forgotten then return end
  -- It began and ended where this log never was: a branch, at its place in time, and behind the
  -- epoch that it began in. Of two in one second the one that went further is the newer.
  local from = parent ~= '' and link_of(links, parent) or nil
  local function is_newer(link)
    return link[4] > seen or link[4] == seen and math.max(link[2], link[3]) > seq
  end
  at = 1
  while links[at] and at ~= from and is_newer(links[at]) do at = at + 1 end
  local before = links[from or at]
  if not before then return end
  local limit = before[2]
  if from then limit = math.min(limit, start)
  elseif seq <= limit then return end
  table.insert(links, at, { epoch, limit, seq, math.max(seen, links[at][4]) })
end

local function report(log_key, meta_key, epoch, known, confirmed, start, parent)
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
  elseif string.sub(state, 12, 51) ~= lineage or (current == epoch and known > seq)
    or current == parent then
    -- The epoch went on, or another one followed it, in a history that this is not the end of.
    end_epoch(links, current, seq)
    current = fresh
  end
  if current == epoch then return end
  note_known(links, epoch, known, confirmed, start, parent, forgotten)
  state = current .. ' ' .. lineage .. due
  redis.call('HSET', meta_key, 'q', state, 's', seq, 'c', write_chain(links))
  if redis.call('PTTL', meta_key) < META_MS then
    redis.call('PEXPIRE', meta_key, META_MS + STEP_MS)
  end
end

for i = 1, topics do
  local at = 5 * i
  local epoch, known = ARGV[at], tonumber(ARGV[at + 1])
  if string.sub(epoch, 1, 2) ~= 'w-' then
    local confirmed, start = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    report(KEYS[2 + 2 * i], KEYS[3 + 2 * i], epoch, known, confirmed, start, ARGV[at + 4])
  end
end
if ARGV[4] == '1' and ARGV[2] == lineage .. '/' .. world then
  redis.call('SREM', KEYS[3], ARGV[3])
end
return late
