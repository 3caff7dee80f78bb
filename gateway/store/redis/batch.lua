-- Reads a batch from ARGV and applies it. Conditions first, writes after, so that a script changes all or nothing.
-- KEYS[1] is the batch's marker, KEYS[2] the shard's version counter; then one key per document, per entry,
-- per move, per removal and per count, in the order of ARGV.

local next_arg = 1
local function arg()
  next_arg = next_arg + 1
  return ARGV[next_arg - 1]
end

local function read_batch()
  local batch = { documents = {}, entries = {}, moves = {}, removals = {}, counts = {}, jobs = {} }
  local key = 2
  local function next_key()
    key = key + 1
    return KEYS[key]
  end
  for i = 1, tonumber(arg()) do
    batch.documents[i] = { key = next_key(), act = arg(), expect = arg(), expires = arg(), body = arg() }
  end
  for i = 1, tonumber(arg()) do
    batch.entries[i] = { key = next_key(), rank = arg(), member = arg() }
  end
  for i = 1, tonumber(arg()) do
    batch.moves[i] = { key = next_key(), rank = arg(), member = arg() }
  end
  for i = 1, tonumber(arg()) do
    batch.removals[i] = { key = next_key(), member = arg() }
  end
  for i = 1, tonumber(arg()) do
    batch.counts[i] = { key = next_key(), counter = arg(), delta = arg(), expires = arg() }
  end
  for i = 1, tonumber(arg()) do
    batch.jobs[i] = {
      queue = arg(), id = arg(),
      job = { app = arg(), group = arg(), lane = arg(), due = arg(), attempt = '0', work = arg() },
    }
  end
  return batch
end

local function committed_before()
  return redis.call('EXISTS', KEYS[1]) == 1
end

-- The place of the first document whose condition does not hold, from 1; 0 if all hold.
local function first_conflict(batch)
  for i, document in ipairs(batch.documents) do
    if document.expect == 'absent' then
      if redis.call('EXISTS', document.key) == 1 then return i end
    elseif document.expect ~= 'any' then
      -- Twenty characters hold any version and the space after it.
      local head = redis.call('GETRANGE', document.key, 0, 20)
      if head:match('^(%d+) ') ~= document.expect then return i end
    end
  end
  return 0
end

local function write_documents(documents)
  if #documents == 0 then return end
  -- One counter for the shard: a version never comes back, not even after a document was removed.
  -- `%.0f`, because tostring() would round beyond fourteen digits.
  local version = string.format('%.0f', redis.call('INCR', KEYS[2]))
  for _, document in ipairs(documents) do
    local value = version .. ' ' .. document.body
    if document.act == 'delete' then
      redis.call('DEL', document.key)
    elseif document.expires == '' then
      redis.call('SET', document.key, value)
    else
      redis.call('SET', document.key, value, 'PXAT', document.expires)
    end
  end
end

local function write_batch(batch)
  write_documents(batch.documents)
  for _, entry in ipairs(batch.entries) do
    redis.call('ZADD', entry.key, entry.rank, entry.member)
  end
  for _, move in ipairs(batch.moves) do
    redis.call('ZADD', move.key, 'XX', move.rank, move.member)
  end
  for _, removal in ipairs(batch.removals) do
    redis.call('ZREM', removal.key, removal.member)
  end
  for _, count in ipairs(batch.counts) do
    redis.call('HINCRBY', count.key, count.counter, count.delta)
    if count.expires ~= '' then redis.call('PEXPIREAT', count.key, count.expires) end
  end
  for _, new in ipairs(batch.jobs) do
    if redis.call('HEXISTS', new.queue .. 'jobs', new.id) == 0 then
      push_job(new.queue, new.id, new.job)
      count_job(new.queue, new.job.group, 1)
    end
  end
  redis.call('SET', KEYS[1], '', 'EX', 60)
end
