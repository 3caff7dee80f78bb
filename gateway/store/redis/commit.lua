-- ARGV: a batch. Answers 0, or the place of the first document in conflict.

if committed_before() then return 0 end
local batch = read_batch()
local conflict = first_conflict(batch)
if conflict == 0 then write_batch(batch) end
return conflict
