package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRetryRule(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	taken := stand{Status: Queued, Due: time.Minute, Attempts: []string{"request 0s 1s test"}}
	cases := map[Status]struct {
		err   error
		after stand // of those that are taken back
		step  Step  // that follows
	}{
		Rejected:          {after: taken, step: StepSend},
		Exhausted:         {after: taken, step: StepSend},
		Review:            {after: func() stand { s := taken; s.Status = Unknown; return s }(), step: StepInquire},
		Queued:            {err: ErrNotDead},
		Sending:           {err: ErrNotDead},
		Unknown:           {err: ErrNotDead},
		Cancelled:         {err: ErrNotDead},
		AlreadyCancelled:  {err: ErrNotDead},
		RefundedElsewhere: {err: ErrNotDead},
	}
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			c, f := cases[s], newFixture(t)
			f.reach(x, s)
			before := standOf(f.p, x.Key)
			f.pass(time.Minute)
			err := f.p.Retry(f.at, f.rules, x.Key, kim)
			wantErr(t, err, c.err)
			if c.err != nil {
				f.wantStand(x.Key, before)
				if f.p.changed() {
					t.Error("it has to be written")
				}
				return
			}
			f.store()
			f.wantStand(x.Key, c.after)
			r := f.record(x.Key)
			if r.Code != "" || r.Message != "" || r.Reason != "" || !r.EndedAt.IsZero() || !r.Open() {
				t.Errorf("the outcome it had still stands: %+v", r)
			}
			want := []Act{{At: start.Add(time.Minute), Ms: start.Add(time.Minute).UnixMilli(), Who: "kim", What: "retry", Note: "the bank said so"}}
			if d := cmp.Diff(want, r.Acts); d != "" {
				t.Errorf("acts (-want +got):\n%s", d)
			}
			f.begin(x, c.step)
			wantErr(t, f.p.Retry(f.at, f.rules, x.Key, Decision{id: "another call"}), ErrNotDead)
		})
	}
	t.Run("a new budget", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		f.finish(f.begin(x, StepSend), Next{Status: Queued, Spend: 29, Verification: Verification{Resent: 1}})
		f.finish(f.begin(x, StepSend), Next{Status: Exhausted})
		f.retry(x.Key)
		if r := f.record(x.Key); r.Spent != 0 || r.Verification != (Verification{}) {
			t.Errorf("spent %d, %+v", r.Spent, r.Verification)
		}
	})
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Rejected)
		for i := range 25 {
			if err := f.p.Retry(f.at, f.rules, x.Key, Decision{Who: "kim", Note: fmt.Sprint(i), id: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			f.finish(f.begin(x, StepSend), rejectedCode)
		}
		acts := f.record(x.Key).Acts
		if len(acts) != 20 || acts[0].Note != "5" || acts[19].Note != "24" {
			t.Errorf("%d acts: %+v", len(acts), acts)
		}
	})
	t.Run("ErrNotFound", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		wantErr(t, f.p.Retry(f.at, f.rules, "never", kim), ErrNotFound)
	})
}

// Rejected or exhausted, what was ever in doubt is verified again, and never simply sent.
func TestRetryDoubted(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, s := range []Status{Rejected, Exhausted, Review} {
		f := newFixture(t)
		f.reach(x, Unknown)
		f.pass(verifyAfter)
		f.finish(f.begin(x, StepInquire), Next{Status: s})
		f.pass(24 * time.Hour)
		f.retry(x.Key)
		if g := f.begin(x, StepInquire); g.Purpose != ToVerify {
			t.Errorf("%s: purpose %d", s, g.Purpose)
		}
	}
}

// One in review holds nobody up; taken back, it is unknown, and holds the others of its payment
// until it is settled, unless one of them has the payment now.
func TestRetryReviewAmongSiblings(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	t.Run("held", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Review)
		f.accept(y)
		f.retry(x.Key)
		f.begin(y, StepHeld)
		f.finish(f.begin(x, StepInquire), cancelled(x))
		f.begin(y, StepSend)
	})
	t.Run("taken", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Review)
		f.accept(y)
		g := f.begin(y, StepSend)
		f.retry(x.Key)
		f.begin(x, StepHeld)
		f.finish(g, cancelled(y))
		if g := f.begin(x, StepInquire); g.Record.ConfirmedCancelled != y.Amount || len(g.Doubts) != 0 {
			t.Errorf("sum %d, doubts %v", g.Record.ConfirmedCancelled, g.Doubts)
		}
	})
}

