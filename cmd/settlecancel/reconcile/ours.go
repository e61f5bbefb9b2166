package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"settlecancel/cmd/settlecancel/evidence"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// entry is what is held of a record: it is looked up again where that does not do.
type entry struct {
	text           string // key, orgTrdNo and number in one, for there are many
	keyLen, orgLen uint16
	method         [2]byte // zeros: not known
	status         uint8   // its place in ledger.Statuses
	usd            bool
	found          bool // a line has its number

	amount      int64
	ended       int64 // ms
	first, last int64 // ms, of its requests
	listed      int64 // ms, of the line
	theirs      int64 // amount of the line
}

func (e *entry) key() string          { return e.text[:e.keyLen] }
func (e *entry) orgTrdNo() string     { return e.text[e.keyLen : e.keyLen+e.orgLen] }
func (e *entry) number() string       { return e.text[e.keyLen+e.orgLen:] }
func (e *entry) state() ledger.Status { return ledger.Statuses()[e.status] }
func (e *entry) doubtful() bool       { return e.state() == ledger.Unknown || e.state() == ledger.Review }
func (e *entry) methodName() string {
	if e.method[0] == 0 {
		return ""
	}
	return string(e.method[:])
}

// gather reads what the ledger has of the day, by merchant: in order of the key, none twice. What
// is open, or a dead letter, may have been sent on the day, and stands in no index of it.
func (r *run) gather(ctx context.Context) (map[string][]entry, error) {
	ours := make(map[string][]entry)
	take := func(records iter.Seq2[ledger.Record, error]) error {
		for rec, err := range records {
			if errors.Is(err, ledger.ErrDamaged) {
				r.fail(err)
				continue
			}
			if err != nil {
				return fmt.Errorf("reconcile: %w", err)
			}
			if !slices.Contains(r.query.MchtIDs, rec.MchtID) || !r.concerns(rec) {
				continue
			}
			e, err := newEntry(rec)
			if err != nil {
				r.fail(err)
				continue
			}
			if len(r.query.Methods) == 0 || e.methodName() == "" || slices.Contains(r.query.Methods, e.methodName()) {
				ours[rec.MchtID] = append(ours[rec.MchtID], e)
			}
		}
		return nil
	}
	for _, records := range []iter.Seq2[ledger.Record, error]{r.opts.Ledger.Day(ctx, r.query.Date),
		r.opts.Ledger.All(ctx, ledger.Open, ledger.Listing{Limit: 500}), r.opts.Ledger.All(ctx, ledger.DeadLetters, ledger.Listing{Limit: 500})} {
		if err := take(records); err != nil {
			return nil, err
		}
	}
	for id, entries := range ours {
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key(), b.key()) })
		ours[id] = slices.Clip(slices.CompactFunc(entries, func(a, b entry) bool { return a.key() == b.key() }))
	}
	return ours, nil
}

// concerns reports whether a record belongs to the day. Withdrawing an account number cancels no
// payment.
func (r *run) concerns(rec ledger.Record) bool {
	switch rec.Status {
	case ledger.Cancelled, ledger.AlreadyCancelled:
		return rec.Amount > 0 && r.within(rec.EndedAt)
	case ledger.Unknown, ledger.Review:
		if rec.Amount > 0 && rec.Reason == ledger.ReasonForgotten && r.within(rec.AcceptedAt) {
			return true // its request is forgotten, too
		}
		return rec.Amount > 0 && !rec.Closed && slices.ContainsFunc(rec.Attempts, func(a ledger.Attempt) bool {
			return a.Kind == ledger.Request && r.within(a.StartedAt)
		})
	}
	return false
}

func (r *run) within(t time.Time) bool { return !t.Before(r.begin) && t.Before(r.end) }

func newEntry(rec ledger.Record) (entry, error) {
	x, err := tasks.FromRecord(rec)
	if err != nil {
		return entry{}, err
	}
	e := entry{
		text:   rec.Key + rec.OrgTrdNo + evidence.NumberOf(rec),
		keyLen: uint16(len(rec.Key)), orgLen: uint16(len(rec.OrgTrdNo)),
		status: uint8(slices.Index(ledger.Statuses(), rec.Status)), usd: x.Currency == tasks.CurrencyUSD,
		amount: rec.Amount, ended: rec.EndedAt.UnixMilli(),
		first: rec.AcceptedAt.UnixMilli(), last: rec.AcceptedAt.UnixMilli(),
	}
	if len(x.Method) == 2 {
		copy(e.method[:], x.Method)
	}
	first := rec.Dropped == 0
	for _, a := range rec.Attempts {
		if a.Kind != ledger.Request {
			continue
		}
		if first {
			e.first, first = a.StartedAt.UnixMilli(), false
		}
		e.last = a.StartedAt.UnixMilli()
	}
	return e, nil
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).In(settlebank.KST) }
