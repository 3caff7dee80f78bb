-- Gives a job other work, if it is there. ARGV: queue prefix, app, the job's id, the work.

local q, app, id, work = unpack(ARGV)
if redis.call('HEXISTS', q .. 'jobs', id) == 0 then return 0 end
local job = load_job(q, id)
if job.app ~= app then return 0 end
job.work = work
save_job(q, id, job)
return 1
