package tasks

import (
	"cmp"
	"context"
	"errors"
	"time"

	"settlecancel/tasks/ledger"
)

// NoCode stands for "without a result code" in a Filter, where "" takes any.
const NoCode = "-"

// A Filter selects dead letters, or open cancellations, by what the ledger knows of them. The zero
// value of each field takes any.
type Filter struct {
	Status       ledger.Status
	Code         string // result code; NoCode takes those without one
	MchtID       string
	OrgTrdNo     string
	OrgMchtTrdNo string

	// When it died, or, while it is open, was accepted: at From or later, and earlier than Before.
	From, Before time.Time

	// Amount, in the smallest unit of its currency: at least Min, at most Max. Without Currency 500
	// is 500 KRW as well as 5.00 USD.
	Min, Max *int64
	Currency string // CurrencyKRW or CurrencyUSD
}

// Takes reports whether f selects a cancellation. Where its parameters cannot be read, its order
// number and its currency are none.
func (f Filter) Takes(r ledger.Record) bool {
	since := r.EndedAt
	if since.IsZero() {
		since = r.AcceptedAt
	}
	switch {
	case f.Status != "" && f.Status != r.Status,
		f.Code != "" && f.Code != cmp.Or(r.Code, NoCode),
		f.MchtID != "" && f.MchtID != r.MchtID,
		f.OrgTrdNo != "" && f.OrgTrdNo != r.OrgTrdNo,
		since.Before(f.From),
		!f.Before.IsZero() && !since.Before(f.Before),
		f.Min != nil && r.Amount < *f.Min,
		f.Max != nil && r.Amount > *f.Max:
		return false
	case f.OrgMchtTrdNo == "" && f.Currency == "":
		return true
	}
	c, err := FromRecord(r)
	return err == nil && (f.OrgMchtTrdNo == "" || f.OrgMchtTrdNo == c.OrgMchtTrdNo) &&
		(f.Currency == "" || f.Currency == cmp.Or(c.Currency, CurrencyKRW))
}

// Decisions is what became of decisions on many dead letters.
type Decisions struct {
	Done   int // decided
	Moved  int // somebody else had decided meanwhile
	Failed int
	Left   int // not tried any more
}

// failuresInARow say that Redis is away, and that more will not help.
const failuresInARow = 5

// DecideAll decides on one after the other, until ctx ends or too many in a row have failed. decide
// answers as Client.Retry and Ledger.Resolve do; failed is told of each error that no other
// person's decision explains.
func DecideAll(ctx context.Context, keys []string, decide func(context.Context, string) (ledger.Record, error),
	failed func(key string, err error)) (d Decisions) {
	inARow := 0
	for i, key := range keys {
		if ctx.Err() != nil || inARow == failuresInARow {
			d.Left = len(keys) - i
			break
		}
		r, err := decide(ctx, key)
		inARow++
		switch {
		case overtaken(err):
			d.Moved++
			inARow = 0
		case err == nil, r.Key != "" && r.Open(): // decided; what could not be queued the sweeper will queue
			d.Done++
			inARow = 0
		default:
			d.Failed++
			failed(key, err)
		}
	}
	return d
}

// overtaken tells of an error that somebody else has decided already, and that it is worked at, or
// has ended.
func overtaken(err error) bool {
	return errors.Is(err, ledger.ErrNotDead) || errors.Is(err, ledger.ErrEnded) || errors.Is(err, ledger.ErrBusy) ||
		errors.Is(err, ledger.ErrNotFound)
}
