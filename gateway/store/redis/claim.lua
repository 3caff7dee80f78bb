-- KEYS: the claim's marker, there if the claim was given up. ARGV: queue prefix, epoch, group, now, limit, claim id.
-- Answers {0, jobs}, or {-1, {}} when the epoch has passed.

local q, epoch, group, now, limit, claim = unpack(ARGV)
if redis.call('GET', q .. 'epoch') ~= epoch then return { -1, {} } end
if redis.call('EXISTS', KEYS[1]) == 1 then return { 0, {} } end

local jobs = {}
local heads = q .. 'heads:' .. group
for i, lane in ipairs(redis.call('ZRANGEBYSCORE', heads, '-inf', now, 'LIMIT', 0, limit)) do
  local id = redis.call('LINDEX', q .. 'lane:' .. lane, 0)
  local job = load_job(q, id)
  redis.call('ZREM', heads, lane)
  redis.call('HSET', q .. 'out', id, claim)
  jobs[i] = { id, job.app, job.group, job.lane, job.due, job.attempt, job.work }
end
if #jobs > 0 then rank_group(q, group) end
return { 0, jobs }
