package ledger

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBeginRule has a line for every step that Begin can answer, from every state.
func TestBeginRule(t *testing.T) {
	t.Parallel()
	x, sibling := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	sent := stand{Status: Sending, Due: lease, Lease: "refund-1 1m0s", Attempts: []string{"request 0s under way"}}
	unknown := stand{Status: Unknown, Due: verifyAfter, Doubts: 1, Attempts: []string{"request 0s 1s test"}}
	died := stand{Status: Rejected, Attempts: []string{"request 0s 1s test"}}
	as := func(s stand, change func(*stand)) stand { change(&s); return s }
	inquired := func(f *fixture) { f.reach(x, Unknown); f.pass(verifyAfter); f.begin(x, StepInquire) }

	cases := map[string]struct {
		given   func(*fixture)
		step    Step
		purpose Purpose
		wait    time.Duration
		after   stand
	}{
		"send": {
			given: func(f *fixture) { f.reach(x, Queued) },
			step:  StepSend, after: sent,
		},
		"send when due again": {
			given: func(f *fixture) {
				f.accept(x)
				f.finish(f.begin(x, StepSend), queuedAgain)
				f.pass(5 * time.Second)
			},
			step: StepSend,
			after: as(sent, func(s *stand) {
				s.Due, s.Lease, s.Spent = 65*time.Second, "refund-1 1m5s", 1
				s.Attempts = []string{"request 0s 1s test", "request 5s under way"}
			}),
		},
		"wait for the next attempt": {
			given: func(f *fixture) {
				f.accept(x)
				f.finish(f.begin(x, StepSend), queuedAgain)
				f.pass(2 * time.Second)
			},
			step: StepWait, wait: 3 * time.Second,
			after: stand{Status: Queued, Due: 5 * time.Second, Spent: 1, Attempts: []string{"request 0s 1s test"}},
		},
		"held by another attempt of its own": {
			given: func(f *fixture) { f.reach(x, Sending); f.pass(10 * time.Second) },
			step:  StepHeld, wait: time.Second, after: sent,
		},
		"held to the very end of the lease": {
			given: func(f *fixture) { f.reach(x, Sending); f.pass(lease - time.Millisecond) },
			step:  StepHeld, wait: time.Second, after: sent,
		},
		"held by an attempt of another cancellation": {
			given: func(f *fixture) { f.accept(x); f.reach(sibling, Sending) },
			step:  StepHeld, wait: time.Second,
			after: stand{Status: Queued, Lease: "refund-2 1m0s"},
		},
		"held by the unknown outcome of another cancellation": {
			given: func(f *fixture) { f.accept(x); f.reach(sibling, Unknown); f.pass(10 * time.Second) },
			step:  StepHeld, wait: 80 * time.Second,
			after: stand{Status: Queued},
		},
		"held by an unknown outcome that is overdue": {
			given: func(f *fixture) { f.accept(x); f.reach(sibling, Unknown); f.pass(time.Hour) },
			step:  StepHeld, wait: time.Second,
			after: stand{Status: Queued},
		},
		"held by another cancellation whose worker died": {
			given: func(f *fixture) { f.accept(x); f.reach(sibling, Sending); f.pass(lease) },
			step:  StepHeld, wait: verifyAfter,
			after: stand{Status: Queued},
		},
		"wait after a lost lease": {
			given: func(f *fixture) { f.reach(x, Sending); f.pass(lease) },
			step:  StepWait, wait: verifyAfter,
			after: stand{Status: Unknown, Due: lease + verifyAfter, Doubts: 1, Attempts: []string{"request 0s 1m0s lost"}},
		},
		"inquire long after a lost lease": {
			given: func(f *fixture) { f.reach(x, Sending); f.pass(lease + verifyAfter) },
			step:  StepInquire, purpose: ToVerify,
			after: stand{Status: Unknown, Due: 2*lease + verifyAfter, Doubts: 1, Lease: "refund-1 3m30s",
				Attempts: []string{"request 0s 1m0s lost", "inquiry 2m30s under way"}},
		},
		"wait for the inquiry": {
			given: func(f *fixture) { f.reach(x, Unknown); f.pass(verifyAfter - time.Millisecond) },
			step:  StepWait, wait: time.Millisecond, after: unknown,
		},
		"inquire": {
			given: func(f *fixture) { f.reach(x, Unknown); f.pass(verifyAfter) },
			step:  StepInquire, purpose: ToVerify,
			after: as(unknown, func(s *stand) {
				s.Due, s.Lease = verifyAfter+lease, "refund-1 2m30s"
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s under way"}
			}),
		},
		"held by an inquiry": {
			given: func(f *fixture) { inquired(f); f.pass(lease - 300*time.Millisecond) },
			step:  StepHeld, wait: time.Second,
			after: as(unknown, func(s *stand) {
				s.Due, s.Lease = verifyAfter+lease, "refund-1 2m30s"
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s under way"}
			}),
		},
		"inquire again where an inquiry was lost": {
			given: func(f *fixture) { inquired(f); f.pass(lease) },
			step:  StepInquire, purpose: ToVerify,
			after: as(unknown, func(s *stand) {
				s.Due, s.Lease, s.Check = verifyAfter+2*lease, "refund-1 3m30s", Verification{Failed: 1}
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s 1m0s lost", "inquiry 2m30s under way"}
			}),
		},
		"inquire again where two inquiries were lost": {
			given: func(f *fixture) { inquired(f); f.pass(lease); f.begin(x, StepInquire); f.pass(lease) },
			step:  StepInquire, purpose: ToVerify,
			after: as(unknown, func(s *stand) {
				s.Due, s.Lease, s.Check = verifyAfter+3*lease, "refund-1 4m30s", Verification{Failed: 2}
				s.Attempts = []string{"request 0s 1s test", "inquiry 1m30s 1m0s lost", "inquiry 2m30s 1m0s lost", "inquiry 3m30s under way"}
			}),
		},
		"ended": {
			given: func(f *fixture) { f.reach(x, Cancelled) },
			step:  StepEnded, after: stand{Status: Cancelled, Attempts: died.Attempts, Sum: 500, Round: 1},
		},
		"ended, cancelled already": {
			given: func(f *fixture) { f.reach(x, AlreadyCancelled) },
			step:  StepEnded, after: stand{Status: AlreadyCancelled, Attempts: died.Attempts, Sum: 500, Round: 1},
		},
		"ended by a person": {
			given: func(f *fixture) { f.reach(x, Review); f.resolve(x.Key, Rejected) },
			step:  StepEnded, after: died,
		},
		"ended by a person who paid": {
			given: func(f *fixture) { f.reach(x, RefundedElsewhere) },
			step:  StepEnded, after: as(died, func(s *stand) { s.Status = RefundedElsewhere }),
		},
		"dead rejected":  {given: func(f *fixture) { f.reach(x, Rejected) }, step: StepDead, after: died},
		"dead exhausted": {given: func(f *fixture) { f.reach(x, Exhausted) }, step: StepDead, after: as(died, func(s *stand) { s.Status = Exhausted })},
		"dead review":    {given: func(f *fixture) { f.reach(x, Review) }, step: StepDead, after: as(died, func(s *stand) { s.Status = Review })},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.given(f)
			g := f.begin(x, c.step)
			if g.Wait != c.wait || g.Purpose != c.purpose {
				t.Errorf("wait %v, want %v; purpose %d, want %d", g.Wait, c.wait, g.Purpose, c.purpose)
			}
			f.wantStand(x.Key, c.after)
			switch c.step {
			case StepSend, StepInquire, StepEnded, StepDead:
				if d := cmp.Diff(f.record(x.Key), g.Record); d != "" {
					t.Errorf("record (-stored +answered):\n%s", d)
				}
			}
		})
	}
}

