-- What the scripts about jobs share. `q` is a queue's prefix (see keys.rs). Due times and attempts stay the
-- text they came as: Lua never counts with them.

local function load_job(q, id)
  return cmsgpack.unpack(redis.call('HGET', q .. 'jobs', id))
end

local function save_job(q, id, job)
  redis.call('HSET', q .. 'jobs', id, cmsgpack.pack(job))
end

-- A group without jobs has no count.
local function count_job(q, group, by)
  if redis.call('HINCRBY', q .. 'counts', group, by) <= 0 then
    redis.call('HDEL', q .. 'counts', group)
  end
end

-- A group stands in `ready` by its earliest head, and not at all when it has none to give out.
local function rank_group(q, group)
  local first = redis.call('ZRANGE', q .. 'heads:' .. group, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('ZADD', q .. 'ready', first[2], group)
  else
    redis.call('ZREM', q .. 'ready', group)
  end
end

-- Offers the head of a lane, and says whether the lane has one.
local function offer_lane(q, lane)
  local id = redis.call('LINDEX', q .. 'lane:' .. lane, 0)
  if not id then return false end
  local job = load_job(q, id)
  redis.call('ZADD', q .. 'heads:' .. job.group, job.due, lane)
  rank_group(q, job.group)
  return true
end

-- Puts a job at the end of its lane; the lane has a new head only if it was empty.
local function push_job(q, id, job)
  save_job(q, id, job)
  if redis.call('RPUSH', q .. 'lane:' .. job.lane, id) == 1 then
    offer_lane(q, job.lane)
  end
end