// A person's word ends a cancellation and moves no money: nothing is credited, whatever the person
// says, until the gateway has shown it.
func TestResolveRule(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	ended := map[Status]error{Cancelled: ErrEnded, AlreadyCancelled: ErrEnded, RefundedElsewhere: ErrEnded, Sending: ErrBusy}
	for _, s := range Statuses() {
		for _, decided := range Resolutions() {
			t.Run(fmt.Sprintf("%s as %s", s, decided), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.reach(x, s)
				before, acts := standOf(f.p, x.Key), len(f.record(x.Key).Acts)
				err := f.p.Resolve(f.at, f.rules, x.Key, as(decided))
				if s == RefundedElsewhere {
					err = f.p.Resolve(f.at, f.rules, x.Key, Decision{As: decided, id: "another call"})
				}
				wantErr(t, err, ended[s])
				if ended[s] != nil {
					f.wantStand(x.Key, before)
					if f.p.changed() || len(f.record(x.Key).Acts) != acts {
						t.Error("it changed something")
					}
					return
				}
				f.store()
				want := stand{Status: decided, Attempts: before.Attempts, Doubts: before.Doubts}
				if decided == Cancelled {
					want.Round = 1
				}
				f.wantStand(x.Key, want)
				r := f.record(x.Key)
				if !r.Ended() || !r.Closed || r.Dead() || r.Open() || !r.EndedAt.Equal(start) {
					t.Errorf("record %+v", r)
				}
				if doubtful := decided == Cancelled || s == Unknown; r.Doubtful != doubtful {
					t.Errorf("doubtful %v, want %v", r.Doubtful, doubtful)
				}
				wantActs := []Act{{At: start, Ms: start.UnixMilli(), Who: "kim", What: "resolve " + string(decided), Note: "the bank said so"}}
				if d := cmp.Diff(wantActs, r.Acts); d != "" {
					t.Errorf("acts (-want +got):\n%s", d)
				}
				wantErr(t, f.p.Resolve(f.at, f.rules, x.Key, Decision{As: Cancelled, id: "another call"}), ErrEnded)
				wantErr(t, f.p.Retry(f.at, f.rules, x.Key, kim), ErrNotDead)
				f.wantStand(x.Key, want)
				f.begin(x, StepEnded)
			})
		}
	}
	t.Run("ErrNotFound", func(t *testing.T) {
		t.Parallel()
		wantErr(t, newFixture(t).p.Resolve(Moment{}, Rules{}, "never", as(Cancelled)), ErrNotFound)
	})
}

// Nobody resolves what may be on the wire; what lost its lease is on no wire.
func TestResolveBusy(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	t.Run("ErrBusy inquiry", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Unknown)
		f.pass(verifyAfter)
		f.begin(x, StepInquire)
		f.pass(lease - time.Second)
		before := standOf(f.p, x.Key)
		err := f.p.Resolve(f.at, f.rules, x.Key, as(Rejected))
		wantErr(t, err, ErrBusy)
		if err == nil || !strings.Contains(err.Error(), "1s") {
			t.Errorf("error %v does not say how long", err)
		}
		f.wantStand(x.Key, before)
	})
	t.Run("OK a sibling is busy", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x, y)
		g := f.begin(y, StepSend)
		f.resolve(x.Key, Cancelled)
		if s := standOf(f.p, y.Key); s.Lease != "refund-2 1m0s" || s.Status != Sending || !f.p.unended() {
			t.Errorf("the sibling stands so: %+v", s)
		}
		f.finish(g, cancelled(y))
		if s := standOf(f.p, x.Key); s.Sum != 500 || s.Round != 2 || f.p.unended() {
			t.Errorf("both ended, it stands so: %+v", s)
		}
	})
	t.Run("OK the lease has ended", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Sending)
		f.accept(y)
		f.pass(lease)
		f.resolve(x.Key, Rejected)
		if s := standOf(f.p, x.Key); s.Lease != "" || s.Attempts[0] != "request 0s 1m0s lost" || s.Doubts != 1 {
			t.Errorf("it stands so: %+v", s)
		}
		if g := f.begin(y, StepSend); len(g.Doubts) != 1 {
			t.Errorf("what may have been on the wire is no doubt: %v", g.Doubts)
		}
	})
	t.Run("OK unknown holds nobody up any more", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.reach(x, Unknown)
		f.accept(y)
		f.begin(y, StepHeld)
		f.resolve(x.Key, Cancelled)
		g := f.begin(y, StepSend)
		if g.Record.ConfirmedCancelled != 0 || g.Record.Round != 2 {
			t.Errorf("sum %d, round %d", g.Record.ConfirmedCancelled, g.Record.Round)
		}
		if d := cmp.Diff([]Doubt{{Key: x.Key, Amount: 500, Claimed: true}}, g.Doubts); d != "" {
			t.Errorf("doubts (-want +got):\n%s", d)
		}
	})
}

