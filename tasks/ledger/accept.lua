-- accept stores a new cancellation, or answers what is known of it.
-- KEYS  1 transaction  2 open set
-- ARGV  1 now in ms or 0  2 idempotency key  3 member of the sets  4 amount  5 '1' whole payment
--       6 parameters, JSON  7 queue or ''  8 who or ''  9 retention in ms  10 sealed account numbers or ''
-- Returns {'accepted'|'known', cancellation, sum, round},
--         {'conflict', cancellation, sum, round}: what is stored under the key has other parameters,
--         {'full'}: the transaction has as many cancellations as the gateway has rounds
local at = now(ARGV[1])
local txn = load(KEYS[1]) or { s = 0, r = 1, c = {} }
local c, params = txn.c[ARGV[2]], cjson.decode(ARGV[6])
if c then
  if not same(c, ARGV[4], ARGV[5], params) then return { 'conflict', unpack(view(txn, c)) } end
  save(KEYS[1], txn, ARGV[9]) -- written again, so that a WAIT behind this script covers it
  return { 'known', unpack(view(txn, c)) }
end
local count = 0
for _ in pairs(txn.c) do count = count + 1 end
if count >= MAX_CANCELLATIONS then return { 'full' } end

c = { p = params, m = tonumber(ARGV[4]), s = 'queued', at = at, d = at }
if ARGV[5] == '1' then c.w = 1 end
if ARGV[7] ~= '' then c.q = ARGV[7] end
if ARGV[8] ~= '' then c.by = ARGV[8] end
if ARGV[10] ~= '' then c.z = ARGV[10] end
txn.c[ARGV[2]] = c
unended(txn, 1)
redis.call('ZADD', KEYS[2], at, ARGV[3])
save(KEYS[1], txn, 0)
return { 'accepted', unpack(view(txn, c)) }
