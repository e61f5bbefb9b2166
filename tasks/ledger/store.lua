-- store writes a payment if it is still the one that was read, and moves what goes with it.
--
-- KEYS  1 payment  2 state of the shard  3… whatever the commands below use
-- ARGV  1 id of the write that the payment was read with, '' where there was none
--       2 id of this write; the document ends "<id>"}
--       3 document  4 how long it is kept, ms; 0 for ever; '' where 3 is to stand behind what is stored
--       5 highest count of the shard that this process was answered  6 epoch that it knows
--       7 '' or the name that key 3 must lead to, and does from now on if it led nowhere
--       8 name of this process, '' for one that lives shortly  9 highest count of its own
--       10… commands: how many arguments, the command, the number of its key, the arguments
--
-- Returns {word, now in ms, count, epoch, since when in ms, document, count of this process}:
--   'ok'      it is written, now or by an earlier call of the same id whose reply got lost
--   'moved'   the payment is another one: document, '' for none
--   'epoch'   the shard has forgotten writes, or did since this process last saw it; nothing is written
--   'foreign' key 3 leads elsewhere; nothing is written
--
-- The state of a shard: w counts its writes, e is its epoch, t since when, f how many writes were
-- found missing; w with a name counts the writes of one process that lives. A count or an epoch
-- below one that was answered before means that confirmed writes are gone. The count of all alone
-- would not do: others, who know less, may have written as much again before this process looks.
-- The new epoch lies above both, or who knew a higher one would take it for its own. The next count
-- lies far above all that were ever answered, so that the others do not find it again.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local state = redis.call('HMGET', KEYS[2], 'w', 'e', 't', 'w' .. ARGV[8])
local count, epoch, since = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3] or 0)

local seen, known, own = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[9])
local mine = ARGV[8] ~= '' and tonumber(state[4] or 0) or own
if count < seen or mine < own and epoch == known or epoch < known then
  redis.call('HINCRBY', KEYS[2], 'f', math.max(seen - count, own - mine, 1))
  count, epoch, since = math.max(seen, count) + 1048576, math.max(known, epoch) + 1, now
  redis.call('HSET', KEYS[2], 'w', count, 'e', epoch, 't', since)
end
if epoch ~= known then return { 'epoch', now, count, epoch, since } end

local stored = redis.call('GETRANGE', KEYS[1], -2 - #ARGV[2], -3)
if stored ~= ARGV[2] then
  if stored ~= ARGV[1] or stored == '' and redis.call('EXISTS', KEYS[1]) == 1 then
    return { 'moved', now, count, epoch, since, redis.call('GET', KEYS[1]) or '' }
  end
  if ARGV[7] ~= '' then
    local to = redis.call('GET', KEYS[3])
    if to and to ~= ARGV[7] then return { 'foreign', now, count, epoch, since } end
    redis.call('SET', KEYS[3], ARGV[7])
  end
  if ARGV[4] == '' then
    redis.call('APPEND', KEYS[1], ARGV[3])
  elseif ARGV[4] == '0' then
    redis.call('SET', KEYS[1], ARGV[3])
  else
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
  end
  local i = 10
  while ARGV[i] do
    local last = i + 2 + ARGV[i]
    redis.call(ARGV[i + 1], KEYS[tonumber(ARGV[i + 2])], unpack(ARGV, i + 3, last))
    i = last + 1
  end
end
-- Counted even where the write was there before: a WAIT behind this script needs a write to wait for.
count = count + 1
if ARGV[8] == '' then
  redis.call('HSET', KEYS[2], 'w', count)
else
  mine = mine + 1
  redis.call('HSET', KEYS[2], 'w', count, 'w' .. ARGV[8], mine)
end
return { 'ok', now, count, epoch, since, '', mine }