func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.begin(x, StepNotFound)
	f.accept(x)
	before := standOf(f.p, x.Key)
	f.begin(partial("refund-2", "pay-1"), StepNotFound) // its payment is there, it is not
	for name, change := range otherParameters {
		y := x
		change(&y)
		if g := f.begin(y, StepConflict); g.Record.Key != "" {
			t.Errorf("%s: a record came with it", name)
		}
	}
	f.wantStand(x.Key, before)
}

// Said again, because a reply got lost, Begin grants the same; to everybody else the payment is
// held.
func TestBeginAgain(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, purpose := range []Purpose{0, ToVerify, ToResend, ToBase} {
		t.Run(fmt.Sprint("purpose ", purpose), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			switch purpose {
			case ToVerify:
				f.reach(x, Unknown)
			case ToResend:
				f.reach(x, Unknown)
				f.pass(verifyAfter)
				f.finish(f.begin(x, StepInquire), sendAgain)
			case ToBase:
				f.base(Basis{})
				f.accept(x)
			default:
				f.accept(x)
			}
			f.pass(verifyAfter)
			b := Beginning{Entry: x, Token: "mine"}
			first := f.p.Begin(f.at, f.rules, b)
			f.store()
			f.pass(time.Second)
			again := f.p.Begin(f.at, f.rules, b)
			if first.Purpose != purpose || f.p.changed() {
				t.Errorf("purpose %d, want %d; to be written again %v", first.Purpose, purpose, f.p.changed())
			}
			if d := cmp.Diff(first, again, cmp.AllowUnexported(Grant{}, place{}), cmp.FilterPath(unset, cmp.Ignore())); d != "" {
				t.Errorf("said again (-first +again):\n%s", d)
			}
			f.begin(x, StepHeld)
		})
	}
}

