package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBegin has a line for every step that Begin can answer, from every state.
func TestBegin(t *testing.T) {
	t.Parallel()
	x, sibling := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	sent := stand{Status: Sending, Due: lease, In: "open", Lease: "refund-1 1m0s", Attempts: []string{"request 0s under way"}, Round: 1, Unended: 1}
	died := stand{Status: Rejected, In: "dead", Attempts: []string{"request 0s 1s test"}, Round: 1, Unended: 1}
	as := func(s stand, change func(*stand)) stand { change(&s); return s }

	cases := map[string]struct {
		given func(*env)
		step  Step
		wait  time.Duration
		after stand
	}{
		"send": {
			given: func(e *env) { e.reach(x, Queued) },
			step:  StepSend, after: sent,
		},
		"send when due again": {
			given: func(e *env) {
				e.accept(x)
				e.finish(e.begin(x, StepSend), queuedAgain)
				e.clock.Advance(5 * time.Second)
			},
			step: StepSend,
			after: as(sent, func(s *stand) {
				s.Due, s.Lease, s.Spent = 65*time.Second, "refund-1 1m5s", 1
				s.Attempts = []string{"request 0s 1s test", "request 5s under way"}
			}),
		},
		"wait for the next attempt": {
			given: func(e *env) {
				e.accept(x)
				e.finish(e.begin(x, StepSend), queuedAgain)
				e.clock.Advance(2 * time.Second)
			},
			step: StepWait, wait: 3 * time.Second,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Spent, s.Attempts = Queued, 5*time.Second, "", 1, []string{"request 0s 1s test"}
			}),
		},
		"held by another attempt of its own": {
			given: func(e *env) { e.reach(x, Sending); e.clock.Advance(10 * time.Second) },
			step:  StepHeld, wait: time.Second, after: sent,
		},
		"held to the very end of the lease": {
			given: func(e *env) { e.reach(x, Sending); e.clock.Advance(lease - time.Millisecond) },
			step:  StepHeld, wait: time.Millisecond, after: sent,
		},
		"held by an attempt of another cancellation": {
			given: func(e *env) { e.accept(x); e.reach(sibling, Sending) },
			step:  StepHeld, wait: time.Second,
			after: stand{Status: Queued, In: "open", Lease: "refund-2 1m0s", Round: 1, Unended: 2},
		},
		"held by the unknown outcome of another cancellation": {
			given: func(e *env) { e.accept(x); e.reach(sibling, Unknown); e.clock.Advance(10 * time.Second) },
			step:  StepHeld, wait: 80 * time.Second,
			after: stand{Status: Queued, In: "open", Lease: "refund-2 unknown", Round: 1, Unended: 2},
		},
		"held by an unknown outcome that is overdue": {
			given: func(e *env) { e.accept(x); e.reach(sibling, Unknown); e.clock.Advance(time.Hour) },
			step:  StepHeld, wait: time.Second,
			after: stand{Status: Queued, In: "open", Lease: "refund-2 unknown", Round: 1, Unended: 2},
		},
		"held by another cancellation whose worker died": {
			given: func(e *env) { e.accept(x); e.reach(sibling, Sending); e.clock.Advance(time.Hour) },
			step:  StepHeld, wait: time.Second,
			after: stand{Status: Queued, In: "open", Lease: "refund-2 1m0s", Round: 1, Unended: 2},
		},
		"wait after a lost lease": {
			given: func(e *env) { e.reach(x, Sending); e.clock.Advance(lease) },
			step:  StepWait, wait: verifyAfter,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Attempts = Unknown, lease+verifyAfter, "refund-1 unknown", []string{"request 0s 1m0s lost"}
			}),
		},
		"inquire long after a lost lease": {
			given: func(e *env) { e.reach(x, Sending); e.clock.Advance(lease + verifyAfter) },
			step:  StepInquire,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease = Unknown, 2*lease+verifyAfter, "refund-1 3m30s"
				s.Attempts = []string{"request 0s 1m0s lost", "inquiry 2m30s under way"}
			}),
		},
		"wait for the inquiry": {
			given: func(e *env) { e.reach(x, Unknown); e.clock.Advance(verifyAfter - time.Millisecond) },
			step:  StepWait, wait: time.Millisecond,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Check = Unknown, verifyAfter, "refund-1 unknown", outcomeLost.Verification
				s.Attempts = []string{"request 0s 1s test"}
			}),
		},
		"inquire": {
			given: func(e *env) { e.reach(x, Unknown); e.clock.Advance(verifyAfter) },
			step:  StepInquire,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Check = Unknown, verifyAfter+lease, "refund-1 2m30s", outcomeLost.Verification
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s under way"}
			}),
		},
		"held by an inquiry": {
			given: func(e *env) {
				e.reach(x, Unknown)
				e.clock.Advance(verifyAfter)
				e.begin(x, StepInquire)
				e.clock.Advance(lease - 300*time.Millisecond)
			},
			step: StepHeld, wait: 300 * time.Millisecond,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Check = Unknown, verifyAfter+lease, "refund-1 2m30s", outcomeLost.Verification
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s under way"}
			}),
		},
		"inquire again where an inquiry was lost": {
			given: func(e *env) {
				e.reach(x, Unknown)
				e.clock.Advance(verifyAfter)
				e.begin(x, StepInquire)
				e.clock.Advance(lease)
			},
			step: StepInquire,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Check = Unknown, verifyAfter+2*lease, "refund-1 3m30s", Verification{Failed: 1, Reason: "unknown"}
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s 1m0s lost", "inquiry 2m30s under way"}
			}),
		},
		"inquire again where two inquiries were lost": {
			given: func(e *env) {
				e.reach(x, Unknown)
				e.clock.Advance(verifyAfter)
				e.begin(x, StepInquire)
				e.clock.Advance(lease)
				e.begin(x, StepInquire)
				e.clock.Advance(lease)
			},
			step: StepInquire,
			after: as(sent, func(s *stand) {
				s.Status, s.Due, s.Lease, s.Check = Unknown, verifyAfter+3*lease, "refund-1 4m30s", Verification{Failed: 2, Reason: "unknown"}
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s 1m0s lost", "inquiry 2m30s 1m0s lost", "inquiry 3m30s under way"}
			}),
		},
		"ended": {
			given: func(e *env) { e.reach(x, Cancelled) },
			step:  StepEnded,
			after: stand{Status: Cancelled, Attempts: died.Attempts, Sum: 500, Round: 2, Expires: true, Index: true},
		},
		"ended, cancelled already": {
			given: func(e *env) { e.reach(x, AlreadyCancelled) },
			step:  StepEnded,
			after: stand{Status: AlreadyCancelled, Attempts: died.Attempts, Sum: 500, Round: 2, Expires: true, Index: true},
		},
		"ended by a person": {
			given: func(e *env) {
				e.reach(x, Review)
				_, err := e.Resolve(e.ctx, x.Key, Decision{Who: "kim", As: Rejected})
				e.must(err)
			},
			step:  StepEnded,
			after: stand{Status: Rejected, Attempts: died.Attempts, Round: 1, Expires: true, Index: true},
		},
		"dead rejected": {given: func(e *env) { e.reach(x, Rejected) }, step: StepDead, after: died},
		"dead exhausted": {given: func(e *env) { e.reach(x, Exhausted) }, step: StepDead,
			after: as(died, func(s *stand) { s.Status = Exhausted })},
		"dead review": {given: func(e *env) { e.reach(x, Review) }, step: StepDead,
			after: as(died, func(s *stand) { s.Status = Review })},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			c.given(e)
			g := e.begin(x, c.step)
			if g.Wait != c.wait {
				t.Errorf("wait %v, want %v", g.Wait, c.wait)
			}
			e.wantStand(x, c.after)
			switch c.step {
			case StepSend, StepInquire, StepEnded, StepDead:
				stored, err := e.Get(e.ctx, x.Key)
				e.must(err)
				if d := cmp.Diff(stored, g.Record, sameJSON); d != "" {
					t.Errorf("record (-stored +answered):\n%s", d)
				}
			}
		})
	}
}

