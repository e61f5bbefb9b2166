-- What every script of the ledger shares; it is put in front of each of them.
--
-- A transaction is one JSON document under one key. Its names are short because there is one for every
-- refunded payment, kept for months:
--   s      amount known to be cancelled so far, smallest unit of the currency
--   r      round that the next cancellation takes (cnclOrd)
--   n      how many of its cancellations have not ended (dead letters have not); absent for none
--   l      who holds it: k idempotency key, t token, x expiry in ms. x = 0: held by the unknown outcome of k
--   c      its cancellations by idempotency key:
--     p parameters, an object of plain values · m amount · w 1 if it cancels the whole payment
--     s status · q queue, absent for the default one · by who asked for it
--     at accepted, ms · e ended or dead since, in ms after at · d due, ms · no canTrdNo · rc rm code and message of the outcome
--     t token of the latest request · b retry budget spent · v verification: f failed inquiries in a row,
--     z times seen not applied, r why it is verified, u its code is unlisted, n times sent again, s rounds tried · cl 1 once a person closed it
--     a attempts, each {kind: r request, i inquiry, l late answer, start in ms after at, duration in ms, class, code, message, HTTP status, shown sum} cut after
--       the last value known; one of length 2 is under way · ax how many older ones were dropped
--     z account numbers, sealed, until it has ended · ev how many events told of it, of dead letters
--     o acts of people, each {ms, who, what, note, id of the call}
local KEPT_ATTEMPTS, KEPT_ACTS, MAX_CANCELLATIONS = 60, 20, 999

local ended = { cancelled = true, already_cancelled = true }
local dead = { rejected = true, exhausted = true, review = true }

-- now answers in ms. Redis's own clock is the only one that all workers share; tests hand one in.
local function now(given)
  if given ~= '0' then return tonumber(given) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function load(key)
  local raw = redis.call('GET', key)
  return raw and cjson.decode(raw)
end

-- save keeps a transaction for ever while one of its cancellations has not ended, else for `retention` ms.
local function save(key, txn, retention)
  if txn.n then
    redis.call('SET', key, cjson.encode(txn))
  else
    redis.call('SET', key, cjson.encode(txn), 'PX', retention)
  end
end

local function trim(list, most)
  local drop = #list - most
  if drop <= 0 then return list, 0 end
  local kept = {}
  for i = drop + 1, #list do kept[#kept + 1] = list[i] end
  return kept, drop
end

-- under_way answers the attempt that has no outcome yet, or nil. It is always the last one.
local function under_way(c)
  local last = c.a and c.a[#c.a]
  return last and #last == 2 and last or nil
end

local function add_attempt(c, attempt)
  local a, dropped = c.a or {}, 0
  table.insert(a, under_way(c) and #a or #a + 1, attempt)
  c.a, dropped = trim(a, KEPT_ATTEMPTS)
  if dropped > 0 then c.ax = (c.ax or 0) + dropped end
end

-- cut_short ends the attempt under way, if there is one, at a time, without an answer.
local function cut_short(c, at, class)
  local last = under_way(c)
  if last then last[3], last[4] = at - c.at - last[2], class end
  return last ~= nil
end

-- acted tells that a call was carried out before: its reply got lost on its way, and the client says it again.
local function acted(c, id)
  local last = c.o and c.o[#c.o]
  return last and last[5] == id
end

local function act(c, at, who, what, note, id)
  local o = c.o or {}
  o[#o + 1] = { at, who, what, note, id }
  c.o = trim(o, KEPT_ACTS)
end

-- unended moves the count of cancellations that have not ended.
local function unended(txn, by)
  txn.n = (txn.n or 0) + by
  if txn.n == 0 then txn.n = nil end
end

-- same tells whether a cancellation was asked for with these parameters.
local function same(c, amount, whole, params)
  if c.m ~= tonumber(amount) or (c.w == 1) ~= (whole == '1') then return false end
  for k, v in pairs(params) do
    if c.p[k] ~= v then return false end
  end
  for k in pairs(c.p) do
    if params[k] == nil then return false end
  end
  return true
end

-- tell puts what c has come to into the outbox, in the same step as the state itself, so that nobody can die between.
-- Its attempts, acts and secrets stay behind.
local function tell(outbox, member, c)
  local n = (c.ev or 0) + 1
  if dead[c.s] and c.cl ~= 1 then c.ev = n end
  local a, o, z = c.a, c.o, c.z
  c.a, c.o, c.z = nil, nil, nil
  redis.call('XADD', outbox, '*', 'm', member, 'n', n, 'c', cjson.encode(c))
  c.a, c.o, c.z = a, o, z
end

local function closed(c) return ended[c.s] or c.cl == 1 end

-- view is what Go reads: the cancellation, and of its transaction what the next step depends on.
local function view(txn, c)
  return { cjson.encode(c), txn.s, txn.r }
end