// unset are the fields of a grant that the ledger fills in.
func unset(p cmp.Path) bool {
	last := p.Last().String()
	return last == ".payment" || last == ".at" || last == ".place"
}

// A part of a payment whose sum the gateway has not told since the epoch began is asked for first,
// where that is possible; a whole one is not.
func TestBeginBase(t *testing.T) {
	t.Parallel()
	part, whole := partial("refund-1", "pay-1"), full("refund-1", "pay-1")
	withdraw := part
	withdraw.Amount = 0
	foreign, unnamed, unknown := part, part, part
	foreign.Foreign, unnamed.Method, unknown.PaymentAmount = true, "", 0
	inquiry := Basis{Kind: BasisInquiry, Epoch: 1}
	cases := map[string]struct {
		x       Entry
		given   func(*fixture)
		purpose Purpose
		blind   bool
	}{
		"a part":                  {x: part, purpose: ToBase},
		"a whole one":             {x: whole, blind: true},
		"a withdrawal":            {x: withdraw, blind: true},
		"in another currency":     {x: foreign, blind: true},
		"of no method":            {x: unnamed, blind: true},
		"of no amount":            {x: unknown, blind: true},
		"no inquiry":              {x: part, given: func(f *fixture) { f.rules.Inquiry = false }, blind: true},
		"based":                   {x: part, given: func(f *fixture) { f.base(Basis{Kind: BasisInquiry}) }},
		"based before the epoch":  {x: part, given: func(f *fixture) { f.base(inquiry); f.at.Epoch = 2 }, purpose: ToBase},
		"based since the epoch":   {x: part, given: func(f *fixture) { f.base(inquiry); f.at.Epoch = 1 }},
		"whole, before the epoch": {x: whole, given: func(f *fixture) { f.base(inquiry); f.at.Epoch = 2 }, blind: true},
		"a part, asked for in vain": {x: part, given: func(f *fixture) {
			f.finish(f.begin(part, StepInquire), Next{Status: Queued, Verification: Verification{Based: true}})
		}, blind: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := unbasedFixture(t)
			f.accept(c.x)
			if c.given != nil {
				c.given(f)
			}
			step := StepSend
			if c.purpose != 0 {
				step = StepInquire
			}
			g := f.begin(c.x, step)
			if g.Purpose != c.purpose || f.p.Find(c.x.Key).SentBlind != c.blind {
				t.Errorf("purpose %d, want %d; blind %v, want %v", g.Purpose, c.purpose, f.p.Find(c.x.Key).SentBlind, c.blind)
			}
			if c.purpose == ToBase && (f.p.Find(c.x.Key).Status != Queued || g.Record.Basis != "") {
				t.Errorf("while it is asked for it is %s on %q", f.p.Find(c.x.Key).Status, g.Record.Basis)
			}
		})
	}
}

