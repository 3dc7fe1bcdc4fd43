-- Appends a batch to one topic and tells the pods that listen.
--
-- KEYS  1 world, 2 pods, 3 unreported, 4 log, 5 meta; and where a draft has an id:
--       6, 7 what producers were answered in even and in odd windows
-- ARGV  1 a random epoch, 2 the topic's channel, 3 number of drafts n,
--       4 '1' when a WAIT follows, 5 … 4+n the blobs; and with KEYS 6: n pairs of
--       `identity producer:seq` ('' without) and fingerprint
-- Returns `<epoch> <first seq> <ms>` when every draft was written and announced, else an array of
--       that line and one status per draft:
--       `w` written, `d <epoch> <seq> <second>` was written before, `c` the id was used for
--       another payload, `o` too many ids in this window, `x <error>` certainly not written,
--       `? <error>` nobody knows; after them perhaps `! <error>`: the live copy was not sent.
--
-- Atomic: all of it. Everything that may refuse is called before the first entry is written; from
-- there on every call is `pcall`, since Redis does not roll back.
--@include now
local meta = redis.call('HMGET', KEYS[5], 'e', 's', 'r', 'x')
local epoch, seq, due = meta[1], tonumber(meta[2]), tonumber(meta[4] or 0)
if not epoch or meta[3] ~= lineage then
  local fresh = ARGV[1]
  --@include world
  --@include chain
  local world = note_world()
  if epoch then
    local links = read_chain(redis.call('HGET', KEYS[5], 'c') or '')
    end_epoch(links, epoch, seq)
    redis.call('HSET', KEYS[5], 'e', fresh, 'r', lineage, 'c', write_chain(links))
  else
    -- A log without meta is of a history that nobody can continue.
    seq, due = 0, 0
    redis.call('HSET', KEYS[5], 'e', fresh, 's', 0, 'r', lineage, 'c', world .. ':0:0')
    redis.call('DEL', KEYS[4])
  end
  epoch = fresh
end

local count = tonumber(ARGV[3])
local second = math.floor(now / 1000)
local keyed = KEYS[6] ~= nil
local known, answers, held, window = nil, nil, 0, 0
if keyed then
  window = math.floor(now / WINDOW_MS)
  local current, before = KEYS[6 + window % 2], KEYS[7 - window % 2]
  local fields = {}
  for i = 1, count do fields[i] = ARGV[3 + count + 2 * i] end
  known = redis.call('HMGET', current, unpack(fields))
  local older = redis.call('HMGET', before, unpack(fields))
  local seen = {}
  for i = 1, count do
    if fields[i] ~= '' then seen[fields[i]] = known[i] or older[i] end
  end
  known, answers, held = seen, {}, redis.call('HLEN', current)
end

local first, written, status, failure = seq + 1, {}, nil, nil
for i = 1, count do
  local said, field = nil, keyed and ARGV[3 + count + 2 * i] or ''
  if field ~= '' then
    local before, print = known[field], ARGV[4 + count + 2 * i]
    if before then
      local same = string.sub(before, 1, #print + 1) == print .. ' '
      said = same and 'd ' .. string.sub(before, #print + 2) or 'c'
    elseif held >= WINDOW_ENTRIES then
      said = 'o'
    end
  end
  if not said and failure then said = 'x ' .. failure end
  if not said then
    local added = redis.pcall('XADD', KEYS[4], 'MAXLEN', '~', MAX_ENTRIES, (seq + 1) .. '-0',
      'h', epoch .. ' ' .. now, 'm', ARGV[4 + i])
    if type(added) == 'table' then
      failure = added.err
      -- This server takes no writes at all: not an answer to these drafts.
      local refused = string.find(failure, 'READONLY') or string.find(failure, 'MISCONF')
      if refused and #written == 0 then return added end
      said = 'x ' .. failure
    else
      seq = seq + 1
      written[#written + 1] = ARGV[4 + i]
      if field ~= '' then
        local answer = ARGV[4 + count + 2 * i] .. ' ' .. epoch .. ' ' .. seq .. ' ' .. second
        known[field], held = answer, held + 1
        answers[#answers + 1], answers[#answers + 2] = field, answer
      end
    end
  end
  if said then
    status = status or {}
    status[i] = said
  end
end

local doubt, silent
if #written > 0 then
  local kept = redis.pcall('HSET', KEYS[5], 's', seq)
  if type(kept) == 'table' then doubt = kept.err end
  if answers and #answers > 0 then
    local key = KEYS[6 + window % 2]
    kept = redis.pcall('HSET', key, unpack(answers))
    if type(kept) == 'table' then doubt = kept.err end
    redis.pcall('PEXPIREAT', key, (window + 2) * WINDOW_MS)
  end
  if now >= due then
    -- A few times per retention: a mark (time, last seq before it), the cut that old marks
    -- allow, and longer lives for both keys.
    local marks = redis.pcall('HGET', KEYS[5], 'k')
    local left, cut = {}, nil
    for at, mark in string.gmatch(type(marks) == 'string' and marks or '', '(%d+):(%d+)') do
      if tonumber(at) <= now - RETENTION_MS then cut = mark
      else left[#left + 1] = at .. ':' .. mark end
    end
    left[#left + 1] = string.format('%.0f:%.0f', now, first - 1)
    redis.pcall('HSET', KEYS[5], 'k', table.concat(left, ';'), 'x', now + STEP_MS)
    if cut then redis.pcall('XTRIM', KEYS[4], 'MINID', string.format('%.0f-0', cut + 1)) end
    redis.pcall('PEXPIRE', KEYS[4], RETENTION_MS + STEP_MS)
    redis.pcall('PEXPIRE', KEYS[5], META_MS + STEP_MS)
  end
  local bytes = 0
  for i = 1, #written do bytes = bytes + #written[i] end
  local copy
  if bytes > INLINE_BYTES then
    copy = 'a ' .. epoch .. ' ' .. first .. ' ' .. seq
  elseif #written == 1 then
    copy = 'e ' .. epoch .. ' ' .. seq .. ' ' .. now .. '\n' .. written[1]
  else
    local lengths = {}
    for i = 1, #written do lengths[i] = #written[i] end
    copy = 'b ' .. epoch .. ' ' .. first .. ' ' .. now .. ' ' .. table.concat(lengths, ',') .. '\n'
      .. table.concat(written)
  end
  local told = redis.pcall('PUBLISH', ARGV[2], copy)
  if type(told) == 'table' then silent = told.err end
elseif ARGV[4] == '1' then
  -- A WAIT covers only what its connection wrote; this write is behind whatever was written
  -- before, so a replica that has it has the original of a duplicate too.
  redis.pcall('HSET', KEYS[5], 's', seq)
end

local line = epoch .. ' ' .. first .. ' ' .. now
if not status and not doubt and not silent then return line end
local reply = { line }
for i = 1, count do
  reply[i + 1] = status and status[i] or (doubt and '? ' .. doubt) or 'w'
end
if silent then reply[count + 2] = '! ' .. silent end
return reply
