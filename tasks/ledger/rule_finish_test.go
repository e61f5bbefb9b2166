package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFinishRule has a line for every status that an attempt can end in: of a request, and of an
// inquiry.
func TestFinishRule(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	const began = verifyAfter // when the inquiry begins
	sum := func(n int64) *int64 { return &n }
	cases := map[string]struct {
		next             Next
		request, inquiry stand
		basis            BasisKind // the list's where the attempt tells none
	}{
		"queued": {
			next:    Next{Status: Queued, After: 7 * time.Second, Spend: 2, Code: "MP95", Verification: Verification{Resent: 1}},
			request: stand{Due: 7 * time.Second, Spent: 2, Check: Verification{Resent: 1}},
			inquiry: stand{Due: began + 7*time.Second, Spent: 2, Doubts: 1, Check: Verification{Resent: 1}},
		},
		"queued and nothing spent": {
			next:    Next{Status: Queued, After: 7 * time.Second},
			request: stand{Due: 7 * time.Second},
			inquiry: stand{Due: began + 7*time.Second, Doubts: 1},
		},
		"unknown": {
			next:    Next{Status: Unknown, After: 9 * time.Second, Doubt: true, Verification: Verification{Seen: 1, Then: ThenReject}},
			request: stand{Due: 9 * time.Second, Doubts: 1, Check: Verification{Seen: 1, Then: ThenReject}},
			inquiry: stand{Due: began + 9*time.Second, Doubts: 2, Check: Verification{Seen: 1, Then: ThenReject}},
		},
		"cancelled": {
			next:    Next{Status: Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "C-1"},
			request: stand{Sum: 500, Round: 1},
			inquiry: stand{Sum: 500, Round: 1, Doubts: 1},
		},
		"cancelled, and the sum told": {
			next:    Next{Status: Cancelled, Sum: sum(800), Basis: BasisBalance, Rounds: 2, CanTrdNo: "C-1"},
			request: stand{Sum: 800, Round: 2}, basis: BasisBalance,
			inquiry: stand{Sum: 800, Round: 2, Doubts: 1},
		},
		"already_cancelled": {
			next:    Next{Status: AlreadyCancelled, Credit: 250, Rounds: 1, Code: "ST38"},
			request: stand{Sum: 250, Round: 1},
			inquiry: stand{Sum: 250, Round: 1, Doubts: 1},
		},
		"rejected":                      {next: Next{Status: Rejected, Code: "ST25", Message: "거절"}, inquiry: stand{Doubts: 1}},
		"rejected, another sum shown":   {next: Next{Status: Rejected, Sum: sum(300), Basis: BasisInquiry}, request: stand{Sum: 300}, inquiry: stand{Sum: 300, Doubts: 1}, basis: BasisInquiry},
		"exhausted":                     {next: Next{Status: Exhausted, Code: "MP95", Spend: 1}, request: stand{}, inquiry: stand{Doubts: 1}},
		"review":                        {next: Next{Status: Review, Message: "no", Reason: ReasonOtherSum}, inquiry: stand{Doubts: 1}},
		"review, of a request in doubt": {next: Next{Status: Review, Doubt: true, Unbased: true, Reason: ReasonUnbased}, request: stand{Doubts: 1}, inquiry: stand{Doubts: 2}, basis: "none"},
	}
	// fill adds what is the same for all.
	fill := func(s stand, n Next, attempts ...string) stand {
		s.Status, s.Attempts = n.Status, attempts
		return s
	}
	shown := int64(500)
	for name, c := range cases {
		check := func(t *testing.T, f *fixture, want stand, at time.Duration) {
			f.wantStand(x.Key, want)
			f.wantOutcome(x, c.next, at)
			basis := c.basis
			switch basis {
			case "":
				basis = BasisList
			case "none":
				basis = ""
			}
			if f.p.Basis.Kind != basis || basis == c.next.Basis && basis != "" && f.p.Basis.At != f.at.Now {
				t.Errorf("the sum is based on %+v, want %q", f.p.Basis, basis)
			}
		}
		t.Run("request "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.accept(x)
			if err := f.tryFinish(f.begin(x, StepSend), Attempt{Class: "class", Code: "code", Duration: 3 * time.Second}, c.next); err != nil {
				t.Fatal(err)
			}
			check(t, f, fill(c.request, c.next, "request 0s 3s class code"), 0)
		})
		t.Run("inquiry "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.reach(x, Unknown)
			f.pass(began)
			if err := f.tryFinish(f.begin(x, StepInquire), Attempt{Class: "class", Duration: 3 * time.Second, Shown: &shown}, c.next); err != nil {
				t.Fatal(err)
			}
			check(t, f, fill(c.inquiry, c.next, "request 0s 1s test", "inquiry 1m30s 3s class"), began)
		})
	}
}

