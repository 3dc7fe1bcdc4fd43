-- A pod's sign of life: decides who may write the next ring, and tells the pod what it lacks.
-- `MemoryBoard.beat` is the same in another language.
--
-- KEYS  1 board, 2 beats, 3 facts
--       board is a hash: the ring as rg, rc, rh (generation, counter, digest) and d (document);
--       the lease as lp, lg (pod, generation); g = highest generation of rings and leases so far;
--       l = ms of the last beat of anybody, s = end of the last pause before it;
--       f = token of the facts, another one after each change.
--       beats and facts are hashes by pod: see silence.lua; facts are JSON.
-- ARGV  1 pod, 2 its interval in ms, 3 here|leaving, 4 load, 5 facts, 6 a random token,
--       7 the token of the facts that it knows, 8-10 its ring (generation, counter, digest; -1
--       -1 '' for none), 11 digest of a document that it refused, 12 '1': it would write
-- Returns {now, since, holder or '', generation of its lease or 0, rg or -1, rc, rh, document or
--       '', token of the facts, facts or {}, beats or {}}. The document only when it is better than
--       the pod's ring, facts only when the pod does not know them, beats only with the lease.
--
-- Atomic: all of it. Works when memory is full: the first call is a write that is never refused
-- for that, and a script that has written may finish.
--@include now
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, BOARD_MS) end
local pod, interval = ARGV[1], tonumber(ARGV[2])
local board = redis.call('HMGET', KEYS[1], 'rg', 'rc', 'rh', 'lp', 'lg', 'g', 'l', 's', 'f')
local ring_generation, ring_counter = tonumber(board[1] or -1), tonumber(board[2] or -1)
local ring_digest, token = board[3] or '', board[9] or ''
local holder, lease = board[4], tonumber(board[5] or 0)
local generation = math.max(tonumber(board[6] or 0), ring_generation)
local last, since = tonumber(board[7]), tonumber(board[8])
if not last or not since or now < last or now - last > PAUSE_HEARTBEATS * interval then
  since = now
end
--@include silence

-- Since when the pod is up, and how often it fell lately.
local before = redis.call('HGET', KEYS[2], pod)
local at, its_interval, up, falls, state = read_beat(before)
if not at then
  up, falls = now, 0
elseif silence_of(at) > GONE_HEARTBEATS * its_interval or state == 'left'
  or (state == 'leaving' and ARGV[3] == 'here') then
  up, falls = now, math.min(falls + 1, FALLS_MAX)
else
  up = math.min(up, now)
  if now - up > FORGIVE_HEARTBEATS * interval then falls = 0 end
end
local function ms(time) return string.format('%.0f', time) end
local beat = { ms(now), ARGV[2], ms(up), falls, ARGV[3], ARGV[4] }
redis.call('HSET', KEYS[2], pod, table.concat(beat, ' '))

if not before then
  -- A newcomer: the moment to forget those that were not heard of for long.
  local beats = redis.call('HGETALL', KEYS[2])
  for i = 2, #beats, 2 do
    local heard, every = read_beat(beats[i])
    if not heard or silence_of(heard) > FORGET_HEARTBEATS * every then
      redis.call('HDEL', KEYS[2], beats[i - 1])
      if redis.call('HDEL', KEYS[3], beats[i - 1]) == 1 then token = ARGV[6] end
    end
  end
end
if redis.call('HGET', KEYS[3], pod) ~= ARGV[5] then
  redis.call('HSET', KEYS[3], pod, ARGV[5])
  token = ARGV[6]
end

-- A ring that the board should know of, and does not: what was given out since then ends.
local its_generation, its_counter = tonumber(ARGV[8]), tonumber(ARGV[9])
local order = its_generation - ring_generation
if order == 0 then order = its_counter - ring_counter end
if order > 0 or (order == 0 and its_generation >= 0 and ARGV[10] ~= ring_digest) then
  generation = math.max(generation, its_generation)
  if lease <= its_generation then holder = false end
end

-- The lease.
if holder then
  local heard, every, _, _, how = read_beat(redis.call('HGET', KEYS[2], holder))
  if not heard or how == 'left' or silence_of(heard) > LEASE_HEARTBEATS * every
    or lease < ring_generation then
    holder = false
  end
end
if ARGV[12] == '1' and not holder then
  generation = generation + 1
  holder, lease = pod, generation
elseif ARGV[12] ~= '1' and holder == pod then
  holder = false
end
redis.call('HSET', KEYS[1], 'l', ms(now), 's', ms(since), 'f', token, 'g', ms(generation))
if holder then redis.call('HSET', KEYS[1], 'lp', holder, 'lg', ms(lease))
elseif board[4] then redis.call('HDEL', KEYS[1], 'lp', 'lg') end

local document, facts, beats = '', {}, {}
if order == 0 then order = ARGV[10] < ring_digest and -1 or 0 end
if order < 0 and ARGV[11] ~= ring_digest then
  document = redis.call('HGET', KEYS[1], 'd') or ''
end
if ARGV[7] ~= token then facts = redis.call('HGETALL', KEYS[3]) end
if holder == pod then beats = redis.call('HGETALL', KEYS[2]) end
return {
  ms(now), ms(since), holder or '', holder == pod and ms(lease) or '0',
  ms(ring_generation), ms(ring_counter), ring_digest, document, token, facts, beats,
}