// Said twice, because a reply got lost, a decision is taken once.
func TestDecideTwice(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for name, decide := range map[string]func(*fixture) error{
		"retry": func(f *fixture) error { return f.p.Retry(f.at, f.rules, x.Key, Decision{Who: "kim", id: "one"}) },
		"resolve": func(f *fixture) error {
			return f.p.Resolve(f.at, f.rules, x.Key, Decision{Who: "kim", As: Cancelled, id: "one"})
		},
		"prove": func(f *fixture) error {
			return f.p.Prove(f.at, f.rules, x.Key, Evidence{Who: "list", CanTrdNo: "C", id: "one"})
		},
	} {
		f := newFixture(t)
		f.reach(x, Review)
		wantErr(t, decide(f), nil)
		f.store()
		want := f.record(x.Key)
		f.pass(time.Second)
		wantErr(t, decide(f), nil)
		if d := cmp.Diff(want, f.record(x.Key)); d != "" || f.p.changed() {
			t.Errorf("%s: said twice it changed something (-before +after):\n%s", name, d)
		}
	}
}

// What a decision will do is told before by the function that the decision follows.
func TestEffects(t *testing.T) {
	t.Parallel()
	part, whole := partial("refund-1", "pay-1"), full("refund-1", "pay-1")
	for _, x := range []Entry{part, whole} {
		for _, inquiry := range []bool{true, false} {
			for _, doubted := range []bool{true, false} {
				for _, s := range Statuses() {
					given := func() *fixture {
						f := newFixture(t)
						f.rules.Inquiry = inquiry
						if doubted && s != Queued && s != Sending {
							f.reach(x, Unknown)
							if s != Unknown {
								f.pass(verifyAfter)
								n := leading(x, s)
								if s == RefundedElsewhere {
									n.Status = Review
								}
								f.finish(f.begin(x, StepInquire), n)
							}
							if s == RefundedElsewhere {
								f.resolve(x.Key, s)
							}
						} else {
							f.reach(x, s)
						}
						f.pass(time.Minute)
						return f
					}
					name := fmt.Sprintf("%s, %d, inquiry %v, doubted %v", s, x.Amount, inquiry, doubted)
					f := given()
					r := f.record(x.Key)
					told := AfterRetry(r)
					err := f.p.Retry(f.at, f.rules, x.Key, kim)
					if told.Allowed != (err == nil) {
						t.Errorf("%s: a retry is allowed %v, and then: %v", name, told.Allowed, err)
					}
					if err == nil {
						f.store()
						f.checkRetried(name, x, told)
					}
					for _, as := range Resolutions() {
						f := given()
						told := AfterResolve(f.record(x.Key), as)
						err := f.p.Resolve(f.at, f.rules, x.Key, Decision{As: as, id: "one"})
						if told.Allowed != (err == nil) {
							t.Errorf("%s: resolving as %s is allowed %v, and then: %v", name, as, told.Allowed, err)
						}
						if err != nil {
							continue
						}
						f.store()
						after := f.record(x.Key)
						if after.Status != told.Next || !after.Ended() || !told.Ends || told.Sends || told.Verifies {
							t.Errorf("%s: resolved as %s it is %s, told %+v", name, as, after.Status, told)
						}
						if slices.Contains(told.Warnings, WarnStillOpen) != r.Open() || slices.Contains(told.Warnings, WarnMoneyElsewhere) != (as == RefundedElsewhere) {
							t.Errorf("%s: resolving as %s warns of %v", name, as, told.Warnings)
						}
					}
				}
			}
		}
	}
	for _, as := range append(Statuses(), "", "done") {
		if got, want := AfterResolve(Record{Status: Review}, as).Allowed, slices.Contains(Resolutions(), as); got != want {
			t.Errorf("as %q: allowed %v", as, got)
		}
	}
}

// checkRetried compares what was told of a retry with the step that follows it.
func (f *fixture) checkRetried(name string, x Entry, told Effect) {
	f.Helper()
	r := f.record(x.Key)
	if r.Status != told.Next || told.Ends {
		f.Errorf("%s: retried it is %s, told %+v", name, r.Status, told)
	}
	if told.Next == Queued != (told.Sends && !told.Verifies && len(told.Warnings) == 0) {
		f.Errorf("%s: told %+v", name, told)
	}
	want := StepSend
	if told.Next == Unknown {
		want = StepInquire
	}
	f.begin(x, want)
}

