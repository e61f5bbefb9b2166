package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// What a caller decides on, beside what Accept refuses.
var (
	ErrNotFound      = errors.New("no such cancellation")
	ErrNotReplicated = errors.New("too few Redis replicas hold the write")
	ErrNotDead       = errors.New("not a dead letter")
	ErrEnded         = errors.New("already ended")
	ErrBusy          = errors.New("a request or an inquiry of it is under way")
	ErrStale         = errors.New("another attempt has taken over")
	ErrDamaged       = errors.New("the record cannot be read")
)

// Options of a Ledger. The zero value of each field means its default.
type Options struct {
	Retention    time.Duration    // how long ended cancellations are kept; default 4320h
	Lease        time.Duration    // how long an attempt holds a payment without renewing; default 15s
	Margin       time.Duration    // how long before the end of its lease a holder begins no request; default a third of it
	Request      time.Duration    // the longest that a request can be on the wire after its grant; default 45s
	VerifyAfter  time.Duration    // how long after the end of an unknown attempt it is inquired after; default 60s
	Farthest     time.Duration    // the longest that a step is put off; default 24h
	Caution      time.Duration    // how long after Redis forgot writes an unexplained sum is for people; default 720h
	Inquiry      bool             // the gateway may be inquired
	WaitReplicas int              // replicas that must hold an acceptance or an intent; default 0
	WaitTimeout  time.Duration    // how long to wait for them; default 2s
	Remember     time.Duration    // how long what was written is kept, to be said again where Redis forgets it; default 1m, below 0 for none
	Logger       *slog.Logger     // told of writes that Redis has forgotten; default slog.Default
	Now          func() time.Time // for tests; default is the clock of Redis

	NoAutoPipeline bool // each call has a connection of its own

	Servers *Servers // that the client meets; default nobody is told from another
}

// Ledger is the record of all cancellations in one Redis. It is safe for concurrent use.
type Ledger struct {
	rdb   redis.UniversalClient
	opts  Options
	rules Rules
	store *store
}

// New returns a ledger on rdb, which the caller closes.
func New(rdb redis.UniversalClient, o Options) *Ledger {
	defaults := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	defaults(&o.Retention, 4320*time.Hour)
	defaults(&o.Lease, 15*time.Second)
	defaults(&o.Margin, o.Lease/3)
	defaults(&o.Request, 45*time.Second)
	defaults(&o.VerifyAfter, time.Minute)
	defaults(&o.Farthest, 24*time.Hour)
	defaults(&o.Caution, 720*time.Hour)
	defaults(&o.WaitTimeout, 2*time.Second)
	o.Remember = cmp.Or(o.Remember, time.Minute)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	r := Rules{Lease: o.Lease, Request: o.Request, VerifyAfter: o.VerifyAfter, Farthest: o.Farthest, Caution: o.Caution, Inquiry: o.Inquiry}
	return &Ledger{rdb: rdb, opts: o, store: newStore(rdb, o, r), rules: r}
}

// Lease returns how long an attempt holds a payment without renewing.
func (l *Ledger) Lease() time.Duration { return l.opts.Lease }

// Longest returns how long a step can take from its grant to the end of its request.
func (l *Ledger) Longest() time.Duration { return l.opts.Request }

// Farthest returns the longest that a step is put off.
func (l *Ledger) Farthest() time.Duration { return l.opts.Farthest }

// Begin asks what may be done for the cancellation e now. Where the step is StepSend or StepInquire
// the intent is stored, and the caller must Finish. With an error nothing may be sent, yet the
// intent may have been stored: it ends with its lease.
func (l *Ledger) Begin(ctx context.Context, e Entry) (Grant, error) {
	return l.BeginBarred(ctx, e, Barred{})
}

// BeginBarred is Begin, but does not grant what is barred.
func (l *Ledger) BeginBarred(ctx context.Context, e Entry, barred Barred) (Grant, error) {
	if wait := l.opts.Servers.rest(); wait > 0 {
		return Grant{Step: StepWait, Wait: wait}, nil
	}
	b := Beginning{Entry: e, Token: newID(), Barred: barred}
	var g Grant
	c := &change{at: locate(e.Key, e.MchtID, e.OrgTrdNo), durable: true,
		rule: func(p *Payment, at Moment) error { g = p.Begin(at, l.rules, b); return nil }}
	p, err := l.store.apply(ctx, c)
	if err == nil && l.opts.Servers.rest() > 0 {
		err = errReplaced
	}
	if err != nil {
		return Grant{token: b.Token, place: c.at, at: c.moment}, fmt.Errorf("ledger: begin %s: %w", e.Key, err)
	}
	g.token, g.place, g.at = b.Token, c.at, c.moment
	g.remember(p)
	if g.Step == StepSend || g.Step == StepInquire {
		// What is left of the lease, by the time of Redis when it was written; counted from before that.
		left := time.Duration(p.Lease.Expires-c.moment.Now) * time.Millisecond
		g.Expiry = c.written.Add(left)
		g.Deadline = g.Expiry.Add(-l.opts.Margin)
		g.Latest = g.Expiry.Add(l.opts.Request - l.opts.Lease)
	}
	return g, nil
}

// Renew makes the lease of a grant last longer. It returns ErrStale where another attempt has it.
func (l *Ledger) Renew(ctx context.Context, g *Grant) error {
	renewed := false
	c := &change{at: g.place, rule: func(p *Payment, at Moment) error {
		renewed = p.Renew(at, l.rules, g.place.key, g.token)
		return nil
	}}
	p, err := l.store.apply(ctx, c)
	if err != nil {
		return fmt.Errorf("ledger: renew %s: %w", g.place.key, err)
	}
	if !renewed {
		return fmt.Errorf("ledger: renew %s: %w", g.place.key, ErrStale)
	}
	g.remember(p)
	// What is left of it, by the time of Redis: the one that the rule went by may have lagged.
	g.Expiry = c.written.Add(time.Duration(p.Lease.Expires-c.moment.Now) * time.Millisecond)
	return nil
}

