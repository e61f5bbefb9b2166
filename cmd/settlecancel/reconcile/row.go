package reconcile

import (
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// Category is what a comparison came to.
type Category string

const (
	// Agreed: both say that it was cancelled, with one amount.
	Agreed Category = "agreed"
	// Settled: its outcome was not known, and a line says that it was applied; it is cancelled now,
	// or would be in a dry run.
	Settled Category = "settled"
	// Before: the ledger has it as already cancelled, by somebody else's request, on a day that was
	// not looked at. No difference.
	Before Category = "already_cancelled"
	// NotWithUs: SettleBank cancelled it, and the ledger does not say so.
	NotWithUs Category = "not_with_us"
	// NotAtSettleBank: the ledger says that it was cancelled, and SettleBank does not.
	NotAtSettleBank Category = "not_at_settlebank"
	// Differs: both say that it was cancelled, but not the same of it.
	Differs Category = "differs"
	// Undecided: the ledger does not know its outcome, and the lists do not tell; or they cannot
	// tell yet.
	Undecided Category = "undecided"
)

// Categories lists every category, in the order in which people read them.
func Categories() []Category {
	return []Category{Agreed, Settled, Before, NotWithUs, NotAtSettleBank, Differs, Undecided}
}

// Row is one cancellation as both sides have it. What one side does not have is zero.
type Row struct {
	Category Category
	MchtID   string
	Method   string // the list's, else the record's; "" where neither tells
	OrgTrdNo string

	Key      string // of our record
	Status   ledger.Status
	CanTrdNo string // that our record has
	Amount   int64  // of our record, in the smallest unit of Currency
	Currency string // KRW, or that of our record
	EndedAt  time.Time

	ListedTrdNo  string // that the list has
	ListedAmount int64  // KRW
	ListedAt     time.Time

	Note string // what differs, and what to do; "" where both agree
}

// Total is a count and a sum.
type Total struct {
	Count int   `json:"count"`
	KRW   int64 `json:"krw"` // sum of the listed amounts or, where nothing is listed, ours in KRW
	USD   int64 `json:"usd"` // sum of ours in cents, where nothing is listed
}

// Summary is what a comparison came to as a whole.
type Summary struct {
	Date     string
	DryRun   bool
	Totals   map[Category]Total
	Failures []string // lists that could not be had, records that cannot be read: what they would tell is missing
}

func (s *Summary) add(r Row) {
	t := s.Totals[r.Category]
	t.Count++
	switch {
	case r.ListedTrdNo != "":
		t.KRW += r.ListedAmount
	case r.Currency == settlebank.USD:
		t.USD += r.Amount
	default:
		t.KRW += r.Amount
	}
	s.Totals[r.Category] = t
}

// Agrees reports whether both sides say the same, of everything: nothing differs, nothing is
// undecided and nothing could not be looked at. What a dry run would settle is not settled.
func (s Summary) Agrees() bool {
	open := s.Totals[NotWithUs].Count + s.Totals[NotAtSettleBank].Count + s.Totals[Differs].Count + s.Totals[Undecided].Count
	if s.DryRun {
		open += s.Totals[Settled].Count
	}
	return open == 0 && len(s.Failures) == 0
}
