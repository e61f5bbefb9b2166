package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Step is what Begin allows.
type Step int

// The steps.
const (
	StepSend     Step = iota + 1 // the intent is stored: send one request, then Finish
	StepInquire                  // verify the outcome of an earlier request, then Finish
	StepHeld                     // another attempt has the transaction: come back after Grant.Wait
	StepWait                     // not due: come back after Grant.Wait
	StepEnded                    // nothing is left to do
	StepDead                     // a dead letter: only a person moves it
	StepNotFound                 // never accepted
	StepConflict                 // accepted with other parameters
)

// Grant is the answer of Begin.
type Grant struct {
	Step     Step
	Wait     time.Duration // of StepHeld and StepWait
	Record   Record        // of StepSend, StepInquire, StepEnded and StepDead
	Doubt    int           // of StepInquire: other cancellations of the transaction whose outcome is not known either
	Deadline time.Time     // nothing may be sent after it; compare with time.Now
	Expiry   time.Time     // the lease lasts until then at least

	token string
	place place
}

// Begin asks what may be done for the cancellation e now. Where the step is StepSend or StepInquire
// the intent is stored, and the caller must Finish. With an error nothing may be sent, yet the
// intent may have been stored: Finish the grant, whose Step is then 0 or StepSend, with an attempt
// of class Unsent.
func (l *Ledger) Begin(ctx context.Context, e Entry) (Grant, error) {
	start := time.Now()
	g := Grant{
		token:    newToken(),
		place:    locate(e.Key, e.MchtID, e.OrgTrdNo),
		Deadline: start.Add(l.opts.Lease - l.opts.Margin),
		Expiry:   start.Add(l.opts.Lease),
	}
	c := &call{script: beginScript, place: g.place, args: []any{
		e.Amount, flag(e.Full), string(e.Params), g.token, l.opts.Lease.Milliseconds(), l.opts.VerifyAfter.Milliseconds()}}
	replicated := l.run(ctx, true, c)
	if c.reply == nil {
		return g, fmt.Errorf("ledger: begin %s: %w", e.Key, replicated)
	}
	if err := g.read(c.reply); err != nil {
		g.Step = 0
		return g, fmt.Errorf("ledger: begin %s: %w", e.Key, err)
	}
	if replicated != nil {
		return g, fmt.Errorf("ledger: begin %s: %w", e.Key, replicated)
	}
	return g, nil
}

func (g *Grant) read(r reply) (err error) {
	steps := map[string]Step{"send": StepSend, "inquire": StepInquire, "held": StepHeld, "wait": StepWait,
		"ended": StepEnded, "dead": StepDead, "absent": StepNotFound, "conflict": StepConflict}
	switch g.Step = steps[r.word()]; g.Step {
	case 0:
		return errReply
	case StepHeld, StepWait:
		g.Wait = r.millis()
	case StepSend, StepInquire, StepEnded, StepDead:
		g.Doubt = int(r.number(4))
		g.Record, err = r.record(g.place)
	}
	return err
}

// Next is what follows an attempt. Its writer is the policy of the worker.
type Next struct {
	Status       Status
	After        time.Duration // until the next step is due; of open states
	Spend        int           // retry budget that the attempt costs
	Credit       int64         // how much more of the transaction is now known to be cancelled, smallest unit of the currency
	Rounds       int           // how many rounds were used up
	CanTrdNo     string
	Code         string
	Message      string
	Verification Verification
}

// Finish stores the outcome of the attempt that g granted and gives the transaction back. a tells
// what came back; its Kind and times are filled in from the grant and a.Duration. It returns
// ErrStale where another attempt has taken over: then only the evidence was kept. It may be
// repeated until it succeeds. What also adds goes along in the same round trip, to happen or not by
// itself.
func (l *Ledger) Finish(ctx context.Context, g Grant, a Attempt, n Next, also ...func(redis.Pipeliner)) error {
	c, err := l.finishCall(ctx, g, a, n)
	if err != nil {
		return fmt.Errorf("ledger: finish %s: %w", g.place.key, err)
	}
	if len(also) > 0 {
		index := c.index
		c.index = func(p redis.Pipeliner, key string) {
			if index != nil {
				index(p, key)
			}
			for _, add := range also {
				add(p)
			}
		}
	}
	if err := l.run(ctx, false, c); err != nil {
		return fmt.Errorf("ledger: finish %s: %w", g.place.key, err)
	}
	switch c.reply.word() {
	case "ok":
		return nil
	case "stale":
		if err := l.undoIndex(ctx, c); err != nil {
			return fmt.Errorf("ledger: finish %s: it is %s, and its index entry may live too long or too short: %w", g.place.key, c.reply.text(1), err)
		}
		return fmt.Errorf("ledger: finish %s as %s: %w, it is %s", g.place.key, n.Status, ErrStale, c.reply.text(1))
	case "absent":
		return fmt.Errorf("ledger: finish %s as %s: %w", g.place.key, n.Status, ErrNotFound)
	}
	return errReply
}

func (l *Ledger) finishCall(ctx context.Context, g Grant, a Attempt, n Next) (*call, error) {
	verification := ""
	if n.Verification != (Verification{}) {
		raw, err := json.Marshal(n.Verification)
		if err != nil {
			return nil, err
		}
		verification = string(raw)
	}
	evidence, err := a.evidence()
	if err != nil {
		return nil, err
	}
	kind := "r"
	if g.Step == StepInquire {
		kind = "i"
	}
	c := &call{script: finishScript, place: g.place, args: []any{
		g.token, kind, string(n.Status), n.After.Milliseconds(), n.Spend, n.Credit, n.Rounds,
		n.CanTrdNo, n.Code, n.Message, verification, evidence,
		l.opts.Retention.Milliseconds(), a.Duration.Milliseconds()}}
	switch n.Status {
	case Cancelled, AlreadyCancelled:
		c.index = func(p redis.Pipeliner, key string) { p.PExpire(ctx, key, l.opts.Retention) }
	case Rejected, Exhausted, Review:
		c.index = func(p redis.Pipeliner, key string) { keep(ctx, p, key, g.place.txn) }
	case Queued, Unknown:
	default:
		return nil, fmt.Errorf("as %q: no attempt ends so", n.Status)
	}
	return c, nil
}

// keep lets an index entry live for ever, whatever befell it: only a person moves a dead letter,
// and finds it by its key.
func keep(ctx context.Context, p redis.Pipeliner, key, txn string) {
	p.SetNX(ctx, key, txn, 0)
	p.Persist(ctx, key)
}

// undoIndex lets the index entry live as long as what it leads to, where finish.lua did not take
// the outcome that the entry's life was set for.
func (l *Ledger) undoIndex(ctx context.Context, c *call) error {
	if c.index == nil {
		return nil
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		key := indexKey(c.place.key)
		if ended := c.reply.number(2) == 1; ended {
			p.PExpire(ctx, key, l.opts.Retention)
		} else {
			keep(ctx, p, key, c.place.txn)
		}
		return nil
	})
	return err
}

// evidence is what txn.lua keeps of an attempt behind its times, cut after the last value known.
func (a Attempt) evidence() (string, error) {
	values := []any{a.Class, a.Code, a.Message, a.HTTPStatus, a.Shown}
	switch {
	case a.Shown != nil:
	case a.HTTPStatus != 0 && a.HTTPStatus != 200:
		values = values[:4]
	case a.Message != "":
		values = values[:3]
	case a.Code != "":
		values = values[:2]
	default:
		values = values[:1]
	}
	raw, err := json.Marshal(values)
	return string(raw), err
}