// wantOutcome checks what a person reads of an outcome.
func (f *fixture) wantOutcome(x Entry, n Next, at time.Duration) {
	f.Helper()
	r := f.record(x.Key)
	if r.CanTrdNo != n.CanTrdNo || r.Code != n.Code || r.Message != n.Message || r.Reason != n.Reason {
		f.Errorf("outcome %q %q %q %q, want %+v", r.CanTrdNo, r.Code, r.Message, r.Reason, n)
	}
	open := n.Status == Queued || n.Status == Unknown
	if r.Open() != open || r.EndedAt.IsZero() != open || (!open && r.EndedAt.Sub(start) != at) {
		f.Errorf("open %v, ended at %v", r.Open(), r.EndedAt)
	}
	if f.p.Lease != nil {
		f.Errorf("the payment is held: %+v", f.p.Lease)
	}
}

func TestFinishNotFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	wantErr(t, f.tryFinish(Grant{}, Attempt{}, queuedAgain), ErrNotFound)
	f.accept(partial("refund-1", "pay-1"))
	wantErr(t, f.tryFinish(Grant{}, Attempt{}, queuedAgain), ErrNotFound)
}

// An ended one keeps nothing of what it needed on its way.
func TestFinishForgets(t *testing.T) {
	t.Parallel()
	for _, n := range []Next{cancelled(partial("refund-1", "pay-1")), {Status: AlreadyCancelled}} {
		f := unbasedFixture(t)
		f.rules.Inquiry = false
		x := partial("refund-1", "pay-1")
		x.Sealed, x.CancelledSoFar = "account number", new(int64)
		f.accept(x)
		f.finish(f.begin(x, StepSend), queuedAgain)
		f.pass(time.Minute)
		f.finish(f.begin(x, StepSend), n)
		c := f.p.Find(x.Key)
		if c.Token != "" || c.SentAt != 0 || c.Spent != 0 || c.Sealed != "" || c.SoFar != nil || c.SentBlind || c.Asked != 0 || c.Due != 0 || c.Verify != (Verification{}) {
			t.Errorf("%s keeps %+v", n.Status, c)
		}
	}
}

// The budget adds up, and a text of the outcome goes with the outcome it belongs to.
func TestFinishBudget(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.accept(x)
	for i, n := range []Next{queuedAgain, {Status: Queued}, queuedAgain} {
		f.finish(f.begin(x, StepSend), n)
		f.pass(time.Minute)
		if r, want := f.record(x.Key), []int{1, 1, 2}[i]; r.Spent != want || r.Code != n.Code || r.Message != n.Message {
			t.Errorf("after %d: spent %d, want %d; %q %q", i+1, r.Spent, want, r.Code, r.Message)
		}
	}
	f.finish(f.begin(x, StepSend), cancelled(x))
	if r := f.record(x.Key); r.Spent != 0 || r.CanTrdNo != "C-refund-1" {
		t.Errorf("in the end: spent %d, %q", r.Spent, r.CanTrdNo)
	}
}

