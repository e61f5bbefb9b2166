package evidence

import (
	"context"
	"errors"
	"testing"

	"settlecancel/tasks/ledger"
)

// resolver takes down what it is told.
type resolver struct {
	key string
	e   ledger.Evidence
	err error
}

func (r *resolver) Prove(_ context.Context, key string, e ledger.Evidence) (ledger.Record, error) {
	r.key, r.e = key, e
	return ledger.Record{Key: key, Status: ledger.Cancelled, CanTrdNo: e.CanTrdNo, Acts: []ledger.Act{{Who: e.Who, Note: e.Note}}}, r.err
}

// TestSettle: the line that settled a record is found again in it.
func TestSettle(t *testing.T) {
	t.Parallel()
	for _, trdNo := range []string{"C1", "C,1", "C,", "a,,b"} {
		to := &resolver{}
		r, err := Settle(t.Context(), to, "refund-1", Noti, line(trdNo))
		if err != nil || to.key != "refund-1" || to.e.Who != Noti || to.e.CanTrdNo != trdNo {
			t.Fatalf("proved %+v, %v", to, err)
		}
		if want := "SettleBank tells of the cancellation: trdNo " + trdNo + ", 500 KRW, 2024-01-02 12:00:01 KST"; to.e.Note != want {
			t.Errorf("note %q, want %q", to.e.Note, want)
		}
		if got := NumberOf(r); got != trdNo {
			t.Errorf("number %q, want %q", got, trdNo)
		}
	}
	busy := &resolver{err: ledger.ErrBusy}
	if _, err := Settle(t.Context(), busy, "refund-1", Reconcile, line("C1")); !errors.Is(err, ledger.ErrBusy) {
		t.Errorf("error %v", err)
	}
}

func TestNumberOf(t *testing.T) {
	t.Parallel()
	if n := NumberOf(record("a", ledger.Rejected, by(Reconcile, note(line("C1"))))); n != "" {
		t.Errorf("what was rejected has number %q", n)
	}
	if n := NumberOf(record("a", ledger.Cancelled, number("C9"), by(Reconcile, note(line("C1"))))); n != "C9" {
		t.Errorf("number %q, want the answer's", n)
	}
}
