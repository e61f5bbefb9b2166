package evidence

import (
	"context"
	"fmt"
	"strings"

	"settlecancel/tasks/ledger"
)

// Who told of a line, as the record of what it settled names it.
const (
	Reconcile = "reconcile" // a daily list
	Noti      = "noti"      // a notification
)

// Resolver is the part of ledger.Ledger that settles.
type Resolver interface {
	Prove(ctx context.Context, key string, e ledger.Evidence) (ledger.Record, error)
}

// Settle ends a record as cancelled, by the word of who told of the line. Its errors are those of
// ledger.Prove: ErrBusy while an attempt holds the record, ErrEnded with the record as it is.
func Settle(ctx context.Context, to Resolver, key, who string, l Line) (ledger.Record, error) {
	return to.Prove(ctx, key, ledger.Evidence{Who: who, Note: note(l), CanTrdNo: l.TrdNo})
}

// noteBegin is how a note names the line; NumberOf reads it back.
const noteBegin = "SettleBank tells of the cancellation: trdNo "

func note(l Line) string {
	return fmt.Sprintf("%s%s, %d KRW, %s", noteBegin, l.TrdNo, l.Amount, l.At.Format("2006-01-02 15:04:05 MST"))
}

// NumberOf returns a cancellation's number at SettleBank: that of the answer, or of the line that
// settled it; "" for none.
func NumberOf(r ledger.Record) string {
	if r.CanTrdNo != "" || r.Status != ledger.Cancelled {
		return r.CanTrdNo
	}
	for _, a := range r.Acts {
		if told, ok := strings.CutPrefix(a.Note, noteBegin); ok && (a.Who == Reconcile || a.Who == Noti) {
			number, _, _ := strings.Cut(told, ", ") // a number holds no space
			return number
		}
	}
	return ""
}

// byEvidence reports whether a line, and no person, ended the record.
func byEvidence(r ledger.Record) bool { return r.CanTrdNo == "" && NumberOf(r) != "" }
