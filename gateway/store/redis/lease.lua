-- KEYS: the queue's epoch. ARGV: queue prefix. Answers the new epoch; what was out is free again.

local q = ARGV[1]
for _, id in ipairs(redis.call('HKEYS', q .. 'out')) do
  offer_lane(q, load_job(q, id).lane)
end
redis.call('DEL', q .. 'out')
return redis.call('INCR', KEYS[1])
