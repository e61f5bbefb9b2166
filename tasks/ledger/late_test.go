package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var notApplied = Next{Status: Unknown, After: verifyAfter, Verification: Verification{NotApplied: 1, Reason: "unknown"}}

// sendAndLose begins an attempt whose worker is not heard of until the test lets it.
func (e *env) sendAndLose(x Entry) Grant {
	e.Helper()
	e.accept(x)
	g := e.begin(x, StepSend)
	e.clock.Advance(lease)
	e.begin(x, StepWait)
	return g
}

// disprove lets two inquiries show that nothing was applied, so that x is queued again.
func (e *env) disprove(x Entry) {
	e.Helper()
	e.clock.Advance(verifyAfter)
	e.finish(e.begin(x, StepInquire), notApplied)
	e.clock.Advance(verifyAfter)
	e.finish(e.begin(x, StepInquire), Next{Status: Queued, Verification: Verification{Resent: 1}})
}

// What a stale attempt says changes nothing; what it saw is kept.
func TestStaleRequest(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, s := range Statuses() {
		if s == Sending {
			continue
		}
		t.Run("ErrStale "+string(s), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			stale := e.sendAndLose(x)
			e.disprove(x)
			g := e.begin(x, StepSend)
			before := e.stand(x)
			n := Next{Status: s, After: time.Second, Spend: 9, Credit: 500, Rounds: 1, CanTrdNo: "C-late", Code: "late"}
			wantErr(t, e.Finish(e.ctx, stale, Attempt{Class: "late"}, n), ErrStale)
			before.Attempts = slices.Insert(before.Attempts, len(before.Attempts)-1, "late 4m0s 0s late")
			e.clock.Advance(time.Second)
			e.wantStand(x, before)

			e.finish(g, cancelled(x))
			before.Status, before.Due, before.In, before.Lease, before.Check = Cancelled, 0, "", "", Verification{}
			before.Sum, before.Round, before.Unended, before.Expires, before.Index = 500, 2, 0, true, true
			before.Attempts[len(before.Attempts)-1] = "request 4m0s 1s test"
			e.wantStand(x, before)
		})
	}
}

// An inquiry that lost its lease to another one changes nothing.
func TestStaleInquiry(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	e := newEnv(t)
	e.reach(x, Unknown)
	e.clock.Advance(verifyAfter)
	stale := e.begin(x, StepInquire)
	e.clock.Advance(lease)
	g := e.begin(x, StepInquire)
	before := e.stand(x)
	for _, n := range []Next{cancelled(x), rejectedCode, queuedAgain, {Status: Review}} {
		wantErr(t, e.Finish(e.ctx, stale, Attempt{Class: "stale"}, n), ErrStale)
	}
	e.wantStand(x, before)
	e.finish(g, notApplied)
	if r, err := e.Get(e.ctx, x.Key); err != nil || r.Verification.NotApplied != 1 || r.Sum != 0 {
		t.Errorf("verification %+v, sum %d, %v", r.Verification, r.Sum, err)
	}
}

// The answer to the latest request settles it, however late: its lease has ended, nobody has
// noticed, somebody has, or somebody inquires.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	moments := map[string]func(*env) (g Grant, inquiry *Grant){
		"unnoticed": func(e *env) (Grant, *Grant) {
			e.accept(x)
			g := e.begin(x, StepSend)
			e.clock.Advance(time.Hour)
			return g, nil
		},
		"noticed": func(e *env) (Grant, *Grant) { return e.sendAndLose(x), nil },
		"during an inquiry": func(e *env) (Grant, *Grant) {
			g := e.sendAndLose(x)
			e.clock.Advance(verifyAfter)
			inquiry := e.begin(x, StepInquire)
			return g, &inquiry
		},
		"during the second inquiry": func(e *env) (Grant, *Grant) {
			g := e.sendAndLose(x)
			e.clock.Advance(verifyAfter)
			e.finish(e.begin(x, StepInquire), notApplied)
			e.clock.Advance(verifyAfter)
			inquiry := e.begin(x, StepInquire)
			return g, &inquiry
		},
	}
	for moment, given := range moments {
		for _, n := range []Next{cancelled(x), rejectedCode, queuedAgain, {Status: Review}, {Status: Exhausted}} {
			t.Run(moment+" "+string(n.Status), func(t *testing.T) {
				t.Parallel()
				e := newEnv(t)
				g, inquiry := given(e)
				e.must(e.Finish(e.ctx, g, Attempt{Class: "late", Duration: time.Second}, n))
				s := e.stand(x)
				if s.Status != n.Status || s.Sum != n.Credit || s.Lease != "" || s.Spent != n.Spend && n.Status == Queued {
					t.Errorf("it stands so: %+v", s)
				}
				if inquiry == nil {
					return
				}
				if got := s.Attempts[len(s.Attempts)-2]; got[len(got)-len("overtaken"):] != "overtaken" {
					t.Errorf("the inquiry: %s", got)
				}
				wantErr(t, e.Finish(e.ctx, *inquiry, Attempt{}, Next{Status: Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "C-inquiry"}), ErrStale)
				if d := cmp.Diff(s, e.stand(x)); d != "" {
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
			e := newEnv(t)
			late := e.sendAndLose(x)
			e.disprove(x)
			e.finish(late, n)
			if s := e.stand(x); s.Status != n.Status || s.Sum != 500 || s.In != "" || s.Unended != 0 {
				t.Errorf("it stands so: %+v", s)
			}
			e.begin(x, StepEnded)
		})
	}
	for _, n := range []Next{rejectedCode, outcomeLost, {Status: Review}, {Status: Exhausted}} {
		t.Run("ErrStale "+string(n.Status), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			late := e.sendAndLose(x)
			e.disprove(x)
			wantErr(t, e.Finish(e.ctx, late, Attempt{}, n), ErrStale)
			e.begin(x, StepSend)
		})
	}
	t.Run("OK while a sibling sends", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		late := e.sendAndLose(x)
		e.disprove(x)
		y := partial("refund-2", "pay-1")
		e.accept(y)
		g := e.begin(y, StepSend)
		e.finish(late, cancelled(x))
		if s := e.stand(y); s.Status != Sending || s.Lease != "refund-2 5m0s" || s.Sum != 500 {
			t.Errorf("the sibling stands so: %+v", s)
		}
		e.finish(g, cancelled(y))
		if s := e.stand(x); s.Sum != 1000 || s.Unended != 0 || s.Lease != "" {
			t.Errorf("both ended, it stands so: %+v", s)
		}
	})
}

