package ledger

import (
	"fmt"
	"testing"
)

// Every final status and every dead letter is told once, in order, in the step that brought it about; nothing else is.
func TestOutbox(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			x := partial("refund-1", "pay-1")
			e.reach(x, s)
			r, err := e.Get(e.ctx, x.Key)
			e.must(err)
			told := e.told()
			if r.Open() {
				if len(told) != 0 {
					t.Errorf("told of an open one: %+v", told)
				}
				return
			}
			if len(told) != 1 {
				t.Fatalf("told %d times, want once", len(told))
			}
			ev := told[0]
			if ev.Seq != 1 || ev.Record.Status != s || ev.Record.Key != x.Key || ev.Record.OrgTrdNo != x.OrgTrdNo ||
				ev.Record.Amount != x.Amount || ev.Record.CanTrdNo != r.CanTrdNo || ev.Record.Code != r.Code || !ev.Record.EndedAt.Equal(r.EndedAt) {
				t.Errorf("told %+v of %+v", ev, r)
			}
			if len(ev.Record.Attempts)+len(ev.Record.Acts) != 0 || len(r.Attempts) == 0 {
				t.Errorf("the event has %d attempts, the record %d", len(ev.Record.Attempts), len(r.Attempts))
			}
		})
	}
}

func TestOutboxOrder(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.reach(x, Rejected)
	_, err := e.Retry(e.ctx, x.Key, Decision{Who: "kim"})
	e.must(err)
	_, err = e.Resolve(e.ctx, x.Key, as(Cancelled))
	e.must(err)
	seen, ids := "", map[string]bool{}
	again, err := e.Outbox(e.ctx, 10)
	e.must(err)
	for i, ev := range e.told() {
		seen += fmt.Sprint(ev.Seq, " ", ev.Record.Status, " ", ev.Record.Closed, "; ")
		ids[ev.ID] = true
		if ev.ID != again[i].ID {
			t.Errorf("told again, it is called %s, not %s", ev.ID, again[i].ID)
		}
	}
	if seen != "1 rejected false; 2 cancelled true; " || len(ids) != 2 {
		t.Errorf("told %s with ids %v", seen, ids)
	}
}

// Account numbers stay unreadable, take no part in telling two cancellations apart, and go once it has ended.
func TestSealed(t *testing.T) {
	t.Parallel()
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			x := partial("refund-1", "pay-1")
			x.Sealed = "sealed-1"
			e.reach(x, s)
			x.Sealed = "sealed-2"
			r, known, err := e.Accept(e.ctx, x)
			if err != nil || !known {
				t.Errorf("accepted again under another seal: known %v, %v", known, err)
			}
			if want := map[bool]string{true: "", false: "sealed-1"}[r.Ended()]; r.Sealed != want {
				t.Errorf("sealed %q, want %q", r.Sealed, want)
			}
			for _, ev := range e.told() {
				if ev.Record.Sealed != "" {
					t.Error("the event holds account numbers")
				}
			}
		})
	}
}
