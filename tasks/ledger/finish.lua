-- finish stores the outcome of one attempt, gives the transaction back and sets the next state.
-- KEYS  1 transaction  2 open set  3 dead letters  4 outbox
-- ARGV  1 now in ms or 0  2 idempotency key  3 member of the sets  4 token of the attempt  5 'r' request | 'i' inquiry
--       6 next status  7 due in ms from now  8 budget to spend  9 amount to add to the sum  10 rounds to add
--       11 canTrdNo  12 code of the outcome  13 message of the outcome  14 verification, JSON or ''
--       15 the attempt's {class, code, message, HTTP status, shown sum}, JSON, cut after the last value known
--       16 retention in ms  17 duration in ms as the worker measured it
-- Returns {'ok'}, {'stale', status, 1 if it has ended else 0}: another attempt has taken over, only the evidence was
--         kept, {'absent'}
local at = now(ARGV[1])
local key, token, kind, status = ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local evidence = cjson.decode(ARGV[15])
local txn = load(KEYS[1])
local c = txn and txn.c[key]
if not c then return { 'absent' } end

local mine
if kind == 'i' then
  mine = c.s == 'unknown' and txn.l and txn.l.t == token
else
  -- The answer to the latest request settles it even where the lease has been lost meanwhile, also where two
  -- inquiries have shown nothing: what was applied after all must not be sent again.
  mine = c.t == token and (c.s == 'sending' or (c.s == 'unknown' and status ~= 'unknown') or (c.s == 'queued' and ended[status]))
end
if not mine then
  -- A lost reply makes the client say the same twice.
  if c.s == status and c.cl ~= 1 and (c.no or '') == ARGV[11] then return { 'ok' } end
  local told = kind == 'r' and c.s == 'cancelled' and status == 'cancelled' and not c.no and ARGV[11] ~= ''
  if told then c.no = ARGV[11] end -- an inquiry settled it, and could not tell the number
  if kind == 'r' and evidence[1] ~= 'unsent' then
    local late = { 'l', at - c.at, 0 }
    for _, v in ipairs(evidence) do late[#late + 1] = v end
    add_attempt(c, late)
    save(KEYS[1], txn, ARGV[16])
  end
  if told then return { 'ok' } end
  return { 'stale', c.s, closed(c) and 1 or 0 }
end

local last = c.a[#c.a]
if #last ~= 2 or last[1] ~= kind then
  cut_short(c, at, 'overtaken')
  last = { 'l', at - c.at }
  add_attempt(c, last)
end
last[3] = tonumber(ARGV[17])
for _, v in ipairs(evidence) do last[#last + 1] = v end

txn.s = txn.s + tonumber(ARGV[9])
txn.r = txn.r + tonumber(ARGV[10])
if status == 'unknown' then
  txn.l = { k = key, t = '', x = 0 }
elseif txn.l and txn.l.k == key then
  txn.l = nil
end

c.s, c.d, c.v = status, nil, nil
if ARGV[11] ~= '' then c.no = ARGV[11] end
c.rc, c.rm = nil, nil
if ARGV[12] ~= '' then c.rc = ARGV[12] end
if ARGV[13] ~= '' then c.rm = ARGV[13] end
if ended[status] then
  c.e, c.t, c.b, c.z = at - c.at, nil, nil, nil
  unended(txn, -1)
  redis.call('ZREM', KEYS[2], ARGV[3])
elseif dead[status] then
  c.e = at - c.at
  redis.call('ZREM', KEYS[2], ARGV[3])
  redis.call('ZADD', KEYS[3], at, ARGV[3])
else
  c.d = at + tonumber(ARGV[7])
  local spent = (c.b or 0) + tonumber(ARGV[8])
  if spent > 0 then c.b = spent end
  if ARGV[14] ~= '' then c.v = cjson.decode(ARGV[14]) end
  redis.call('ZADD', KEYS[2], c.d, ARGV[3])
end
if ended[status] or dead[status] then tell(KEYS[4], ARGV[3], c) end
save(KEYS[1], txn, ARGV[16])
return { 'ok' }
