-- ARGV: queue prefix, epoch, job id, outcome (done, again in place, aside in a lane of its own), due, attempt, then
-- a batch. Answers 0, or -2 when there may now be more to give out, the place of the first document in conflict, or
-- -1 when the claim is lost.

if committed_before() then return -2 end
local q, epoch, id, outcome, due, attempt = arg(), arg(), arg(), arg(), arg(), arg()
if redis.call('GET', q .. 'epoch') ~= epoch then return -1 end
if redis.call('HEXISTS', q .. 'out', id) == 0 then return -1 end

local batch = read_batch()
local conflict = first_conflict(batch)
if conflict > 0 then return conflict end

local job = load_job(q, id)
local lane = job.lane
redis.call('HDEL', q .. 'out', id)
if outcome == 'done' then
  redis.call('HDEL', q .. 'jobs', id)
  count_job(q, job.group, -1)
else
  job.due, job.attempt = due, attempt
  save_job(q, id, job)
end
if outcome ~= 'again' then redis.call('LPOP', q .. 'lane:' .. lane) end
local is_offered = offer_lane(q, lane)
if outcome == 'aside' then
  job.lane = id
  push_job(q, id, job)
end
write_batch(batch)
if is_offered or outcome ~= 'done' then return -2 end
return 0
