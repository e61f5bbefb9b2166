package ledger

import (
	"context"
	"fmt"
)

// Decision is what a person decides on a cancellation.
type Decision struct {
	Who  string
	Note string
	As   Status // Cancelled or Rejected; of Resolve
}

// Retry takes a dead letter back to work and answers its new record: a rejected or exhausted one is
// queued with a new budget, one in review is verified again, never simply sent. It returns
// ErrNotFound, or ErrNotDead with the record as it is.
func (l *Ledger) Retry(ctx context.Context, key string, d Decision) (Record, error) {
	p, err := l.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	c := &call{script: retryScript, place: p, args: []any{d.Who, d.Note, newToken()}}
	if err := l.run(ctx, true, c); err != nil {
		return Record{}, fmt.Errorf("ledger: retry %s: %w", key, err)
	}
	return c.decided(map[string]error{"not_dead": ErrNotDead})
}

// Resolve ends a cancellation by a person's word: Cancelled adds its amount to the transaction's
// sum, Rejected closes it. It returns ErrNotFound, ErrEnded with the record as it is, or ErrBusy
// while an attempt holds it.
func (l *Ledger) Resolve(ctx context.Context, key string, d Decision) (Record, error) {
	if d.As != Cancelled && d.As != Rejected {
		return Record{}, fmt.Errorf("ledger: resolve %s: as %q: only %q and %q end a cancellation", key, d.As, Cancelled, Rejected)
	}
	p, err := l.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	c := &call{script: resolveScript, place: p, args: []any{d.Who, d.Note, string(d.As), l.opts.Retention.Milliseconds(), newToken()}}
	if err := l.run(ctx, true, c); err != nil {
		return Record{}, fmt.Errorf("ledger: resolve %s: %w", key, err)
	}
	if word := c.reply.word(); word == "ok" || word == "ended" {
		if err := l.rdb.PExpire(ctx, indexKey(key), l.opts.Retention).Err(); err != nil {
			return Record{}, fmt.Errorf("ledger: resolve %s: it is resolved, but its index entry will not expire: %w", key, err)
		}
	}
	return c.decided(map[string]error{"ended": ErrEnded, "busy": ErrBusy})
}

func (c *call) decided(refusals map[string]error) (Record, error) {
	word := c.reply.word()
	if word == "absent" {
		return Record{}, fmt.Errorf("ledger: %q: %w", c.place.key, ErrNotFound)
	}
	if word == "busy" {
		return Record{}, fmt.Errorf("ledger: %s: %w, until %v from now at the latest", c.place.key, ErrBusy, c.reply.millis())
	}
	r, err := c.reply.record(c.place)
	if err == nil && word != "ok" {
		err = refusals[word]
		if err == nil {
			return Record{}, errReply
		}
		err = fmt.Errorf("ledger: %s is %s: %w", c.place.key, r.Status, err)
	}
	return r, err
}