// Once doubted, always asked: right before every further request, however long ago the inquiries
// were, and after people's retry. A fresh answer allows one request.
func TestBeginResend(t *testing.T) {
	t.Parallel()
	part, whole := partial("refund-1", "pay-1"), full("refund-1", "pay-1")
	unasked := part
	unasked.Method = ""
	for name, c := range map[string]struct {
		x     Entry
		given func(*fixture, Entry)
		asks  bool
	}{
		"right after it showed nothing": {x: part, given: func(f *fixture, x Entry) {}},
		"at the end of its freshness":   {x: part, given: func(f *fixture, x Entry) { f.pass(freshFor - 1) }},
		"later":                         {x: part, given: func(f *fixture, x Entry) { f.pass(freshFor) }, asks: true},
		"a day later":                   {x: part, given: func(f *fixture, x Entry) { f.pass(24 * time.Hour) }, asks: true},
		"a whole one, later":            {x: whole, given: func(f *fixture, x Entry) { f.pass(freshFor) }, asks: true},
		"it cannot be asked":            {x: unasked, given: func(f *fixture, x Entry) { f.pass(freshFor) }},
		"after a refusal": {x: part, given: func(f *fixture, x Entry) {
			f.finish(f.begin(x, StepSend), queuedAgain)
			f.pass(freshFor)
		}, asks: true},
		"after a refusal within its freshness": {x: part, given: func(f *fixture, x Entry) {
			f.finish(f.begin(x, StepSend), Next{Status: Queued})
		}},
		"after a retry of a rejected one": {x: part, given: func(f *fixture, x Entry) {
			f.finish(f.begin(x, StepSend), rejectedCode)
			f.retry(x.Key)
		}, asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.reach(c.x, Unknown)
			f.pass(verifyAfter)
			f.finish(f.begin(c.x, StepInquire), sendAgain)
			c.given(f, c.x)
			want := StepSend
			if c.asks {
				want = StepInquire
			}
			g := f.begin(c.x, want)
			if c.asks && g.Purpose != ToResend && g.Purpose != ToVerify {
				t.Errorf("purpose %d", g.Purpose)
			}
			if !g.Record.Doubted || !g.Record.Doubtful {
				t.Error("it is doubted no more")
			}
		})
	}
}

// Others in doubt are named: unknown ones, those whose outcome was ever unknown whatever their
// status is, and what a person alone says is cancelled; until the gateway has settled them.
func TestBeginDoubts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	part := func(key string) Entry { y := partial(key, "pay-1"); y.Amount = 10; return y }
	for key, s := range map[string]Status{"queued": Queued, "rejected": Rejected, "cancelled": Cancelled, "exhausted": Exhausted,
		"already": AlreadyCancelled, "refunded": RefundedElsewhere} {
		f.reach(part(key), s)
	}
	for _, s := range []Status{Rejected, Exhausted, Review, Cancelled} { // after a request that got no answer
		y := part("doubted-" + string(s))
		f.reach(y, Unknown)
		f.pass(verifyAfter)
		n := leading(y, s)
		f.finish(f.begin(y, StepInquire), n)
	}
	f.reach(part("claimed"), Review)
	f.resolve("claimed", Cancelled)
	f.reach(part("given-up"), Unknown)
	f.resolve("given-up", Rejected)
	f.accept(x)
	want := []Doubt{{Key: "doubted-rejected", Amount: 10}, {Key: "doubted-exhausted", Amount: 10}, {Key: "doubted-review", Amount: 10},
		{Key: "claimed", Amount: 10, Claimed: true}, {Key: "given-up", Amount: 10}}
	g := f.begin(x, StepSend)
	if d := cmp.Diff(want, g.Doubts); d != "" {
		t.Errorf("doubts (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"C-cancelled", "C-doubted-cancelled"}, g.Numbers, sorted); d != "" {
		t.Errorf("numbers of the others (-want +got):\n%s", d)
	}
	f.finish(g, Next{Status: Queued, Claims: []string{"claimed"}})
	if got := f.begin(x, StepSend).Doubts; len(got) != len(want)-1 {
		t.Errorf("once the sum shows what was claimed, in doubt are %v", got)
	}
}

