-- Deletes sessions that an opening has forgotten, unless somebody opened them since.
--
-- KEYS  1 names of the sessions of their identity, 2… the sessions
-- ARGV  their names, in the same order
--
-- Atomic: all of it.
for i, name in ipairs(ARGV) do
  if not redis.call('ZSCORE', KEYS[1], name) then redis.call('DEL', KEYS[i + 1]) end
end
