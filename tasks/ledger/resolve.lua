-- resolve ends a cancellation by a person's word, unless a request is on the wire.
-- KEYS  1 transaction  2 open set  3 dead letters  4 outbox
-- ARGV  1 now in ms or 0  2 idempotency key  3 member of the sets  4 who  5 note  6 'cancelled'|'rejected'
--       7 retention in ms  8 id of this call
-- Returns {'ok', cancellation, sum, round}, {'ended', cancellation, sum, round}, {'busy', ms}, {'absent'}
local at = now(ARGV[1])
local txn = load(KEYS[1])
local c = txn and txn.c[ARGV[2]]
if not c then return { 'absent' } end
if closed(c) then
  if not acted(c, ARGV[8]) then return { 'ended', unpack(view(txn, c)) } end
  save(KEYS[1], txn, ARGV[7]) -- written again, so that a WAIT behind this script covers it
  return { 'ok', unpack(view(txn, c)) }
end
local l = txn.l
if l and l.k == ARGV[2] then
  if l.x > at then return { 'busy', l.x - at } end
  txn.l = nil
end

cut_short(c, at, 'lost')
c.s, c.e, c.cl = ARGV[6], at - c.at, 1
c.d, c.b, c.v, c.t, c.z = nil, nil, nil, nil, nil
if c.s == 'cancelled' then
  txn.s = txn.s + c.m
  txn.r = txn.r + 1
end
act(c, at, ARGV[4], 'resolve ' .. c.s, ARGV[5], ARGV[8])
unended(txn, -1)
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[3])
tell(KEYS[4], ARGV[3], c)
save(KEYS[1], txn, ARGV[7])
return { 'ok', unpack(view(txn, c)) }
