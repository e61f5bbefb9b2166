-- retry takes a dead letter back to work: a new budget, or, where it may have been applied, a new verification.
-- KEYS  1 transaction  2 open set  3 dead letters
-- ARGV  1 now in ms or 0  2 idempotency key  3 member of the sets  4 who  5 note  6 id of this call
-- Returns {'ok', cancellation, sum, round}, {'not_dead', cancellation, sum, round}, {'absent'}
local at = now(ARGV[1])
local txn = load(KEYS[1])
local c = txn and txn.c[ARGV[2]]
if not c then return { 'absent' } end
if not dead[c.s] or c.cl == 1 then
  if closed(c) or not acted(c, ARGV[6]) then return { 'not_dead', unpack(view(txn, c)) } end
  save(KEYS[1], txn, 0) -- written again, so that a WAIT behind this script covers it
  return { 'ok', unpack(view(txn, c)) }
end

c.s = c.s == 'review' and 'unknown' or 'queued'
-- Unknown again, it holds the transaction until it is settled, unless somebody has it now.
if c.s == 'unknown' and not txn.l then txn.l = { k = ARGV[2], t = '', x = 0 } end
c.d, c.e, c.b, c.v, c.rc, c.rm = at, nil, nil, nil, nil, nil
act(c, at, ARGV[4], 'retry', ARGV[5], ARGV[6])
redis.call('ZREM', KEYS[3], ARGV[3])
redis.call('ZADD', KEYS[2], at, ARGV[3])
save(KEYS[1], txn, 0)
return { 'ok', unpack(view(txn, c)) }
