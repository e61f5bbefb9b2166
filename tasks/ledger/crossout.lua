-- crossout removes events that have been told from an outbox, and the outbox itself once it is empty.
-- KEYS  1 outbox
-- ARGV  ids of the events
-- Returns how many are left
redis.call('XDEL', KEYS[1], unpack(ARGV))
local left = redis.call('XLEN', KEYS[1])
if left == 0 then redis.call('DEL', KEYS[1]) end
return left
