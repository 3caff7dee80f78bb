-- Some of a queue's jobs that are an app's. ARGV: queue prefix, cursor, how many to look at, app. Answers
-- {next cursor, jobs}; the cursor is 0 at the end.

local q, cursor, count, app = unpack(ARGV)
local found = redis.call('HSCAN', q .. 'jobs', cursor, 'COUNT', count)
local jobs = {}
for i = 1, #found[2], 2 do
  local job = cmsgpack.unpack(found[2][i + 1])
  if job.app == app then
    jobs[#jobs + 1] = { found[2][i], job.app, job.group, job.lane, job.due, job.attempt, job.work }
  end
end
return { found[1], jobs }