func TestProveRule(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	list := Evidence{Who: "list", Note: "of yesterday", CanTrdNo: "C-1"}
	ended := map[Status]error{Cancelled: ErrEnded, AlreadyCancelled: ErrEnded, RefundedElsewhere: ErrEnded, Sending: ErrBusy}
	for _, s := range Statuses() {
		f := newFixture(t)
		f.reach(x, s)
		before := standOf(f.p, x.Key)
		e := list
		e.id = "another call"
		err := f.p.Prove(f.at, f.rules, x.Key, e)
		wantErr(t, err, ended[s])
		if ended[s] != nil {
			f.wantStand(x.Key, before)
			continue
		}
		f.store()
		f.wantStand(x.Key, stand{Status: Cancelled, Sum: 500, Round: 1, Attempts: before.Attempts, Doubts: before.Doubts})
		r := f.record(x.Key)
		if r.CanTrdNo != "C-1" || r.Closed || r.Doubtful || len(r.Acts) != 1 || r.Acts[0].What != "proof" || r.Acts[0].Who != "list" {
			t.Errorf("%s: record %+v", s, r)
		}
		e.id = "a third one"
		wantErr(t, f.p.Prove(f.at, f.rules, x.Key, e), ErrEnded)
	}
	wantErr(t, newFixture(t).p.Prove(Moment{}, Rules{}, "never", list), ErrNotFound)
}

// What a person said is cancelled is credited once the gateway shows it, once.
func TestProveClaim(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	f := newFixture(t)
	f.reach(x, Review)
	f.resolve(x.Key, Cancelled)
	if err := f.p.Prove(f.at, f.rules, x.Key, Evidence{CanTrdNo: "C-1", id: "one"}); err != nil {
		t.Fatal(err)
	}
	f.store()
	if r := f.record(x.Key); f.p.Sum != 500 || r.Doubtful || !r.Closed || r.Status != Cancelled || r.CanTrdNo != "C-1" {
		t.Errorf("sum %d, record %+v", f.p.Sum, r)
	}
	wantErr(t, f.p.Prove(f.at, f.rules, x.Key, Evidence{id: "two"}), ErrEnded)
	f.accept(y)
	if g := f.begin(y, StepSend); len(g.Doubts) != 0 {
		t.Errorf("doubts %v", g.Doubts)
	}
	// What a person gave up stays so.
	f = newFixture(t)
	f.reach(x, Review)
	f.resolve(x.Key, Rejected)
	wantErr(t, f.p.Prove(f.at, f.rules, x.Key, Evidence{id: "one"}), ErrEnded)
}

// A late inquiry's holder that died does not stand in the way of proof.
func TestProveAfterLostLease(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.reach(x, Sending)
	f.pass(lease)
	if err := f.p.Prove(f.at, f.rules, x.Key, Evidence{id: "one"}); err != nil {
		t.Fatal(err)
	}
	f.store()
	f.wantStand(x.Key, stand{Status: Cancelled, Sum: 500, Round: 1, Doubts: 1, Attempts: []string{"request 0s 1m0s lost"}})
}

// A daily list gives a basis where the gateway has told none, nothing is under way, and nothing is
// in doubt; it never makes the sum smaller.
func TestSeedRule(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	cases := map[string]struct {
		given func(*fixture)
		sum   int64
		seeds bool
	}{
		"unknown":           {given: func(f *fixture) {}, sum: 300, seeds: true},
		"accepted":          {given: func(f *fixture) { f.accept(x) }, sum: 300, seeds: true},
		"less than known":   {given: func(f *fixture) { f.p.Sum = 301 }, sum: 300},
		"as much as known":  {given: func(f *fixture) { f.p.Sum = 300 }, sum: 300, seeds: true},
		"based":             {given: func(f *fixture) { f.base(Basis{Kind: BasisInquiry}) }, sum: 300},
		"based long ago":    {given: func(f *fixture) { f.p.Basis, f.at.Epoch = Basis{Kind: BasisInquiry}, 1 }, sum: 300, seeds: true},
		"under way":         {given: func(f *fixture) { f.rules.Inquiry = false; f.reach(x, Sending) }, sum: 300},
		"in doubt":          {given: func(f *fixture) { f.rules.Inquiry = false; f.reach(x, Unknown) }, sum: 500},
		"a claim":           {given: func(f *fixture) { f.claim(x) }, sum: 500},
		"refused, no doubt": {given: func(f *fixture) { f.rules.Inquiry = false; f.reach(x, Rejected) }, sum: 300, seeds: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := unbasedFixture(t)
			c.given(f)
			before := f.p.Sum
			if got := f.p.Seed(f.at, c.sum, 2); got != c.seeds || f.p.changed() != c.seeds {
				t.Fatalf("seeded %v, to be written %v", got, f.p.changed())
			}
			f.store()
			if c.seeds && (f.p.Sum != c.sum || f.p.Round != 2 || f.p.Basis != (Basis{BasisList, f.at.Now, f.at.Epoch})) || !c.seeds && f.p.Sum != before {
				t.Errorf("payment %+v", f.p)
			}
		})
	}
}

// claim brings x to what a person alone says is cancelled.
func (f *fixture) claim(x Entry) {
	f.Helper()
	f.rules.Inquiry = false
	f.reach(x, Review)
	f.resolve(x.Key, Cancelled)
}
