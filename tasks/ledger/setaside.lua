-- setaside moves an event that cannot be read from an outbox to a stream beside it, where it is one entry: the id that it had and its
-- fields, as a JSON array. The outbox itself goes once it is empty.
-- KEYS  1 outbox  2 damaged events
-- ARGV  1 how many of the damaged ones to keep, the last  2 id of the event
-- Returns how many were moved: 0 where it had been before
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[1], '*', 'entry', entry[1], 'fields', cjson.encode(entry[2]))
redis.call('XDEL', KEYS[1], entry[1])
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[1]) end
return 1
