-- Included where a topic's epoch ends or a loss is noted. The rules are those of chain.ts.
-- Expects now.lua.
--
-- A chain is text: `birth since;epoch,epoch:limit:known:since;epoch:limit:known:since`. First the
-- second of the topic's birth and the one at which its present epoch began; then the links, newest
-- first, the epochs of a link oldest first.

local function read_chain(text)
  local birth, since = string.match(text, '^(%d+) (%d+);')
  local links = { birth = birth or '0', since = since or '0' }
  for epochs, limit, known, began in string.gmatch(text, '([^:;]+):(%d+):(%d+):(%d+)') do
    links[#links + 1] = { epochs, tonumber(limit), tonumber(known), tonumber(began) }
  end
  return links
end

local function write_chain(links)
  local out = { links.birth .. ' ' .. links.since }
  for i = 1, math.min(#links, CHAIN_LINKS) do
    out[i + 1] = string.format('%s:%.0f:%.0f:%.0f', unpack(links[i]))
  end
  return table.concat(out, ';')
end

-- The chain of a topic that is born now.
local function new_chain(world)
  return { birth = second, since = second, { world, 0, 0, 0 } }
end

local function link_of(links, epoch)
  for i, link in ipairs(links) do
    if string.find(',' .. link[1] .. ',', ',' .. epoch .. ',', 1, true) then return i end
  end
end

-- The present epoch ended at `seq`. Links between which nothing was written or lost become one, so
-- that many restarts do not push the epochs with messages off the end.
local function end_epoch(links, epoch, seq)
  local newest, older = links[1], links[2]
  if older and newest[2] == older[2] and newest[3] <= older[2] and older[3] <= older[2] then
    local epochs = {}
    for one in string.gmatch(older[1] .. ',' .. newest[1], '[^,]+') do epochs[#epochs + 1] = one end
    while #epochs > CHAIN_EPOCHS do table.remove(epochs, 2) end
    older[1] = table.concat(epochs, ',')
    table.remove(links, 1)
  end
  table.insert(links, 1, { epoch, seq, 0, tonumber(links.since) })
  links.since = second
end
