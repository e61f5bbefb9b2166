package deadletter

import (
	"cmp"
	"time"

	"settlecancel/tasks"
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
	Currency string // tasks.CurrencyKRW or tasks.CurrencyUSD
}

// Matches reports whether f selects a cancellation. Where its parameters cannot be read, its order
// number and its currency are none.
func (f Filter) Matches(r ledger.Record) bool {
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
	c, err := tasks.FromRecord(r)
	return err == nil && (f.OrgMchtTrdNo == "" || f.OrgMchtTrdNo == c.OrgMchtTrdNo) &&
		(f.Currency == "" || f.Currency == cmp.Or(c.Currency, tasks.CurrencyKRW))
}