// A thousand who wait for one payment must not ask a thousand times a second.
func TestBeginHeldByPlace(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	entry := func(i int) Entry { return partial(fmt.Sprint("refund-", i), "pay-1") }
	for i := range 600 {
		if _, err := f.p.Accept(f.at, entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	f.begin(entry(0), StepSend)
	for i, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 100: 100 * time.Second, 599: heldMost} {
		if g := f.p.Begin(f.at, f.rules, Beginning{Entry: entry(i), Token: "x"}); g.Step != StepHeld || g.Wait != want {
			t.Errorf("place %d: step %d, wait %v, want %v", i, g.Step, g.Wait, want)
		}
	}
	if f.p.changed() {
		t.Error("who waits has the payment written")
	}
}

// After Redis forgot writes, a sum that nothing explains is for people, for a stated time.
// calmTime is how long nothing moves after Redis has forgotten writes.
const calmTime = 45*time.Second + verifyAfter

func TestBeginCautious(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		now       time.Duration
		never, is bool
	}{{never: true}, {now: calmTime, is: true}, {now: time.Hour - 1, is: true}, {now: time.Hour}, {now: 48 * time.Hour}} {
		f := newFixture(t)
		if f.at.Epoch = 1; !c.never {
			f.at.EpochAt = f.at.Now
		}
		f.p.Basis.Epoch = 1
		f.pass(c.now)
		x := partial("refund-1", "pay-1")
		f.accept(x)
		if g := f.begin(x, StepSend); g.Cautious != c.is {
			t.Errorf("%v after the epoch: cautious %v", c.now, g.Cautious)
		}
	}
}

// Right after Redis forgot writes a request may be on the wire of which nothing is known any more:
// nothing is sent or asked before it must have ended, and been seen.
func TestBeginCalm(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, s := range []Status{Queued, Unknown} {
		f := newFixture(t)
		f.reach(x, s)
		f.pass(verifyAfter)
		f.at.Epoch, f.at.EpochAt = 1, f.at.Now
		f.p.Basis.Epoch = 1
		calm := f.rules.Request + verifyAfter
		if g := f.begin(x, StepWait); g.Wait != calm {
			t.Errorf("%s: wait %v, want %v", s, g.Wait, calm)
		}
		f.pass(calm - time.Millisecond)
		f.begin(x, StepWait)
		f.pass(time.Millisecond)
		f.begin(x, map[Status]Step{Queued: StepSend, Unknown: StepInquire}[s])
	}
}

// While a sum that nothing explains is for people, nothing goes out unbased that may have gone out
// before Redis forgot it: neither whole ones, nor those that cannot be asked for.
func TestBeginForgotten(t *testing.T) {
	t.Parallel()
	part, whole, unasked := partial("refund-1", "pay-1"), full("refund-1", "pay-1"), partial("refund-1", "pay-1")
	unasked.Method = ""
	for name, c := range map[string]struct {
		x       Entry
		later   bool // accepted since
		nextDay bool // accepted a day after
		long    bool // the time of caution is over
		asks    bool
	}{
		"a part": {x: part, asks: true}, "a whole one": {x: whole, asks: true}, "it cannot be asked": {x: unasked, asks: true},
		"a part, new": {x: part, later: true, asks: true}, "a whole one, new": {x: whole, later: true, asks: true},
		"it cannot be asked, new": {x: unasked, later: true, asks: true}, "it cannot be asked, a day after": {x: unasked, later: true, nextDay: true}, "a whole one, long after": {x: whole, long: true}, "it cannot be asked, long after": {x: unasked, long: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if !c.later {
				f.accept(c.x)
			}
			f.pass(time.Second)
			f.at.Epoch, f.at.EpochAt = 1, f.at.Now
			if c.nextDay {
				f.pass(keysComeAgain)
			}
			if c.later {
				f.accept(c.x)
			}
			f.pass(f.rules.Request + verifyAfter)
			if c.long {
				f.pass(f.rules.Caution)
			}
			want := StepSend
			if c.asks {
				want = StepInquire
			}
			if g := f.begin(c.x, want); c.asks && g.Purpose != ToBase {
				t.Errorf("purpose %d", g.Purpose)
			}
		})
	}
}

// An answer whose number may be of another cancellation of the same amount proves nothing.
func TestBeginTwin(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	other := y
	other.Amount = 10
	for name, c := range map[string]struct {
		y    Entry
		next Next
		twin bool
	}{
		"a number":             {y: y, next: cancelled(y)},
		"no number":            {y: y, next: Next{Status: Cancelled, Credit: 500}, twin: true},
		"in doubt":             {y: y, next: Next{Status: Review, Doubt: true}, twin: true},
		"refused":              {y: y, next: rejectedCode},
		"of another amount":    {y: other, next: Next{Status: Cancelled, Credit: 10}},
		"another one in doubt": {y: other, next: Next{Status: Review, Doubt: true}},
	} {
		f := newFixture(t)
		f.accept(c.y)
		f.finish(f.begin(c.y, StepSend), c.next)
		f.accept(x)
		if g := f.begin(x, StepSend); g.Twin != c.twin {
			t.Errorf("%s: twin %v", name, g.Twin)
		}
	}
}