// An inquiry cannot tell the number of a cancellation; a late answer that does completes the
// record, and adds no money.
func TestLateNumber(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	late := e.sendAndLose(x)
	e.clock.Advance(verifyAfter)
	e.finish(e.begin(x, StepInquire), Next{Status: Cancelled, Credit: 500, Rounds: 1})
	for range 2 { // and repeated
		e.finish(late, Next{Status: Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "C-1"})
	}
	r, err := e.Get(e.ctx, x.Key)
	e.must(err)
	if r.CanTrdNo != "C-1" || r.Sum != 500 || r.Round != 2 || len(r.Attempts) != 3 || r.Attempts[2].Kind != Late {
		t.Errorf("record %+v", r)
	}
	wantErr(t, e.Finish(e.ctx, late, Attempt{}, Next{Status: Cancelled, Credit: 500, CanTrdNo: "C-2"}), ErrStale)
	if s := e.stand(x); s.Sum != 500 || !s.Expires || !s.Index {
		t.Errorf("after another number it stands so: %+v", s)
	}
}

// A dead letter leaves that state only by a person; what a late answer says is kept for that
// person.
func TestLateAnswerToDeadLetter(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	for _, dead := range []Status{Rejected, Exhausted, Review} {
		t.Run(string(dead), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			late := e.sendAndLose(x)
			e.clock.Advance(verifyAfter)
			e.finish(e.begin(x, StepInquire), Next{Status: dead})
			want := e.stand(x)
			wantErr(t, e.Finish(e.ctx, late, Attempt{Class: "ok", Code: "0000"}, cancelled(x)), ErrStale)
			want.Attempts = append(want.Attempts, "late 2m30s 0s ok 0000")
			e.wantStand(x, want)
		})
	}
	for _, as := range []Status{Cancelled, Rejected} {
		t.Run("closed as "+string(as), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			late := e.sendAndLose(x)
			_, err := e.Resolve(e.ctx, x.Key, Decision{As: as})
			e.must(err)
			want := e.stand(x)
			want.Attempts = append(want.Attempts, "late 1m0s 0s ok")
			if err := e.Finish(e.ctx, late, Attempt{Class: "ok"}, cancelled(x)); as == Rejected {
				wantErr(t, err, ErrStale)
			} else {
				e.must(err) // the number completes what the person said
			}
			e.wantStand(x, want)
			wantErr(t, e.Finish(e.ctx, late, Attempt{Class: Unsent}, rejectedCode), ErrStale)
			e.wantStand(x, want)
		})
	}
}

// A late "perhaps" says nothing that is not known, and does not put the verification off.
func TestLateUnknown(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	late := e.sendAndLose(x)
	want := e.stand(x)
	e.clock.Advance(time.Second)
	e.finish(late, outcomeLost)
	e.wantStand(x, want)
}

// A grant on which nothing was sent is given back at no cost, even late.
func TestUnsent(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	unsent := Attempt{Class: Unsent}
	for name, after := range map[string]time.Duration{"at once": 0, "late": lease} {
		t.Run("OK "+name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.accept(x)
			g := e.begin(x, StepSend)
			e.clock.Advance(after)
			e.must(e.Finish(e.ctx, g, unsent, Next{Status: Queued}))
			e.wantStand(x, stand{Status: Queued, Due: after, In: "open", Attempts: []string{"request 0s 0s unsent"}, Round: 1, Unended: 1})
			e.begin(x, StepSend)
		})
	}
	t.Run("OK never granted", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.accept(x)
		g := Grant{token: newToken(), place: locate(x.Key, x.MchtID, x.OrgTrdNo)}
		want := e.stand(x)
		e.must(e.Finish(e.ctx, g, unsent, Next{Status: Queued}))
		e.wantStand(x, want)
	})
	t.Run("ErrStale", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		g := e.sendAndLose(x)
		e.disprove(x)
		e.begin(x, StepSend)
		want := e.stand(x)
		if err := e.Finish(e.ctx, g, unsent, Next{Status: Queued}); !errors.Is(err, ErrStale) {
			t.Errorf("error %v", err)
		}
		e.wantStand(x, want)
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
			e := newEnv(t)
			e.accept(x)
			g := e.begin(x, StepSend)
			if step == StepInquire {
				e.finish(g, outcomeLost)
				e.clock.Advance(verifyAfter)
				g = e.begin(x, StepInquire)
			}
			e.finish(g, n)
			want := e.stand(x)
			e.clock.Advance(time.Second)
			e.finish(g, n)
			e.wantStand(x, want)
		}
	}
}
