-- turn makes a worker the one that has a turn.
-- KEYS  1 turn
-- ARGV  1 who asks  2 how long the turn lasts from now, ms; 0 gives it back
-- Returns 1 if it is, or was, theirs, 0 while it is another's
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
