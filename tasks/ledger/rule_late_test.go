package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sendAndLose begins an attempt whose worker is not heard of until the test lets it.
func (f *fixture) sendAndLose(x Entry) Grant {
	f.Helper()
	f.accept(x)
	g := f.begin(x, StepSend)
	f.pass(lease)
	f.begin(x, StepWait)
	return g
}

// disprove lets two inquiries show that nothing was applied, so that x is queued again.
func (f *fixture) disprove(x Entry) {
	f.Helper()
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), notApplied)
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), sendAgain)
}

// What a stale attempt says changes nothing; what it saw is kept.
func TestStaleRequest(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, s := range Statuses() {
		if !finishable(s) {
			continue
		}
		t.Run("ErrStale "+string(s), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			stale := f.sendAndLose(x)
			f.disprove(x)
			g := f.begin(x, StepSend)
			want := standOf(f.p, x.Key)
			n := Next{Status: s, After: time.Second, Spend: 9, Credit: 500, Rounds: 1, CanTrdNo: "C-late", Code: "late"}
			wantErr(t, f.tryFinish(stale, Attempt{Class: "late"}, n), ErrStale)
			want.Attempts = slices.Insert(want.Attempts, len(want.Attempts)-1, "late 4m0s 0s late")
			f.pass(time.Second)
			f.wantStand(x.Key, want)

			f.finish(g, cancelled(x))
			want.Status, want.Due, want.Lease, want.Check, want.Sum, want.Round = Cancelled, 0, "", Verification{}, 500, 1
			want.Attempts[len(want.Attempts)-1] = "request 4m0s 1s test"
			f.wantStand(x.Key, want)
		})
	}
}

// An inquiry that lost its lease to another one changes nothing.
func TestStaleInquiry(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	f := newFixture(t)
	f.reach(x, Unknown)
	f.pass(verifyAfter)
	stale := f.begin(x, StepInquire)
	f.pass(lease)
	g := f.begin(x, StepInquire)
	before := standOf(f.p, x.Key)
	for _, n := range []Next{cancelled(x), rejectedCode, queuedAgain, {Status: Review}} {
		wantErr(t, f.tryFinish(stale, Attempt{Class: "stale"}, n), ErrStale)
	}
	f.wantStand(x.Key, before)
	f.finish(g, notApplied)
	if r := f.record(x.Key); r.Verification.Seen != 1 || r.ConfirmedCancelled != 0 {
		t.Errorf("verification %+v, sum %d", r.Verification, r.ConfirmedCancelled)
	}
}

// The answer to the latest request settles it, however late: its lease has ended, nobody has
// noticed, somebody has, or somebody inquires. The doubt that stood in for it goes.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	moments := map[string]func(*fixture) (g Grant, inquiry *Grant){
		"unnoticed": func(f *fixture) (Grant, *Grant) {
			f.accept(x)
			g := f.begin(x, StepSend)
			f.pass(time.Hour)
			return g, nil
		},
		"noticed": func(f *fixture) (Grant, *Grant) { return f.sendAndLose(x), nil },
		"during an inquiry": func(f *fixture) (Grant, *Grant) {
			g := f.sendAndLose(x)
			f.pass(verifyAfter)
			inquiry := f.begin(x, StepInquire)
			return g, &inquiry
		},
		"during the second inquiry": func(f *fixture) (Grant, *Grant) {
			g := f.sendAndLose(x)
			f.pass(verifyAfter)
			f.finish(f.begin(x, StepInquire), notApplied)
			f.pass(verifyAfter)
			inquiry := f.begin(x, StepInquire)
			return g, &inquiry
		},
	}
	for moment, given := range moments {
		for _, n := range []Next{cancelled(x), rejectedCode, queuedAgain, {Status: Review}, {Status: Exhausted}} {
			t.Run(moment+" "+string(n.Status), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				g, inquiry := given(f)
				if err := f.tryFinish(g, Attempt{Class: "late", Duration: time.Second}, n); err != nil {
					t.Fatal(err)
				}
				s := standOf(f.p, x.Key)
				if s.Status != n.Status || s.Sum != n.Credit || s.Lease != "" || s.Doubts != 0 || s.Spent != n.Spend && n.Status == Queued {
					t.Errorf("it stands so: %+v", s)
				}
				if inquiry == nil {
					return
				}
				if got := s.Attempts[len(s.Attempts)-2]; !strings.HasSuffix(got, Overtaken) {
					t.Errorf("the inquiry: %s", got)
				}
				wantErr(t, f.tryFinish(*inquiry, Attempt{}, Next{Status: Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "C-inquiry"}), ErrStale)
				if d := cmp.Diff(s, standOf(f.p, x.Key)); d != "" {
					t.Errorf("the overtaken inquiry changed something (-before +after):\n%s", d)
				}
			})
		}
	}
}

