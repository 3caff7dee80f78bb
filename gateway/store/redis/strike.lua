-- Takes jobs away, whether or not they are out. ARGV: queue prefix, app, then the jobs' ids. Answers how many there
-- were.

local q, app = ARGV[1], ARGV[2]
local struck = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local job = redis.call('HEXISTS', q .. 'jobs', id) == 1 and load_job(q, id)
  if job and job.app == app then
    local lane = q .. 'lane:' .. job.lane
    local was_first = redis.call('LINDEX', lane, 0) == id
    redis.call('HDEL', q .. 'jobs', id)
    redis.call('HDEL', q .. 'out', id)
    redis.call('LREM', lane, 1, id)
    count_job(q, job.group, -1)
    if was_first then
      redis.call('ZREM', q .. 'heads:' .. job.group, job.lane)
      if not offer_lane(q, job.lane) then rank_group(q, job.group) end
    end
    struck = struck + 1
  end
end
return struck