// Sum and round belong to the payment: a sibling sees what its forerunner did.
func TestFinishSum(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := partial("a", "pay-1"), partial("b", "pay-1")
	f.reach(a, Cancelled)
	f.accept(b)
	g := f.begin(b, StepSend)
	if g.Record.ConfirmedCancelled != 500 || g.Record.Round != 2 {
		t.Errorf("sibling: sum %d, round %d", g.Record.ConfirmedCancelled, g.Record.Round)
	}
	f.finish(g, cancelled(b))
	if f.p.Sum != 1000 || f.p.Round != 2 {
		t.Errorf("sum %d, round %d", f.p.Sum, f.p.Round)
	}
}

// The request's id changes only after a definite refusal of one none of whose attempts was ever in
// doubt: then the gateway's own refusal of duplicates is a protection.
func TestFinishRequestID(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	refused := Next{Status: Queued, NewID: true}
	f := newFixture(t)
	f.accept(x)
	for i, n := range []Next{refused, {Status: Queued}, refused} {
		f.finish(f.begin(x, StepSend), n)
		if got, want := f.record(x.Key).RequestID, []int{1, 1, 2}[i]; got != want {
			t.Errorf("after %d refusals the id is number %d, want %d", i+1, got, want)
		}
	}
	f.finish(f.begin(x, StepSend), outcomeLost)
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), sendAgain)
	f.finish(f.begin(x, StepSend), refused)
	if got := f.record(x.Key).RequestID; got != 2 {
		t.Errorf("once doubted, the id changed to number %d", got)
	}
}

// Doubt stays with a cancellation, whatever it comes to, until the sum or an answer has settled it.
func TestFinishDoubt(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, s := range []Status{Queued, Rejected, Exhausted, Review, Cancelled, AlreadyCancelled} {
		f := newFixture(t)
		f.reach(x, Unknown)
		f.pass(verifyAfter)
		n := leading(x, s)
		f.finish(f.begin(x, StepInquire), n)
		settled := s == Cancelled || s == AlreadyCancelled
		if r := f.record(x.Key); !r.Doubted || r.Doubtful == settled {
			t.Errorf("%s: doubted %v, doubtful %v", s, r.Doubted, r.Doubtful)
		}
	}
	// A withdrawal moves no money.
	f := newFixture(t)
	x.Amount = 0
	f.reach(x, Unknown)
	if f.record(x.Key).Doubtful {
		t.Error("a withdrawal is doubtful")
	}
}

// A request that went out while the sum was not known from the gateway is blind once it is in
// doubt, even where the sum is told later: nobody can say what was cancelled before it.
func TestFinishBlind(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, c := range []struct {
		based bool
		next  Next
		blind bool
	}{{based: true, next: outcomeLost}, {next: outcomeLost, blind: true}, {next: queuedAgain}, {based: true, next: queuedAgain}} {
		f := newFixture(t)
		f.accept(x)
		if !c.based {
			f.base(Basis{})
			f.finish(f.begin(x, StepInquire), Next{Status: Queued, Verification: Verification{Based: true}})
		}
		f.finish(f.begin(x, StepSend), c.next)
		f.base(Basis{Kind: BasisInquiry})
		if got := f.record(x.Key).Blind; got != c.blind {
			t.Errorf("based %v, then %s: blind %v", c.based, c.next.Status, got)
		}
	}
}

// An inquiry whose payment's sum was moved meanwhile, by a list or a late answer, concludes
// nothing: what it showed may be older.
func TestFinishInquiryOvertakenBySum(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	f := newFixture(t)
	f.reach(y, Review)
	f.reach(x, Unknown)
	f.pass(verifyAfter)
	g := f.begin(x, StepInquire)
	if err := f.p.Prove(f.at, f.rules, y.Key, Evidence{Who: "list", CanTrdNo: "C-2"}); err != nil {
		t.Fatal(err)
	}
	f.store()
	f.finish(g, cancelled(x))
	f.wantStand(x.Key, stand{Status: Unknown, Due: verifyAfter, Doubts: 1, Sum: 500, Round: 1,
		Attempts: []string{"request 0s 1s test", "inquiry 1m30s 1s test"}})
	if g := f.begin(x, StepInquire); g.Record.ConfirmedCancelled != 500 {
		t.Errorf("asked again, it starts from %d", g.Record.ConfirmedCancelled)
	}
}

