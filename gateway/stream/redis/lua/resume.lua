-- Where a cursor is, and what comes after it: one moment of one topic.
--
-- KEYS  1 world, 2 pods, 3 unreported, 4 log, 5 meta
-- ARGV  1 a random epoch and a claim, 2 most entries, 3 most bytes,
--       4 'head' | 'latest' | 'after', 5 how many | epoch, 6 seq, 7 '1': a script said so
-- Returns {'unborn', lineage, second, world's epoch, t, ms until settled, log exists}
--      or {'topic', lineage, second, world's epoch, t, ms until settled, epoch, seq, chain,
--          exhausted, id, m, id, m, …}. The chain is '' when the cursor is of the current epoch,
--          and with 'latest'.
--
-- Atomic: all of it. Writes only when the lineage changed, even when memory is full, or where the
-- topic's life is prolonged.
--@include now
local fresh = string.sub(ARGV[1], 1, 10)
--@include world
local meta = redis.call('HMGET', KEYS[5], 'q', 's')
local state, seq = meta[1], tonumber(meta[2])
local epoch = state and string.sub(state, 1, 10)
if written and ARGV[7] == '1' and ARGV[5] == epoch and tonumber(ARGV[6]) > seq then
  -- What was once said is not there any more: proof of a rollback, as a count of writes is.
  lineage = string.rep(fresh, 4)
end
local world, changed = note_world(true)

local function unsettled() return math.max(0, redis.call('PTTL', KEYS[3])) end

if not epoch then
  return { 'unborn', lineage, second, world, changed, unsettled(), redis.call('EXISTS', KEYS[4]) }
end
if string.sub(state, 12, 51) ~= lineage then
  --@include chain
  local links = read_chain(redis.call('HGET', KEYS[5], 'c') or '')
  end_epoch(links, epoch, seq)
  epoch = fresh
  redis.call('PERSIST', KEYS[5])
  state = epoch .. ' ' .. lineage .. string.sub(state, 52)
  redis.call('HSET', KEYS[5], 'q', state, 'c', write_chain(links))
end
-- `pcall`: a server that takes no writes for a while can still be read.
if redis.call('PTTL', KEYS[5]) < META_MS then redis.pcall('PEXPIRE', KEYS[5], META_MS + STEP_MS) end

local chain, wait, start = '', 0, seq
if ARGV[4] == 'head' then
  chain = redis.call('HGET', KEYS[5], 'c') or ''
elseif ARGV[4] == 'after' then
  if ARGV[5] == epoch then
    start = math.min(tonumber(ARGV[6]), seq)
  else
    chain, wait = redis.call('HGET', KEYS[5], 'c') or '', unsettled()
    for epochs, limit in string.gmatch(chain, '([^:;]+):(%d+)') do
      if string.find(',' .. epochs .. ',', ',' .. ARGV[5] .. ',', 1, true) then
        start = math.min(tonumber(ARGV[6]), tonumber(limit))
      end
    end
  end
end

local out, bytes, taken, exhausted = {}, 0, 0, 1
local most, room = tonumber(ARGV[2]), tonumber(ARGV[3])

-- False: the page is full.
local function take(entry)
  local blob = entry[2][2] or ''
  if taken > 0 and (taken >= most or bytes + #blob > room) then return false end
  taken, bytes = taken + 1, bytes + #blob
  local at = #out
  out[at + 1], out[at + 2] = entry[1], blob
  return true
end

if ARGV[4] == 'latest' then
  most = math.min(most, tonumber(ARGV[5]))
  local last = '+'
  while taken < most do
    local got = redis.call('XREVRANGE', KEYS[4], last, '-', 'COUNT', math.min(most - taken, 32))
    for _, entry in ipairs(got) do
      if not take(entry) then most = taken end
      if taken >= most then break end
    end
    if #got == 0 then break end
    last = '(' .. got[#got][1]
  end
elseif start < seq then
  local next = string.format('(%.0f-0', start)
  local chunk = 8
  repeat
    local got = redis.call('XRANGE', KEYS[4], next, '+', 'COUNT', chunk)
    for _, entry in ipairs(got) do
      if not take(entry) then
        exhausted = 0
        break
      end
    end
    if #got < chunk or exhausted == 0 then break end
    next = '(' .. got[#got][1]
    -- About as many as fill the page, so that large entries are not read for nothing.
    local fitting = math.floor((room - bytes) / (bytes / taken + 1)) + 1
    chunk = math.max(1, math.min(most - taken + 1, fitting))
  until false
end
local reply = { 'topic', lineage, second, world, changed, wait, epoch, seq, chain, exhausted }
for i = 1, #out do reply[10 + i] = out[i] end
return reply
