-- Frees what claims gave out whose answer never arrived. KEYS: the claims' markers, which also stop a claim that
-- is still on its way. ARGV: queue prefix, then the claims' ids.

local q = ARGV[1]
local given_up = {}
for i = 2, #ARGV do given_up[ARGV[i]] = true end
for _, marker in ipairs(KEYS) do redis.call('SET', marker, '', 'EX', 60) end

local out = redis.call('HGETALL', q .. 'out')
for i = 1, #out, 2 do
  if given_up[out[i + 1]] then
    redis.call('HDEL', q .. 'out', out[i])
    offer_lane(q, load_job(q, out[i]).lane)
  end
end
return #KEYS
