package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var kim = Decision{Who: "kim", Note: "the bank said so"}

func as(s Status) Decision { d := kim; d.As = s; return d }

func TestRetry(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	taken := stand{Status: Queued, Due: time.Minute, In: "open", Attempts: []string{"request 0s 1s test"}, Round: 1, Unended: 1}
	cases := map[Status]struct {
		err   error
		after stand // of those that are taken back
		step  Step  // that follows
	}{
		Rejected:         {after: taken, step: StepSend},
		Exhausted:        {after: taken, step: StepSend},
		Review:           {after: func() stand { s := taken; s.Status, s.Lease = Unknown, "refund-1 unknown"; return s }(), step: StepInquire},
		Queued:           {err: ErrNotDead},
		Sending:          {err: ErrNotDead},
		Unknown:          {err: ErrNotDead},
		Cancelled:        {err: ErrNotDead},
		AlreadyCancelled: {err: ErrNotDead},
	}
	for _, s := range Statuses() {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			c, e := cases[s], newEnv(t)
			e.reach(x, s)
			before := e.stand(x)
			e.clock.Advance(time.Minute)
			r, err := e.Retry(e.ctx, x.Key, kim)
			wantErr(t, err, c.err)
			stored, err := e.Get(e.ctx, x.Key)
			e.must(err)
			if d := cmp.Diff(stored, r, sameJSON); d != "" {
				t.Errorf("record (-stored +answered):\n%s", d)
			}
			if c.err != nil {
				e.wantStand(x, before)
				return
			}
			e.wantStand(x, c.after)
			if r.Code != "" || r.Message != "" || !r.EndedAt.IsZero() || !r.Open() {
				t.Errorf("the outcome it had still stands: %+v", r)
			}
			want := []Act{{At: start.Add(time.Minute), Who: "kim", What: "retry", Note: "the bank said so"}}
			if d := cmp.Diff(want, r.Acts); d != "" {
				t.Errorf("acts (-want +got):\n%s", d)
			}
			e.begin(x, c.step)
			_, err = e.Retry(e.ctx, x.Key, kim)
			wantErr(t, err, ErrNotDead)
		})
	}
	t.Run("a new budget", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.accept(x)
		e.finish(e.begin(x, StepSend), Next{Status: Queued, Spend: 29, Verification: Verification{Resent: 1}})
		e.finish(e.begin(x, StepSend), Next{Status: Exhausted})
		if r, err := e.Retry(e.ctx, x.Key, kim); err != nil || r.Spent != 0 || r.Verification != (Verification{}) {
			t.Errorf("spent %d, %+v, %v", r.Spent, r.Verification, err)
		}
	})
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.reach(x, Rejected)
		for i := range 25 {
			_, err := e.Retry(e.ctx, x.Key, Decision{Who: "kim", Note: fmt.Sprint(i)})
			e.must(err)
			e.finish(e.begin(x, StepSend), rejectedCode)
		}
		r, err := e.Get(e.ctx, x.Key)
		e.must(err)
		if len(r.Acts) != 20 || r.Acts[0].Note != "5" || r.Acts[19].Note != "24" {
			t.Errorf("%d acts: %+v", len(r.Acts), r.Acts)
		}
	})
	t.Run("ErrNotFound", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		_, err := e.Retry(e.ctx, "never", kim)
		wantErr(t, err, ErrNotFound)
		e.reach(x, Rejected)
		e.must(e.rdb.Del(e.ctx, locate(x.Key, x.MchtID, x.OrgTrdNo).txnKey()).Err())
		_, err = e.Retry(e.ctx, x.Key, kim)
		wantErr(t, err, ErrNotFound)
	})
}

// One in review holds nobody up; taken back, it is unknown, and holds the others of its transaction
// until it is settled, unless one of them has the transaction now.
func TestRetryReviewAmongSiblings(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	t.Run("held", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.reach(x, Review)
		e.accept(y)
		_, err := e.Retry(e.ctx, x.Key, kim)
		e.must(err)
		e.begin(y, StepHeld)
		e.finish(e.begin(x, StepInquire), cancelled(x))
		e.begin(y, StepSend)
	})
	t.Run("taken", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.reach(x, Review)
		e.accept(y)
		g := e.begin(y, StepSend)
		_, err := e.Retry(e.ctx, x.Key, kim)
		e.must(err)
		e.begin(x, StepHeld)
		e.finish(g, cancelled(y))
		if g := e.begin(x, StepInquire); g.Record.Sum != y.Amount || g.Doubt != 0 {
			t.Errorf("sum %d, doubt %d", g.Record.Sum, g.Doubt)
		}
	})
}