// Even where two inquiries have shown nothing, a late success keeps the request from being sent
// again.
func TestLateSuccessWhileQueued(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, n := range []Next{cancelled(x), {Status: AlreadyCancelled, Credit: 500, Rounds: 1}} {
		t.Run("OK "+string(n.Status), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			late := f.sendAndLose(x)
			f.disprove(x)
			f.finish(late, n)
			if s := standOf(f.p, x.Key); s.Status != n.Status || s.Sum != 500 || f.p.unended() {
				t.Errorf("it stands so: %+v", s)
			}
			f.begin(x, StepEnded)
		})
	}
	for _, n := range []Next{rejectedCode, outcomeLost, {Status: Review}, {Status: Exhausted}} {
		t.Run("ErrStale "+string(n.Status), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			late := f.sendAndLose(x)
			f.disprove(x)
			wantErr(t, f.tryFinish(late, Attempt{}, n), ErrStale)
			f.begin(x, StepSend)
		})
	}
	t.Run("OK while a sibling sends", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		late := f.sendAndLose(x)
		f.disprove(x)
		y := partial("refund-2", "pay-1")
		f.accept(y)
		g := f.begin(y, StepSend)
		f.finish(late, cancelled(x))
		if s := standOf(f.p, y.Key); s.Status != Sending || s.Lease != "refund-2 5m0s" || s.Sum != 500 {
			t.Errorf("the sibling stands so: %+v", s)
		}
		f.finish(g, cancelled(y))
		if s := standOf(f.p, x.Key); s.Sum != 1000 || s.Lease != "" || f.p.unended() {
			t.Errorf("both ended, it stands so: %+v", s)
		}
	})
}

// An inquiry cannot tell the number of a cancellation; a late answer that does completes the
// record, and adds no money.
func TestLateNumber(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	late := f.sendAndLose(x)
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), Next{Status: Cancelled, Credit: 500, Rounds: 1})
	for range 2 { // and repeated
		f.finish(late, Next{Status: Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "C-1"})
	}
	r := f.record(x.Key)
	if r.CanTrdNo != "C-1" || r.ConfirmedCancelled != 500 || r.Round != 2 || len(r.Attempts) != 3 || r.Attempts[2].Kind != Late {
		t.Errorf("record %+v", r)
	}
	wantErr(t, f.tryFinish(late, Attempt{}, Next{Status: Cancelled, Credit: 500, CanTrdNo: "C-2"}), ErrStale)
	if f.p.Sum != 500 {
		t.Errorf("another number moves the sum to %d", f.p.Sum)
	}
}

