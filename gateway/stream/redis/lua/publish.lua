-- Appends a batch to one topic and tells the pods that listen.
--
-- KEYS  1 world, 2 pods, 3 unreported, 4 log, 5 meta; and where a draft has an id:
--       6, 7 what producers were answered in even and in odd windows
-- ARGV  1 a random epoch of 10 characters, behind it '1' when a WAIT follows, and a claim (see
--       write-count.ts), 2 the topic's channel, then the n blobs; and with KEYS 6: n triples of
--       `identity producer:seq` ('' without), fingerprint, behind it '!' when it is a retry, and
--       the ms after which it was sent first, 13 digits ('~': only once)
-- Returns `<epoch> <first seq> <ms>` when every draft was written and announced, else an array of
--       that line and one status per draft. Where INFO is hidden ` <lineage> <count of writes>`
--       follows on the line. A status is
--       `w` written, `d <epoch> <seq> <second>` was written before, `c` the id was used for
--       another payload, `l` sent so long ago that what was written of it may be forgotten, `r` a
--       retry of what was not written and a later one was, `o` too many ids in this window,
--       `x <error>` certainly not written,
--       `? <error>` nobody knows; after them perhaps `! <error>`: the live copy was not sent.
--
-- Atomic: all of it. Everything that may refuse is called before the first entry is written; from
-- there on every call is `pcall`, since Redis does not roll back.
--
-- Meta is a hash: q = `<epoch> <lineage><ms when lives are prolonged next>`, s = last seq,
-- c = chain with its times, k = marks `<ms>:<last seq before>`. The first has fixed places, epoch
-- 1-10, lineage 12-51, due 52-64, and just the length up to which Redis keeps a small hash compact.
--@include now
local meta = redis.call('HMGET', KEYS[5], 'q', 's')
local state, seq = meta[1], tonumber(meta[2])
local epoch, due
if state and string.sub(state, 12, 51) == lineage then
  epoch, due = string.sub(state, 1, 10), string.sub(state, 52)
else
  local fresh = string.sub(ARGV[1], 1, 10)
  --@include world
  --@include chain
  local world = note_world()
  if state then
    due = string.sub(state, 52)
    local links = read_chain(redis.call('HGET', KEYS[5], 'c') or '')
    end_epoch(links, string.sub(state, 1, 10), seq)
    redis.call('HSET', KEYS[5], 'q', fresh .. ' ' .. lineage .. due, 'c', write_chain(links))
  else
    -- A log without meta is of a history that nobody can continue.
    seq, due = 0, ms
    local born = write_chain(new_chain(world))
    redis.call('HSET', KEYS[5], 'q', fresh .. ' ' .. lineage .. due, 's', 0, 'c', born)
    redis.call('DEL', KEYS[4])
  end
  epoch = fresh
end

