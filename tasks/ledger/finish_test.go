package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFinish has a line for every status that an attempt can end in: of a request, and of an
// inquiry.
func TestFinish(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	const began = verifyAfter // when the inquiry begins
	cases := map[string]struct {
		next             Next
		request, inquiry stand
	}{
		"queued": {
			next:    Next{Status: Queued, After: 7 * time.Second, Spend: 2, Code: "MP95", Verification: Verification{Resent: 1}},
			request: stand{Due: 7 * time.Second, In: "open", Spent: 2, Check: Verification{Resent: 1}},
			inquiry: stand{Due: began + 7*time.Second, In: "open", Spent: 2, Check: Verification{Resent: 1}},
		},
		"queued and nothing spent": {
			next:    Next{Status: Queued, After: 7 * time.Second},
			request: stand{Due: 7 * time.Second, In: "open"},
			inquiry: stand{Due: began + 7*time.Second, In: "open"},
		},
		"unknown": {
			next:    Next{Status: Unknown, After: 9 * time.Second, Verification: Verification{NotApplied: 1, Reason: "already", Unlisted: true}},
			request: stand{Due: 9 * time.Second, In: "open", Lease: "refund-1 unknown", Check: Verification{NotApplied: 1, Reason: "already", Unlisted: true}},
			inquiry: stand{Due: began + 9*time.Second, In: "open", Lease: "refund-1 unknown", Check: Verification{NotApplied: 1, Reason: "already", Unlisted: true}},
		},
		"cancelled": {
			next:    Next{Status: Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "C-1"},
			request: stand{Sum: 500, Round: 1, Expires: true, Index: true},
			inquiry: stand{Sum: 500, Round: 1, Expires: true, Index: true},
		},
		"already_cancelled": {
			next:    Next{Status: AlreadyCancelled, Credit: 250, Rounds: 1, Code: "ST38"},
			request: stand{Sum: 250, Round: 1, Expires: true, Index: true},
			inquiry: stand{Sum: 250, Round: 1, Expires: true, Index: true},
		},
		"rejected":  {next: Next{Status: Rejected, Code: "ST25", Message: "거절"}, request: stand{In: "dead"}, inquiry: stand{In: "dead"}},
		"exhausted": {next: Next{Status: Exhausted, Code: "MP95", Spend: 1}, request: stand{In: "dead"}, inquiry: stand{In: "dead"}},
		"review":    {next: Next{Status: Review, Code: "", Message: "no"}, request: stand{In: "dead"}, inquiry: stand{In: "dead"}},
	}
	// fill adds what is the same for all.
	fill := func(s stand, n Next, attempts ...string) stand {
		s.Status, s.Attempts = n.Status, attempts
		s.Round++
		if !s.Expires {
			s.Unended = 1
		}
		return s
	}
	shown := int64(500)
	for name, c := range cases {
		t.Run("request "+name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.accept(x)
			e.must(e.Finish(e.ctx, e.begin(x, StepSend), Attempt{Class: "class", Code: "code", Duration: 3 * time.Second}, c.next))
			e.wantStand(x, fill(c.request, c.next, "request 0s 3s class code"))
			e.wantOutcome(x, c.next, 0)
		})
		t.Run("inquiry "+name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.reach(x, Unknown)
			e.clock.Advance(began)
			g := e.begin(x, StepInquire)
			e.must(e.Finish(e.ctx, g, Attempt{Class: "class", Duration: 3 * time.Second, Shown: &shown}, c.next))
			e.wantStand(x, fill(c.inquiry, c.next, "request 0s 1s test", "inquiry 1m30s 3s class"))
			e.wantOutcome(x, c.next, began)
		})
	}
}

// wantOutcome checks what a person reads of an outcome.
func (e *env) wantOutcome(x Entry, n Next, at time.Duration) {
	e.Helper()
	r, err := e.Get(e.ctx, x.Key)
	e.must(err)
	if r.CanTrdNo != n.CanTrdNo || r.Code != n.Code || r.Message != n.Message {
		e.Errorf("outcome %q %q %q, want %q %q %q", r.CanTrdNo, r.Code, r.Message, n.CanTrdNo, n.Code, n.Message)
	}
	open := n.Status == Queued || n.Status == Unknown
	if r.Open() != open || r.EndedAt.IsZero() != open || (!open && r.EndedAt.Sub(start) != at) {
		e.Errorf("open %v, ended at %v", r.Open(), r.EndedAt)
	}
}

