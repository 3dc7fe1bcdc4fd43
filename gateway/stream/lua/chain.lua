-- Included where a topic's epoch ends or a loss is noted. The rules are those of chain.ts.
--
-- A chain is text, newest link first: `epoch,epoch:limit:known;epoch:limit:known`; the epochs of
-- a link oldest first.

local function read_chain(text)
  local links = {}
  for epochs, limit, known in string.gmatch(text, '([^:;]+):(%d+):(%d+)') do
    links[#links + 1] = { epochs, tonumber(limit), tonumber(known) }
  end
  return links
end

local function write_chain(links)
  local out = {}
  for i = 1, math.min(#links, CHAIN_LINKS) do
    out[i] = string.format('%s:%.0f:%.0f', links[i][1], links[i][2], links[i][3])
  end
  return table.concat(out, ';')
end

local function link_of(links, epoch)
  for i, link in ipairs(links) do
    if string.find(',' .. link[1] .. ',', ',' .. epoch .. ',', 1, true) then return i end
  end
end

-- The epoch ended at `seq`. Links between which nothing was written or lost become one, so that
-- many restarts do not push the epochs with messages off the end.
local function end_epoch(links, epoch, seq)
  local newest, older = links[1], links[2]
  if older and newest[2] == older[2] and newest[3] <= older[2] and older[3] <= older[2] then
    local epochs = {}
    for one in string.gmatch(older[1] .. ',' .. newest[1], '[^,]+') do epochs[#epochs + 1] = one end
    while #epochs > CHAIN_EPOCHS do table.remove(epochs, 2) end
    older[1] = table.concat(epochs, ',')
    table.remove(links, 1)
  end
  table.insert(links, 1, { epoch, seq, 0 })
end