local keyed = KEYS[6] ~= nil
local count = keyed and (#ARGV - 2) / 4 or #ARGV - 2
local known, answers, held, window, oldest = nil, nil, 0, 0, nil
local producers, numbers, retries, newest = {}, {}, {}, {}
if keyed then
  window = math.floor(ms / WINDOW_MS)
  oldest = string.format('%013.0f', ms - WINDOW_MS)
  local current, before = KEYS[6 + window % 2], KEYS[7 - window % 2]
  -- What each draft was answered; and of each producer, `identity producer:`, the highest seq.
  local fields = {}
  for i = 1, count do
    fields[i] = ARGV[count + 3 * i]
    producers[i], numbers[i] = string.match(fields[i], '(.*:)(%d+)')
    retries[i] = string.byte(ARGV[1 + count + 3 * i], -1) == 33
  end
  -- Of each producer the field `identity producer:` is the seq that it wrote last, and its highest
  -- if they grow; asked for only where it decides.
  for i = 1, count do
    if retries[i] then fields[#fields + 1] = producers[i] end
  end
  local newer = redis.call('HMGET', current, unpack(fields))
  local older = redis.call('HMGET', before, unpack(fields))
  known, answers, held = {}, {}, redis.call('HLEN', current)
  for i = 1, count do
    if fields[i] ~= '' then known[fields[i]] = newer[i] or older[i] end
  end
  for i = count + 1, #fields do
    newest[fields[i]] = math.max(tonumber(newer[i] or 0), tonumber(older[i] or 0))
  end
end

local first, last, blobs, bytes = seq + 1, nil, {}, 0
local line, status, failure
for i = 1, count do
  local said, field = nil, keyed and ARGV[count + 3 * i] or ''
  local producer, own, print = producers[i], nil, nil
  if producer then
    local before = known[field]
    own, print = tonumber(numbers[i]), ARGV[1 + count + 3 * i]
    if retries[i] then print = string.sub(print, 1, -2) end
    if before then
      local same = string.sub(before, 1, #print + 1) == print .. ' '
      said = same and 'd ' .. string.sub(before, #print + 2) or 'c'
    elseif ARGV[2 + count + 3 * i] < oldest then
      said = 'l'
    elseif retries[i] and newest[producer] > own then
      said = 'r'
    elseif held >= WINDOW_ENTRIES then
      said = 'o'
    end
  end
  if not said and failure then said = 'x ' .. failure end
  if not said then
    local number = tostring(seq + 1)
    local head = epoch .. ' ' .. number .. ' ' .. ms
    local blob = 'e ' .. head .. '\n' .. ARGV[2 + i]
    local added = redis.pcall('XADD', KEYS[4], number .. '-0', 'm', blob)
    if type(added) == 'table' then
      failure = added.err
      -- This server takes no writes at all: not an answer to these drafts.
      local refused = string.find(failure, 'READONLY') or string.find(failure, 'MISCONF')
      if refused and not last then return added end
      said = 'x ' .. failure
    else
      seq, last, bytes = seq + 1, number, bytes + #ARGV[2 + i]
      blobs[#blobs + 1] = blob
      line = line or head
      if producer then
        local answer = print .. ' ' .. epoch .. ' ' .. number .. ' ' .. second
        known[field], held = answer, held + (newest[producer] and 1 or 2)
        newest[producer] = math.max(newest[producer] or 0, own)
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
if last then
  if written then
    local counted = redis.pcall('HINCRBY', KEYS[1], 'n', 1)
    if type(counted) == 'number' then written = counted end
  end
  local kept = redis.pcall('HSET', KEYS[5], 's', last)
  if type(kept) == 'table' then doubt = kept.err end
  if answers and #answers > 0 then
    for producer, number in pairs(newest) do
      answers[#answers + 1], answers[#answers + 2] = producer, string.format('%.0f', number)
    end
    local key = KEYS[6 + window % 2]
    kept = redis.pcall('HSET', key, unpack(answers))
    if type(kept) == 'table' then doubt = kept.err end
    redis.pcall('PEXPIREAT', key, (window + 2) * WINDOW_MS)
  end
  if ms >= due then
    -- A few times per retention: a mark, the cut that old marks allow, longer lives.
    local marks = redis.pcall('HGET', KEYS[5], 'k')
    local left, cut = {}, nil
    for at, mark in string.gmatch(type(marks) == 'string' and marks or '', '(%d+):(%d+)') do
      if tonumber(at) <= ms - RETENTION_MS then cut = mark
      else left[#left + 1] = at .. ':' .. mark end
    end
    left[#left + 1] = ms .. ':' .. first - 1
    due = string.format('%013.0f', ms + STEP_MS)
    local next_state = epoch .. ' ' .. lineage .. due
    redis.pcall('HSET', KEYS[5], 'k', table.concat(left, ';'), 'q', next_state)
    if cut then redis.pcall('XTRIM', KEYS[4], 'MINID', cut + 1 .. '-0') end
    redis.pcall('PEXPIRE', KEYS[4], RETENTION_MS + STEP_MS)
    redis.pcall('PEXPIRE', KEYS[5], META_MS + STEP_MS)
  end
  if seq % TRIM_EVERY < #blobs then
    redis.pcall('XTRIM', KEYS[4], 'MAXLEN', '~', MAX_ENTRIES)
  end
  local copy = blobs[1]
  if bytes > INLINE_BYTES then
    copy = 'a ' .. epoch .. ' ' .. first .. ' ' .. last
  elseif blobs[2] then
    local lengths = {}
    for i = 1, #blobs do lengths[i] = #blobs[i] end
    copy = 'b ' .. table.concat(lengths, ',') .. '\n' .. table.concat(blobs)
  end
  local told = redis.pcall('PUBLISH', ARGV[2], copy)
  if type(told) == 'table' then silent = told.err end
elseif string.sub(ARGV[1], 11, 11) == '1' then
  -- A WAIT covers only what its connection wrote; this write is behind whatever was written
  -- before, so a replica that has it has the original of a duplicate too.
  redis.pcall('HSET', KEYS[5], 's', seq)
end

line = line or epoch .. ' ' .. first .. ' ' .. ms
if written then line = string.format('%s %s %.0f', line, lineage, written) end
if not status and not doubt and not silent then return line end
local reply = { line }
for i = 1, count do
  reply[i + 1] = status and status[i] or (doubt and '? ' .. doubt) or 'w'
end
if silent then reply[count + 2] = '! ' .. silent end
return reply
