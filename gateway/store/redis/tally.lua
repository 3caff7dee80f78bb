-- KEYS: a family of counters, then lists. Answers the counters as pairs and the lengths of the lists.

local counts = {}
local found = redis.call('HGETALL', KEYS[1])
for i = 1, #found, 2 do
  counts[#counts + 1] = { found[i], tonumber(found[i + 1]) }
end
local lengths = {}
for i = 2, #KEYS do
  lengths[i - 1] = redis.call('ZCARD', KEYS[i])
end
return { counts, lengths }
