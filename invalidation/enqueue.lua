-- Puts jobs into their queues as rq does, each unless there is one of its name already, and says how many that were.
-- KEYS: what rq keeps the names of queues in. ARGV: the jobs as msgpack: [[its key, its name, its queue's key,
-- [field, value, ...]], ...].
local enqueued = 0
for _, job in ipairs(cmsgpack.unpack(ARGV[1])) do
  if redis.call('EXISTS', job[1]) == 0 then
    redis.call('HSET', job[1], unpack(job[4]))
    redis.call('SADD', KEYS[1], job[3])
    redis.call('RPUSH', job[3], job[2])
    enqueued = enqueued + 1
  end
end
return enqueued