func TestResolve(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	ended := map[Status]error{Cancelled: ErrEnded, AlreadyCancelled: ErrEnded, Sending: ErrBusy}
	for _, s := range Statuses() {
		for _, decided := range []Status{Cancelled, Rejected} {
			t.Run(fmt.Sprintf("%s as %s", s, decided), func(t *testing.T) {
				t.Parallel()
				e := newEnv(t)
				e.reach(x, s)
				before := e.stand(x)
				r, err := e.Resolve(e.ctx, x.Key, as(decided))
				wantErr(t, err, ended[s])
				if ended[s] != nil {
					e.wantStand(x, before)
					return
				}
				want := stand{Status: decided, Attempts: before.Attempts, Round: 1, Expires: true, Index: true}
				if decided == Cancelled {
					want.Sum, want.Round = x.Amount, 2
				}
				e.wantStand(x, want)
				stored, err := e.Get(e.ctx, x.Key)
				e.must(err)
				if d := cmp.Diff(stored, r, sameJSON); d != "" {
					t.Errorf("record (-stored +answered):\n%s", d)
				}
				if !r.Ended() || !r.Closed || r.Dead() || r.Open() || r.EndedAt != start {
					t.Errorf("record %+v", r)
				}
				acts := []Act{{At: start, Who: "kim", What: "resolve " + string(decided), Note: "the bank said so"}}
				if d := cmp.Diff(acts, r.Acts); d != "" {
					t.Errorf("acts (-want +got):\n%s", d)
				}
				if r, err = e.Resolve(e.ctx, x.Key, as(Cancelled)); r.Status != decided {
					t.Errorf("resolved again it is %s", r.Status)
				}
				wantErr(t, err, ErrEnded)
				_, err = e.Retry(e.ctx, x.Key, kim)
				wantErr(t, err, ErrNotDead)
				e.wantStand(x, want)
				e.begin(x, StepEnded)
			})
		}
	}
}

// Nobody resolves what may be on the wire; what lost its lease is on no wire.
func TestResolveBusy(t *testing.T) {
	t.Parallel()
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
	t.Run("ErrBusy inquiry", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.reach(x, Unknown)
		e.clock.Advance(verifyAfter)
		e.begin(x, StepInquire)
		e.clock.Advance(lease - time.Second)
		before := e.stand(x)
		_, err := e.Resolve(e.ctx, x.Key, as(Rejected))
		wantErr(t, err, ErrBusy)
		if err == nil || !strings.Contains(err.Error(), "1s") {
			t.Errorf("error %v does not say how long", err)
		}
		e.wantStand(x, before)
	})
	t.Run("OK a sibling is busy", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.accept(x)
		e.accept(y)
		g := e.begin(y, StepSend)
		_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
		e.must(err)
		if s := e.stand(y); s.Lease != "refund-2 1m0s" || s.Status != Sending || s.Unended != 1 || s.Expires {
			t.Errorf("the sibling stands so: %+v", s)
		}
		e.finish(g, cancelled(y))
		if s := e.stand(x); s.Sum != 1000 || s.Round != 3 || !s.Expires {
			t.Errorf("both ended, it stands so: %+v", s)
		}
	})
	t.Run("OK the lease has ended", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.reach(x, Sending)
		e.accept(y)
		e.clock.Advance(lease)
		_, err := e.Resolve(e.ctx, x.Key, as(Rejected))
		e.must(err)
		if s := e.stand(x); s.Lease != "" || s.Attempts[0] != "request 0s 1m0s lost" || !s.Index || s.Unended != 1 {
			t.Errorf("it stands so: %+v", s)
		}
		e.begin(y, StepSend)
	})
	t.Run("OK unknown holds nobody up any more", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.reach(x, Unknown)
		e.accept(y)
		e.begin(y, StepHeld)
		_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
		e.must(err)
		if g := e.begin(y, StepSend); g.Record.Sum != x.Amount || g.Record.Round != 2 {
			t.Errorf("sum %d, round %d", g.Record.Sum, g.Record.Round)
		}
	})
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
	wantErr(t, err, ErrNotFound)
	e.reach(x, Review)
	before := e.stand(x)
	for _, s := range append(Statuses(), "", "done") {
		if s == Cancelled || s == Rejected {
			continue
		}
		if _, err := e.Resolve(e.ctx, x.Key, as(s)); err == nil || !strings.Contains(err.Error(), x.Key) {
			t.Errorf("as %q: %v", s, err)
		}
	}
	e.wantStand(x, before)
	e.must(e.rdb.Del(e.ctx, locate(x.Key, x.MchtID, x.OrgTrdNo).txnKey()).Err())
	_, err = e.Resolve(e.ctx, x.Key, as(Cancelled))
	wantErr(t, err, ErrNotFound)
}