func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.begin(x, StepNotFound)
	e.accept(x)
	before := e.stand(x)
	e.begin(partial("refund-2", "pay-1"), StepNotFound) // its transaction is there, it is not
	for _, change := range []func(*Entry){
		func(y *Entry) { y.Amount++ },
		func(y *Entry) { y.Full = true },
		func(y *Entry) { y.Params = replace(y.Params, `"CA"`, `"RA"`) },
		func(y *Entry) { y.Params = replace(y.Params, `1000`, `1001`) },
		func(y *Entry) { y.Params = replace(y.Params, `{`, `{"y":"z",`) },
		func(y *Entry) { y.Params = replace(y.Params, `,"x":"CA"`, ``) },
	} {
		y := x
		change(&y)
		e.begin(y, StepConflict)
	}
	bad := x
	bad.Params = nil
	if g, err := e.Begin(e.ctx, bad); err == nil {
		t.Errorf("no parameters: step %d", g.Step)
	}
	if d := cmp.Diff(before, e.stand(x)); d != "" {
		t.Errorf("a refused step changed something (-before +after):\n%s", d)
	}
}

// The deadline counts from before the intent was stored, and ends a margin before the lease.
func TestBeginDeadline(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.accept(x)
	before := time.Now()
	g := e.begin(x, StepSend)
	after := time.Now()
	for what, c := range map[string]struct {
		got  time.Time
		life time.Duration
	}{"deadline": {g.Deadline, lease * 3 / 4}, "expiry": {g.Expiry, lease}} {
		if c.got.Before(before.Add(c.life)) || c.got.After(after.Add(c.life)) {
			t.Errorf("%s is %v after the call, want %v", what, c.got.Sub(before), c.life)
		}
	}
	if e.Lease() != lease {
		t.Errorf("lease %v", e.Lease())
	}
}

// Others in doubt are counted: unknown ones and those in review, until a person closes them.
func TestBeginDoubt(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	for key, s := range map[string]Status{"a": Review, "b": Review, "c": Rejected, "d": Cancelled, "e": Exhausted} {
		e.reach(partial(key, "pay-1"), s)
	}
	e.reach(partial("f", "pay-2"), Review)
	e.accept(partial("g", "pay-1"))
	_, err := e.Resolve(e.ctx, "b", Decision{As: Rejected})
	e.must(err)
	e.reach(x, Unknown)
	e.clock.Advance(verifyAfter)
	// Verified again, "a" is in doubt still.
	_, err = e.Retry(e.ctx, "a", Decision{})
	e.must(err)
	if g := e.begin(x, StepInquire); g.Doubt != 1 {
		t.Errorf("doubt %d, want 1", g.Doubt)
	}
}

func TestStepsOfOtherTransactions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.reach(partial("a", "pay-1"), Sending)
	e.reach(partial("b", "pay-2"), Unknown)
	for i, payment := range []string{"pay-3", "pay-1:1", "pay"} {
		x := partial("other-"+string(rune('0'+i)), payment)
		e.accept(x)
		e.begin(x, StepSend)
	}
}