func TestRenewRule(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	f := newFixture(t)
	f.accept(x, y)
	g := f.begin(x, StepSend)
	f.pass(40 * time.Second)
	if !f.p.Renew(f.at, f.rules, x.Key, g.token) {
		t.Fatal("who has the lease cannot renew it")
	}
	f.store()
	f.wantStand(x.Key, stand{Status: Sending, Due: 100 * time.Second, Lease: "refund-1 1m40s", Attempts: []string{"request 0s under way"}})
	f.pass(lease - 1)
	f.begin(y, StepHeld)
	for _, other := range [][2]string{{x.Key, "another"}, {y.Key, g.token}, {"none", g.token}} {
		if f.p.Renew(f.at, f.rules, other[0], other[1]) || f.p.changed() {
			t.Errorf("%v renews the lease", other)
		}
	}
	f.pass(lease)
	f.begin(x, StepWait) // its worker is taken for dead
	if f.p.Renew(f.at, f.rules, x.Key, g.token) {
		t.Error("a lost lease was renewed")
	}
}

// The inquiry after a lost worker waits until the request can no longer be on the wire, however
// short a lease is.
func TestLoseShortLease(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.rules.Lease, f.rules.VerifyAfter, f.rules.Request = 5*time.Second, time.Second, 45*time.Second
	x := partial("refund-1", "pay-1")
	f.reach(x, Sending)
	f.pass(5 * time.Second)
	if g := f.begin(x, StepWait); g.Wait != 40*time.Second {
		t.Errorf("wait %v, want until 45s after the grant", g.Wait)
	}
	if r := f.record(x.Key); r.Reason != ReasonLost || !r.Doubted || r.Status != Unknown {
		t.Errorf("record %+v", r)
	}
}

// What cannot be done for a merchant now is not granted, and nothing is written for it. The rest
// goes on: what waits for an inquiry while only requests are barred, and the other way round; a
// basis that cannot be asked for is done without.
func TestBeginBarred(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	given := map[string]func(*fixture){
		"send":   func(f *fixture) { f.accept(x) },
		"verify": func(f *fixture) { f.reach(x, Unknown); f.pass(verifyAfter) },
		"resend": func(f *fixture) {
			f.reach(x, Unknown)
			f.pass(verifyAfter)
			f.finish(f.begin(x, StepInquire), sendAgain)
			f.pass(freshFor)
		},
		"base":    func(f *fixture) { f.base(Basis{}); f.accept(x) },
		"wait":    func(f *fixture) { f.reach(x, Unknown) },
		"ended":   func(f *fixture) { f.reach(x, Cancelled) },
		"nothing": func(f *fixture) {},
	}
	requests, inquiries, all := Barred{Requests: true}, Barred{Inquiries: true}, Barred{Requests: true, Inquiries: true}
	want := map[string]map[Barred]Step{
		"send":    {requests: StepBarred, inquiries: StepSend, all: StepBarred},
		"verify":  {requests: StepInquire, inquiries: StepInquire, all: StepInquire},
		"resend":  {requests: StepBarred, inquiries: StepInquire, all: StepBarred},
		"base":    {requests: StepBarred, inquiries: StepSend, all: StepBarred},
		"wait":    {requests: StepWait, inquiries: StepWait, all: StepWait},
		"ended":   {requests: StepEnded, inquiries: StepEnded, all: StepEnded},
		"nothing": {requests: StepNotFound, inquiries: StepNotFound, all: StepNotFound},
	}
	for name, steps := range want {
		for barred, step := range steps {
			f := newFixture(t)
			given[name](f)
			g := f.p.Begin(f.at, f.rules, Beginning{Entry: x, Token: "mine", Barred: barred})
			if g.Step != step || f.p.changed() != (step == StepSend || step == StepInquire) {
				t.Errorf("%s with %+v: step %d, want %d; to be written %v", name, barred, g.Step, step, f.p.changed())
			}
		}
	}
}