// remember keeps what is stored of the payment, so that Finish need not read it.
func (g *Grant) remember(p *Payment) {
	g.payment = new(atomic.Pointer[Payment])
	g.payment.Store(p)
}

// recall returns what remember kept, once: what a rule was applied to is not what is stored, unless
// the write was confirmed.
func (g Grant) recall() *Payment {
	if g.payment == nil {
		return nil
	}
	return g.payment.Swap(nil)
}

// Finish stores the outcome of the attempt that g granted and gives the payment back. It returns
// the record as it is now, and which cancellation of the payment could go on. a tells what came
// back; its Kind and times are filled in. It returns ErrStale where another attempt has taken over:
// then only the evidence was kept. It may be repeated until it succeeds.
func (l *Ledger) Finish(ctx context.Context, g Grant, a Attempt, n Next) (Finished, error) {
	f := Finishing{Key: g.place.key, Token: g.token, Inquiry: g.Step == StepInquire, Sum: g.Record.ConfirmedCancelled,
		Epoch: g.at.Epoch, Attempt: a, Next: n}
	if !finishable(n.Status) {
		return Finished{}, fmt.Errorf("ledger: finish %s as %q: no attempt ends so", f.Key, n.Status)
	}
	var outcome error
	known := g.recall()
	c := &change{at: g.place, payment: known, read: known != nil, rule: func(p *Payment, at Moment) error {
		if outcome = p.Finish(at, f); errors.Is(outcome, ErrNotFound) {
			return outcome
		}
		return nil
	}}
	p, err := l.store.apply(ctx, c)
	if err == nil {
		err = outcome
	}
	if err != nil {
		return Finished{}, fmt.Errorf("ledger: finish %s as %s: %w", f.Key, n.Status, err)
	}
	var done Finished
	done.Record = p.record(p.Find(f.Key), c.moment, l.rules)
	done.NextKey, done.NextQueue = p.Waiting(c.moment)
	return done, nil
}

// Finished is what Finish has stored.
type Finished struct {
	Record             Record
	NextKey, NextQueue string // a cancellation that waits for the payment, and could have it now; "" for none
}

func finishable(s Status) bool {
	return slices.Contains(Statuses(), s) && s != Sending && s != RefundedElsewhere
}

// Retry takes a dead letter back to work and returns its new record: AfterRetry says what that will
// be. It returns ErrNotFound, or ErrNotDead with the record as it is.
func (l *Ledger) Retry(ctx context.Context, key string, d Decision) (Record, error) {
	d.id = newID()
	return l.decide(ctx, "retry", key, func(p *Payment, at Moment) error { return p.Retry(at, l.rules, key, d) })
}

// Resolve ends a cancellation by a person's word: AfterResolve says what that will do. It returns
// ErrNotFound, ErrEnded with the record as it is, or ErrBusy while an attempt holds it.
func (l *Ledger) Resolve(ctx context.Context, key string, d Decision) (Record, error) {
	if e := AfterResolve(Record{Status: Review}, d.As); !e.Allowed {
		return Record{}, fmt.Errorf("ledger: resolve %s: as %q: only %v end a cancellation", key, d.As, Resolutions())
	}
	d.id = newID()
	return l.decide(ctx, "resolve", key, func(p *Payment, at Moment) error { return p.Resolve(at, l.rules, key, d) })
}

// Prove ends a cancellation as cancelled by the gateway's own word, told beside its answers. It
// returns ErrNotFound, ErrEnded with the record as it is, or ErrBusy while an attempt holds it.
func (l *Ledger) Prove(ctx context.Context, key string, e Evidence) (Record, error) {
	e.id = newID()
	return l.decide(ctx, "prove", key, func(p *Payment, at Moment) error { return p.Prove(at, l.rules, key, e) })
}

func (l *Ledger) decide(ctx context.Context, what, key string, rule func(*Payment, Moment) error) (Record, error) {
	at, err := l.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	var busy error
	c := &change{at: at, durable: true, rule: func(p *Payment, at Moment) error {
		if p.Find(key) == nil {
			return ErrNotFound
		}
		err := rule(p, at)
		if busy = nil; errors.Is(err, ErrBusy) {
			busy, err = err, nil // what was repaired is written
		}
		return err
	}}
	p, err := l.store.apply(ctx, c)
	if err == nil {
		err = busy
	}
	var r Record
	if p != nil && p.Find(key) != nil {
		r = p.record(p.Find(key), c.moment, l.rules)
	}
	if err != nil {
		return r, fmt.Errorf("ledger: %s %s: %w", what, key, err)
	}
	return r, nil
}

// Seed takes over the cancelled sum that a daily list shows for a payment, so that its first part
// needs no inquiry. It reports whether it did: not where the gateway has told the sum already, or
// where something of the payment is under way or in doubt.
func (l *Ledger) Seed(ctx context.Context, mchtID, orgTrdNo string, sum int64, rounds int) (bool, error) {
	seeded := false
	c := &change{at: locate("", mchtID, orgTrdNo), rule: func(p *Payment, at Moment) error {
		seeded = p.Seed(at, sum, rounds)
		return nil
	}}
	if _, err := l.store.apply(ctx, c); err != nil {
		return false, fmt.Errorf("ledger: seed %s:%s: %w", mchtID, orgTrdNo, err)
	}
	return seeded, nil
}
