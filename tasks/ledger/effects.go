package ledger

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"

	"github.com/redis/go-redis/v9"
)

// writing is one run of store.lua. A key is in it only where a command uses it: a slot of a cluster
// that is being moved refuses a script of which one key has been moved, and another has not.
type writing struct {
	keys    []string
	args    []any
	expires []string // indexes that it tells when to expire
}

// add appends a command; its key comes first.
func (w *writing) add(command, key string, args ...any) {
	at := slices.Index(w.keys, key)
	if at < 0 {
		at, w.keys = len(w.keys), append(w.keys, key)
	}
	w.args = append(append(w.args, len(args), command, at+1), args...)
}

func (w *writing) command(ctx context.Context, name, script string) *redis.Cmd {
	args := make([]any, 0, 3+len(w.keys)+len(w.args))
	args = append(args, name, script, len(w.keys))
	for _, k := range w.keys {
		args = append(args, k)
	}
	cmd := redis.NewCmd(ctx, append(args, w.args...)...)
	cmd.SetFirstKeyPos(3)
	return cmd
}

// kind is which set a cancellation belongs to.
type kind int

const (
	isNew kind = iota
	isOpen
	isDead
	isEnded
)

func (c *Cancellation) kind() kind {
	switch {
	case c.ended():
		return isEnded
	case c.dead():
		return isDead
	}
	return isOpen
}

// effects adds what goes along with the document: places in the sets, events, indexes, counters.
func (s *store) effects(w *writing, ch *change, p *Payment, index bool) {
	for _, c := range p.Cancellations {
		if !p.touched[c.Key] {
			continue
		}
		at := ch.at
		at.key = c.Key
		s.moveMembers(w, at, c, ch.moment)
		if c.was == isNew {
			s.indexNew(w, at, c)
		}
		if index && c.ended() && c.was != isEnded {
			w.add("PEXPIRE", indexKey(c.Key), millis(s.opts.Retention))
		}
	}
	for _, t := range p.told {
		s.tell(w, ch.at, t)
	}
}

func (s *store) moveMembers(w *writing, at place, c *Cancellation, now Moment) {
	kind, member := c.kind(), at.member()
	// While an attempt is under way its lease makes c due later and later. The set need not know that.
	later := c.Due > c.wasDue && c.underWay() == nil
	if kind == isOpen && (c.was != isOpen || later || c.Due < c.wasDue) {
		w.add("ZADD", openKey(at.shard), c.Due, member)
	}
	if kind == isDead && c.was != isDead {
		w.add("ZADD", deadKey(at.shard), c.Accepted+c.Ended, member)
	}
	if kind != isOpen && c.was == isOpen {
		w.add("ZREM", openKey(at.shard), member)
	}
	if kind != isDead && c.was == isDead {
		w.add("ZREM", deadKey(at.shard), member)
	}
}

// indexNew makes a new cancellation findable by the day of its acceptance and its order number.
func (s *store) indexNew(w *writing, at place, c *Cancellation) {
	day := dayKey(at.shard, dayOf(c.Accepted))
	w.add("XADD", day, "*", "k", at.key)
	s.expire(w, day, s.opts.Retention+48*time.Hour)
	s.indexOrder(w, at, c.OrgMchtTrdNo, c.Accepted)
}

func (s *store) indexOrder(w *writing, at place, number string, ms int64) {
	if number != "" {
		order := orderKey(at.shard, monthOf(ms), number)
		w.add("ZADD", order, 0, orderMember(number, at))
		s.expire(w, order, s.opts.Retention+32*24*time.Hour)
	}
}

// countersKept is how long the counters of a day are kept.
const countersKept = 35 * 24 * time.Hour

// tell puts an event into the outbox, counts it, and makes it findable by its day.
func (s *store) tell(w *writing, at place, t telling) {
	at.key = t.what.Key
	raw, err := json.Marshal(t.what)
	if err != nil {
		return // plain values always have a JSON form
	}
	w.add("XADD", outboxKey(at.shard), "*", "p", at.name(), "n", t.seq, "c", raw)
	ms := t.what.Accepted + t.what.Ended
	if day := dayOf(ms); day != dayOf(t.what.Accepted) {
		w.add("XADD", dayKey(at.shard, day), "*", "k", at.key)
		s.expire(w, dayKey(at.shard, day), s.opts.Retention+48*time.Hour)
	}
	if monthOf(ms) != monthOf(t.what.Accepted) { // a dead letter may be of long ago
		s.indexOrder(w, at, t.what.OrgMchtTrdNo, ms)
	}
	counters := countersKey(at.shard, dayOf(ms))
	field := counterField(ms, at.mchtID, t.what)
	w.add("HINCRBY", counters, field, 1)
	if t.what.Amount > 0 {
		w.add("HINCRBY", counters, amountPrefix(t.what)+field, t.what.Amount)
	}
	s.expire(w, counters, countersKept+48*time.Hour)
}

// expireEvery is how often one process repeats how long an index lives.
const expireEvery = time.Hour

// expire lets an index live for so long from now on, unless this process said so lately.
func (s *store) expire(w *writing, key string, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.expiring[key]) >= expireEvery && !slices.Contains(w.expires, key) {
		w.expires = append(w.expires, key)
		w.add("PEXPIRE", key, millis(life))
	}
}

// expired notes which indexes were told when to expire.
func (s *store) expired(w writing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.expiring) > 100_000 {
		clear(s.expiring)
	}
	for _, key := range w.expires {
		s.expiring[key] = time.Now()
	}
}

// index keeps the index from idempotency keys, where that lies on another node than the payment.
func (s *store) index(ctx context.Context, c *change, p *Payment) error {
	_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, o := range p.Cancellations {
			if o.ended() {
				pipe.PExpire(ctx, indexKey(o.Key), s.opts.Retention)
			}
		}
		lead(ctx, pipe, c, p)
		return nil
	})
	return err
}

// indexAgain keeps the index of what was accepted before: that may have failed then.
func (s *store) indexAgain(ctx context.Context, c *change, p *Payment) error {
	_, err := s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error { lead(ctx, pipe, c, p); return nil })
	return err
}

// lead makes the keys of a change lead to the payment, until their cancellations have ended.
func lead(ctx context.Context, pipe redis.Pipeliner, c *change, p *Payment) {
	for _, key := range append(c.others, c.at.key) {
		if o := p.Find(key); o != nil && !o.ended() {
			pipe.SetNX(ctx, indexKey(key), c.at.name(), 0)
			pipe.Persist(ctx, indexKey(key))
		}
	}
}

// counterField names a counter: hour, merchant, method, status and code.
func counterField(ms int64, mchtID string, c Cancellation) string {
	hour := strconv.Itoa(time.UnixMilli(ms).In(settlebank.KST).Hour())
	return strings.Join([]string{hour, mchtID, c.Method, string(c.Status), c.Code}, "|")
}

// What stands before the name of a counter that adds amounts.
const (
	amountField  = "+" // in won
	foreignField = "*" // in another unit
)

func amountPrefix(c Cancellation) string {
	if c.Foreign {
		return foreignField
	}
	return amountField
}