// A dead letter is told otherwise by evidence: a late answer that proves it applied ends it,
// credited once. What proves nothing is kept for the person.
func TestLateAnswerToDeadLetter(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, dead := range []Status{Rejected, Exhausted, Review} {
		for _, n := range []Next{cancelled(x), {Status: AlreadyCancelled, Credit: 500, Rounds: 1}} {
			t.Run("OK "+string(dead)+" "+string(n.Status), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				late := f.sendAndLose(x)
				f.pass(verifyAfter)
				f.finish(f.begin(x, StepInquire), Next{Status: dead})
				for range 2 { // and repeated
					f.finish(late, n)
				}
				f.wantStand(x.Key, stand{Status: n.Status, Sum: 500, Round: 1,
					Attempts: []string{"request 0s 1m0s lost", "inquiry 2m30s 1s test", "late 2m30s 1s test"}})
			})
		}
		for _, n := range []Next{rejectedCode, queuedAgain, outcomeLost} {
			t.Run("ErrStale "+string(dead)+" "+string(n.Status), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				late := f.sendAndLose(x)
				f.pass(verifyAfter)
				f.finish(f.begin(x, StepInquire), Next{Status: dead, Reason: ReasonOtherSum})
				want := standOf(f.p, x.Key)
				if n.Status == dead {
					f.finish(late, n) // that is what it is
				} else {
					wantErr(t, f.tryFinish(late, Attempt{Class: "late"}, n), ErrStale)
					want.Attempts = append(want.Attempts, "late 2m30s 0s late")
				}
				f.wantStand(x.Key, want)
			})
		}
	}
	for _, as := range []Status{Cancelled, RefundedElsewhere, Rejected} {
		t.Run("closed as "+string(as), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			late := f.sendAndLose(x)
			f.resolve(x.Key, as)
			want := standOf(f.p, x.Key)
			want.Attempts = append(want.Attempts, "late 1m0s 0s ok")
			if err := f.tryFinish(late, Attempt{Class: "ok"}, cancelled(x)); as != Cancelled {
				wantErr(t, err, ErrStale)
			} else if err != nil || f.record(x.Key).CanTrdNo == "" {
				t.Errorf("%v; the number completes what the person said", err)
			}
			f.wantStand(x.Key, want)
			wantErr(t, f.tryFinish(late, Attempt{Class: Unsent}, queuedAgain), ErrStale)
			f.wantStand(x.Key, want)
		})
	}
}

// A definite refusal of the only request that is in doubt settles one in review: only a person lets
// a dead letter be sent again. Where more is in doubt it proves nothing of that.
func TestLateRefusalOfReview(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	f := newFixture(t)
	late := f.sendAndLose(x)
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), Next{Status: Review, Reason: ReasonNotInquirable})
	f.finish(late, Next{Status: Queued, NewID: true, Spend: 1, Code: "MP95"})
	f.wantStand(x.Key, stand{Status: Rejected, Attempts: []string{"request 0s 1m0s lost", "inquiry 2m30s 1s test", "late 2m30s 1s test"}})
	if r := f.record(x.Key); !r.Dead() || r.Doubtful || r.Doubted {
		t.Errorf("record %+v", r)
	}

	f = newFixture(t)
	f.reach(x, Unknown)
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), sendAgain)
	late = f.begin(x, StepSend)
	f.pass(lease)
	f.begin(x, StepWait)
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), Next{Status: Review, Reason: ReasonLost})
	wantErr(t, f.tryFinish(late, Attempt{Class: "late"}, rejectedCode), ErrStale)
	if r := f.record(x.Key); r.Status != Review || !r.Doubtful {
		t.Errorf("with two in doubt: %+v", r)
	}
}

// A late "perhaps" says nothing that is not known, and does not put the verification off.
func TestLateUnknown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	late := f.sendAndLose(x)
	want := standOf(f.p, x.Key)
	f.pass(time.Second)
	f.finish(late, outcomeLost)
	f.wantStand(x.Key, want)
}

