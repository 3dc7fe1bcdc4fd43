-- Included where a pod's last beat is judged. Expects `now` and `since`.
--
-- A beat is kept as text: `<at> <interval> <up since> <falls> <state> <load>`; times in ms by the
-- master's clock, state is here, leaving or left, load is JSON.

-- Of a beat that may be missing: at, interval, up since, falls, state.
local function read_beat(beat)
  if not beat then return nil end
  local at, interval, up, falls, state =
    string.match(beat, '^(%d+) (%d+) (%d+) (%d+) (%a+) ')
  return tonumber(at), tonumber(interval), tonumber(up), tonumber(falls), state
end

-- As `silenceOf` in pod-board.ts: nobody is silent while nobody at all was heard.
local function silence_of(at)
  if not at or at > now then return now - since end
  return now - math.max(at, since)
end
