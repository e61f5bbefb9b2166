-- setaside moves an event that cannot be read from an outbox to a stream beside it: the id that it had,
-- then its fields as they are.
-- KEYS  1 outbox  2 damaged events
-- ARGV  1 how many of the damaged ones to keep, the last  2 id of the event
-- Returns how many were moved: 0 where it had been before
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
if not entry then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[1], '*', 'entry', entry[1], unpack(entry[2]))
redis.call('XDEL', KEYS[1], entry[1])
return 1