// A grant on which nothing was sent is given back at no cost, even late.
func TestUnsent(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	unsent := Attempt{Class: Unsent}
	for name, given := range map[string]func(*fixture) Grant{
		"at once":   func(f *fixture) Grant { f.accept(x); return f.begin(x, StepSend) },
		"unnoticed": func(f *fixture) Grant { f.accept(x); g := f.begin(x, StepSend); f.pass(lease); return g },
		"noticed":   func(f *fixture) Grant { return f.sendAndLose(x) },
	} {
		t.Run("OK "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			g := given(f)
			if err := f.tryFinish(g, unsent, Next{Status: Queued}); err != nil {
				t.Fatal(err)
			}
			s := standOf(f.p, x.Key)
			if s.Status != Queued || s.Doubts != 0 || s.Spent != 0 || s.Lease != "" || s.Due != time.Duration(f.at.Now-start.UnixMilli())*time.Millisecond {
				t.Errorf("it stands so: %+v", s)
			}
			f.begin(x, StepSend)
		})
	}
	t.Run("OK never granted", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		want := standOf(f.p, x.Key)
		if err := f.tryFinish(Grant{token: "another", Record: Record{Key: x.Key}}, unsent, Next{Status: Queued}); err != nil {
			t.Error(err)
		}
		f.wantStand(x.Key, want)
	})
	t.Run("ErrStale", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		g := f.sendAndLose(x)
		f.disprove(x)
		f.begin(x, StepSend)
		want := standOf(f.p, x.Key)
		if err := f.tryFinish(g, unsent, Next{Status: Queued}); !errors.Is(err, ErrStale) {
			t.Errorf("error %v", err)
		}
		f.wantStand(x.Key, want)
	})
}

// Whoever says an outcome twice, because the first reply got lost, is told the same and changes
// nothing.
func TestFinishTwice(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, n := range []Next{cancelled(x), {Status: AlreadyCancelled, Credit: 500, Rounds: 1}, rejectedCode, queuedAgain, outcomeLost,
		{Status: Review}, {Status: Exhausted}} {
		for _, step := range []Step{StepSend, StepInquire} {
			f := newFixture(t)
			f.accept(x)
			g := f.begin(x, StepSend)
			if step == StepInquire {
				f.finish(g, outcomeLost)
				f.pass(verifyAfter)
				g = f.begin(x, StepInquire)
			}
			f.finish(g, n)
			want := standOf(f.p, x.Key)
			f.pass(time.Second)
			f.finish(g, n)
			f.wantStand(x.Key, want)
		}
	}
}

// What came back in another epoch than the request went out in counts where it proves that the
// cancellation was applied: what was refused or lost may have been sent again, and be forgotten.
func TestFinishAfterEpoch(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, n := range []Next{cancelled(x), {Status: AlreadyCancelled, Credit: 500, Rounds: 1}, rejectedCode, queuedAgain, outcomeLost, {Status: Exhausted}} {
		f := newFixture(t)
		f.accept(x)
		g := f.begin(x, StepSend)
		f.at.Epoch, f.at.EpochAt = 1, f.at.Now
		err := f.tryFinish(g, Attempt{Class: "test"}, n)
		if n.proven() {
			wantErr(t, err, nil)
			if f.p.Sum != 500 || f.record(x.Key).Status != n.Status || f.p.Based(f.at) {
				t.Errorf("%s: it stands so: %+v", n.Status, standOf(f.p, x.Key))
			}
		} else {
			wantErr(t, err, ErrStale)
			if f.record(x.Key).Status != Sending || f.p.Sum != 0 {
				t.Errorf("%s: it stands so: %+v", n.Status, standOf(f.p, x.Key))
			}
		}
	}
	// An inquiry shows what was before, and is made anew.
	f := newFixture(t)
	f.reach(x, Unknown)
	f.pass(verifyAfter)
	g := f.begin(x, StepInquire)
	f.at.Epoch, f.at.EpochAt = 1, f.at.Now
	f.finish(g, cancelled(x))
	if r := f.record(x.Key); r.Status != Unknown || r.ConfirmedCancelled != 0 || f.p.Lease != nil {
		t.Errorf("it stands so: %+v", r)
	}
}
