-- begin decides what may be done for a cancellation now, and stores the intent before anything is done.
-- KEYS  1 transaction  2 open set
-- ARGV  1 now in ms or 0  2 idempotency key  3 member of the sets  4 amount  5 '1' whole payment
--       6 parameters, JSON  7 token of this attempt  8 lease in ms  9 ms after the end of an unknown attempt before it is inquired after
-- Returns {'send', cancellation, sum, round}: the intent is stored, send one request
--         {'inquire', cancellation, sum, round, doubt}: verify; doubt counts other cancellations of the
--                   transaction whose outcome is not known either
--         {'held', ms}: somebody else has the transaction  {'wait', ms}: not due yet
--         {'ended'|'dead', cancellation, sum, round}, {'absent'}: never accepted, {'conflict'}: other parameters
local at = now(ARGV[1])
local key, token = ARGV[2], ARGV[7]
local txn = load(KEYS[1])
local c = txn and txn.c[key]
if not c then return { 'absent' } end
if not same(c, ARGV[4], ARGV[5], cjson.decode(ARGV[6])) then return { 'conflict' } end
if closed(c) then return { 'ended', unpack(view(txn, c)) } end
if dead[c.s] then return { 'dead', unpack(view(txn, c)) } end

local function store()
  redis.call('ZADD', KEYS[2], c.d, ARGV[3])
  save(KEYS[1], txn, 0)
end

-- grant stores the holder and answers what it may do: send, or verify an unknown outcome.
local function grant()
  store()
  local v = view(txn, c)
  if c.s == 'sending' then return { 'send', unpack(v) } end
  local doubt = 0
  for k, o in pairs(txn.c) do
    if k ~= key and (o.s == 'unknown' or (o.s == 'review' and o.cl ~= 1)) then doubt = doubt + 1 end
  end
  return { 'inquire', v[1], v[2], v[3], doubt }
end

local l = txn.l
if l and l.x > at then
  -- A reply that got lost on its way makes the client ask twice: the same token is the same grant. It is
  -- written again, so that a WAIT behind this script covers it.
  if l.k == key and l.t == token then return grant() end
  return { 'held', math.min(l.x - at, 1000) } -- requests are short; whoever died holds it to the end
end
if l and l.k ~= key then
  local other = txn.c[l.k]
  return { 'held', math.max((other.d or 0) - at, 1000) }
end

local lost = cut_short(c, l and l.x or at, 'lost')
if c.s == 'sending' then
  -- Its worker is gone, and nobody can say how far it came. It sent nothing after the lease had ended.
  c.s, c.d = 'unknown', l.x + tonumber(ARGV[9])
  txn.l = { k = key, t = '', x = 0 }
  store()
elseif lost then
  c.v = c.v or {}
  c.v.f = (c.v.f or 0) + 1
end
if c.d > at then return { 'wait', c.d - at } end

c.d = at + tonumber(ARGV[8])
txn.l = { k = key, t = token, x = c.d }
if c.s == 'queued' then c.s, c.t = 'sending', token end
add_attempt(c, { c.s == 'sending' and 'r' or 'i', at - c.at })
return grant()