// Sixty attempts are kept, the latest; how many older ones there were is kept, too.
func TestFinishAttemptsKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.accept(x)
	for range 65 {
		f.finish(f.begin(x, StepSend), Next{Status: Queued})
		f.pass(time.Second)
	}
	r := f.record(x.Key)
	if len(r.Attempts) != 60 || r.Dropped != 5 || !r.Attempts[0].StartedAt.Equal(start.Add(5*time.Second)) {
		t.Errorf("%d attempts since %v, %d dropped", len(r.Attempts), r.Attempts[0].StartedAt, r.Dropped)
	}
}

// Who gives the payment back is told who waits for it.
func TestWaiting(t *testing.T) {
	t.Parallel()
	x, y, z := partial("refund-1", "pay-1"), partial("refund-2", "pay-1"), partial("refund-3", "pay-1")
	y.Queue = "urgent"
	f := newFixture(t)
	f.accept(x, y, z)
	waiting := func(wantKey, wantQueue string) {
		t.Helper()
		if key, queue := f.p.Waiting(f.at); key != wantKey || queue != wantQueue {
			t.Errorf("%q in %q waits, want %q in %q", key, queue, wantKey, wantQueue)
		}
	}
	g := f.begin(x, StepSend)
	waiting("", "") // it is held
	f.finish(g, queuedAgain)
	waiting("refund-2", "urgent")
	f.finish(f.begin(y, StepSend), outcomeLost)
	waiting("", "") // it is being verified
	f.pass(verifyAfter)
	f.finish(f.begin(y, StepInquire), cancelled(y))
	waiting("refund-1", "")
	f.finish(f.begin(x, StepSend), queuedAgain)
	waiting("refund-3", "")
	f.finish(f.begin(z, StepSend), rejectedCode)
	waiting("", "") // it is not due
	f.pass(5 * time.Second)
	waiting("refund-1", "")
}

// What is told is what it was then, without attempts, acts and secrets; each time under the next
// number.
func TestFinishTells(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	x.Sealed = "account number"
	f.accept(x)
	var told []string
	step := func(do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		for _, e := range f.p.told {
			told = append(told, string(e.what.Status))
			if e.seq != len(told) || len(e.what.Attempts)+len(e.what.Acts)+e.what.Dropped != 0 || e.what.Sealed != "" {
				t.Errorf("event %d is number %d: %+v", len(told), e.seq, e.what)
			}
		}
		f.store()
	}
	finish := func(n Next) func() error {
		return func() error {
			g := f.p.Begin(f.at, f.rules, Beginning{Entry: x, Token: n.Message})
			return f.p.Finish(f.at, Finishing{Key: x.Key, Token: n.Message, Inquiry: g.Step == StepInquire, Next: n})
		}
	}
	step(finish(Next{Status: Queued, Message: "a"}))
	step(finish(Next{Status: Rejected, Message: "b"}))
	step(func() error { return f.p.Retry(f.at, f.rules, x.Key, kim) })
	step(finish(Next{Status: Unknown, Doubt: true, Message: "c"}))
	step(finish(Next{Status: Review, Message: "d"}))
	step(func() error { return f.p.Resolve(f.at, f.rules, x.Key, as(Cancelled)) })
	step(func() error { return f.p.Prove(f.at, f.rules, x.Key, Evidence{}) })
	if d := cmp.Diff([]string{"rejected", "review", "cancelled", "cancelled"}, told); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
}

// The number of the cancellation at the gateway stays, whatever comes later.
func TestFinishNumbers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.accept(x)
	f.finish(f.begin(x, StepSend), Next{Status: Unknown, Doubt: true, CanTrdNo: "C-1"})
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), Next{Status: Cancelled, Credit: 500})
	if got := f.record(x.Key).CanTrdNo; got != "C-1" {
		t.Errorf("number %q", got)
	}
}