func TestFinishRefuses(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, s := range []Status{"", Sending, "done"} {
		t.Run("ErrStatus "+string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.accept(x)
			g := e.begin(x, StepSend)
			before := e.stand(x)
			if err := e.Finish(e.ctx, g, Attempt{}, Next{Status: s}); err == nil || !strings.Contains(err.Error(), x.Key) {
				t.Errorf("error %v", err)
			}
			if d := cmp.Diff(before, e.stand(x)); d != "" {
				t.Errorf("it changed something (-before +after):\n%s", d)
			}
		})
	}
	t.Run("ErrNotFound", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.accept(x)
		g := e.begin(x, StepSend)
		e.must(e.rdb.FlushDB(e.ctx).Err())
		wantErr(t, e.Finish(e.ctx, g, Attempt{}, queuedAgain), ErrNotFound)
		wantErr(t, e.Finish(e.ctx, Grant{}, Attempt{}, queuedAgain), ErrNotFound)
	})
}

// The evidence of an attempt is cut after the last value known; what is read back is the same.
func TestEvidence(t *testing.T) {
	t.Parallel()
	zero, sum := int64(0), int64(99_999_999_999_999)
	cases := map[string]struct {
		a    Attempt
		size int
	}{
		"class":          {Attempt{Class: "unknown"}, 4},
		"code":           {Attempt{Class: "ok", Code: "0000", HTTPStatus: 200}, 5},
		"message":        {Attempt{Class: "rejected", Code: "ST25", Message: "거절 \"\\/\x00\x7f\n"}, 6},
		"message alone":  {Attempt{Class: "unknown", Message: "reset"}, 6},
		"status":         {Attempt{Class: "unknown", HTTPStatus: 502}, 7},
		"nothing shown":  {Attempt{Class: "ok", Code: "0001", HTTPStatus: 200, Shown: &zero}, 8},
		"all":            {Attempt{Class: "ok", Code: "0001", Message: "m", HTTPStatus: 500, Shown: &sum}, 8},
		"with no answer": {Attempt{}, 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			x := partial("refund-1", "pay-1")
			e.accept(x)
			c.a.Duration = 1234 * time.Millisecond
			e.must(e.Finish(e.ctx, e.begin(x, StepSend), c.a, queuedAgain))
			r, err := e.Get(e.ctx, x.Key)
			e.must(err)
			want := c.a
			want.Kind, want.StartedAt = Request, start
			if c.a.Shown == nil && c.a.HTTPStatus == 200 {
				want.HTTPStatus = 0 // it says nothing, and is not kept
			}
			if d := cmp.Diff([]Attempt{want}, r.Attempts); d != "" {
				t.Errorf("attempt (-want +got):\n%s", d)
			}
			if n := len(e.raw(x).C[x.Key].A[0]); n != c.size {
				t.Errorf("%d values are kept, want %d", n, c.size)
			}
		})
	}
}

// Sixty attempts are kept, the latest; how many older ones there were is kept, too.
func TestAttemptsKept(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.accept(x)
	for range 65 {
		e.finish(e.begin(x, StepSend), Next{Status: Queued})
		e.clock.Advance(time.Second)
	}
	r, err := e.Get(e.ctx, x.Key)
	e.must(err)
	if len(r.Attempts) != 60 || r.Dropped != 5 || r.Attempts[0].StartedAt != start.Add(5*time.Second) {
		t.Errorf("%d attempts since %v, %d dropped", len(r.Attempts), r.Attempts[0].StartedAt, r.Dropped)
	}
}

// The budget adds up, and a text of the outcome goes with the outcome it belongs to.
func TestBudget(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.accept(x)
	for i, n := range []Next{queuedAgain, {Status: Queued}, queuedAgain} {
		e.finish(e.begin(x, StepSend), n)
		e.clock.Advance(time.Minute)
		r, err := e.Get(e.ctx, x.Key)
		e.must(err)
		if want := []int{1, 1, 2}[i]; r.Spent != want || r.Code != n.Code || r.Message != n.Message {
			t.Errorf("after %d: spent %d, want %d; %q %q", i+1, r.Spent, want, r.Code, r.Message)
		}
	}
	e.finish(e.begin(x, StepSend), cancelled(x))
	if r, err := e.Get(e.ctx, x.Key); err != nil || r.Spent != 0 || r.CanTrdNo != "C-refund-1" {
		t.Errorf("in the end: spent %d, %q, %v", r.Spent, r.CanTrdNo, err)
	}
}

// Sum and round belong to the transaction: a sibling sees what its forerunner did.
func TestSumAndRound(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	a, b, c := partial("a", "pay-1"), partial("b", "pay-1"), partial("c", "pay-2")
	e.reach(a, Cancelled)
	e.accept(b)
	e.accept(c)
	if g := e.begin(b, StepSend); g.Record.Sum != 500 || g.Record.Round != 2 {
		t.Errorf("sibling: sum %d, round %d", g.Record.Sum, g.Record.Round)
	}
	if g := e.begin(c, StepSend); g.Record.Sum != 0 || g.Record.Round != 1 {
		t.Errorf("another transaction: sum %d, round %d", g.Record.Sum, g.Record.Round)
	}
	if _, err := e.Get(e.ctx, "d"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a key never used: %v", err)
	}
}
