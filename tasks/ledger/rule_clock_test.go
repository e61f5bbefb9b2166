package ledger

import (
	"testing"
	"time"
)

// A clock of Redis that was a year ahead for a moment holds nothing up for longer than the longest
// that any rule sets: a lease, a step put off, an inquiry that counts as fresh.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	x := partial("refund-1", "pay-1")
	ahead := func(f *fixture, do func()) {
		f.pass(year)
		do()
		f.pass(-year)
	}
	t.Run("a lease of its own", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		ahead(f, func() { f.begin(x, StepSend) })
		f.begin(x, StepHeld)
		f.wantStand(x.Key, stand{Status: Sending, Due: lease, Lease: "refund-1 1m0s", Attempts: []string{"request 8760h0m0s under way"}})
		f.pass(lease / 2)
		f.begin(x, StepHeld) // capped once, not again and again
		f.pass(lease / 2)
		if g := f.begin(x, StepWait); g.Wait != verifyAfter {
			t.Errorf("wait %v", g.Wait)
		}
		f.pass(verifyAfter)
		f.begin(x, StepInquire)
	})
	t.Run("a lease of another", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		y := partial("refund-2", "pay-1")
		f.accept(x, y)
		ahead(f, func() { f.begin(y, StepSend) })
		f.begin(x, StepHeld)
		f.pass(lease)
		if g := f.begin(x, StepHeld); g.Wait != verifyAfter || f.record(y.Key).Status != Unknown {
			t.Errorf("wait %v; the other one is %s", g.Wait, f.record(y.Key).Status)
		}
	})
	t.Run("a lease that was renewed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		g := f.begin(x, StepSend)
		ahead(f, func() { f.p.Renew(f.at, f.rules, x.Key, g.token); f.store() })
		f.begin(x, StepHeld)
		if !f.p.Renew(f.at, f.rules, x.Key, g.token) {
			t.Error("its worker lives, and lost it")
		}
		f.store()
		f.pass(lease)
		f.begin(x, StepWait)
	})
	t.Run("a step put off", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		ahead(f, func() { f.finish(f.begin(x, StepSend), queuedAgain) })
		f.begin(x, StepSend)
	})
	t.Run("a verification put off", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		ahead(f, func() { f.finish(f.begin(x, StepSend), outcomeLost) })
		if g := f.begin(x, StepInquire); g.Purpose != ToVerify {
			t.Errorf("purpose %d", g.Purpose)
		}
	})
	t.Run("others in the line", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		y := partial("refund-2", "pay-1")
		f.accept(x, y)
		ahead(f, func() { f.finish(f.begin(y, StepSend), outcomeLost) })
		if g := f.begin(x, StepHeld); g.Wait > time.Second {
			t.Errorf("wait %v", g.Wait)
		}
		f.begin(y, StepInquire)
	})
	t.Run("an acceptance", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		ahead(f, func() { f.accept(x) })
		f.begin(x, StepSend)
	})
	t.Run("a decision, and a list", func(t *testing.T) {
		t.Parallel()
		for name, decide := range map[string]func(f *fixture) error{
			"a person": func(f *fixture) error { return f.p.Resolve(f.at, f.rules, x.Key, as(Rejected)) },
			"a list":   func(f *fixture) error { return f.p.Prove(f.at, f.rules, x.Key, Evidence{Who: "list"}) },
		} {
			f := newFixture(t)
			f.accept(x)
			ahead(f, func() { f.begin(x, StepSend) })
			wantErr(t, decide(f), ErrBusy)
			if !f.p.changed() {
				t.Errorf("%s: the lease lasts for a year", name)
			}
			f.pass(lease)
			wantErr(t, decide(f), nil)
		}
	})
	// Else it would be sent for a year without being asked after.
	t.Run("an inquiry", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Unknown)
		ahead(f, func() { f.finish(f.begin(x, StepInquire), sendAgain) })
		if g := f.begin(x, StepInquire); g.Purpose != ToResend {
			t.Errorf("purpose %d", g.Purpose)
		}
	})
	t.Run("as far as a rule puts it off", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		f.finish(f.begin(x, StepSend), Next{Status: Queued, After: f.rules.Farthest})
		if g := f.begin(x, StepWait); g.Wait != f.rules.Farthest {
			t.Errorf("wait %v", g.Wait)
		}
	}) // Each process follows the clock of Redis on its own: a little behind is none of this.
	t.Run("a clock a little behind", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Unknown)
		f.pass(verifyAfter)
		f.finish(f.begin(x, StepInquire), sendAgain)
		f.pass(-time.Second)
		f.begin(x, StepWait)
		f.pass(time.Second)
		f.begin(x, StepSend)
		f.pass(-time.Second)
		f.begin(x, StepHeld)
		f.wantStand(x.Key, stand{Status: Sending, Due: verifyAfter + lease, Lease: "refund-1 2m30s", Doubts: 1, Check: sendAgain.Verification,
			Attempts: []string{"request 0s 1s test", "inquiry 1m30s 1s test", "request 1m30s under way"}})
	})
}
