package ledger

import (
	"testing"
	"time"
)

// forget raises the epoch, as the store does where Redis was found to lack writes.
func (f *fixture) forget() {
	f.at.Epoch++
	f.at.EpochAt = f.at.Now
}

// told is what the inquiry for a basis lets follow: the sum, and the part is due at once.
func told(sum int64) Next { return Next{Status: Queued, Sum: &sum, Basis: BasisInquiry} }

// A request may be on the wire of which Redis has forgotten the intent: nothing moves before it
// must have ended, and shown its effect.
func TestNothingMovesRightAfterRedisForgot(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Status{"queued": Queued, "unknown": Unknown} {
		f := newFixture(t)
		x := partial("refund-1", "pay-1")
		f.reach(x, s)
		f.pass(verifyAfter)
		f.forget()
		if g := f.begin(x, StepWait); g.Wait != calmTime {
			t.Errorf("%s: it waits for %v", name, g.Wait)
		}
		f.pass(calmTime - time.Millisecond)
		f.begin(x, StepWait)
		f.pass(time.Millisecond)
		f.begin(x, StepInquire)
	}
}

// After Redis forgot, whole cancellations are based as well, and a basis that was given up counts
// no more.
func TestAllIsBasedAnewAfterRedisForgot(t *testing.T) {
	t.Parallel()
	given := partial("refund-1", "pay-1")
	blind := partial("refund-1", "pay-1")
	blind.Method = ""
	for name, c := range map[string]struct {
		x       Entry
		v       Verification
		barred  Barred
		forgets bool
		later   time.Duration // accepted so long after the epoch
		want    Step
	}{
		"a whole":                              {full("refund-1", "pay-1"), Verification{}, Barred{}, false, 0, StepSend},
		"a whole, forgotten":                   {full("refund-1", "pay-1"), Verification{}, Barred{}, true, 0, StepInquire},
		"a basis given up":                     {given, Verification{Based: true}, Barred{}, false, 0, StepSend},
		"a basis given up, forgotten":          {given, Verification{Based: true}, Barred{}, true, 0, StepInquire},
		"no inquiries now":                     {given, Verification{}, Barred{Inquiries: true}, false, 0, StepSend},
		"no inquiries now, forgotten":          {given, Verification{}, Barred{Inquiries: true}, true, 0, StepBarred},
		"not inquirable":                       {blind, Verification{}, Barred{}, false, 0, StepSend},
		"not inquirable, forgotten":            {blind, Verification{}, Barred{}, true, 0, StepInquire},
		"not inquirable, accepted after":       {blind, Verification{}, Barred{}, true, 1, StepInquire},
		"not inquirable, a day after":          {blind, Verification{}, Barred{}, true, keysComeAgain, StepSend},
		"a whole, forgotten, accepted after":   {full("refund-1", "pay-1"), Verification{}, Barred{}, true, 1, StepInquire},
		"a part, forgotten, accepted after it": {given, Verification{}, Barred{}, true, 1, StepInquire},
	} {
		f := unbasedFixture(t)
		if c.later > 0 {
			f.forget()
			f.pass(c.later)
		}
		f.accept(c.x)
		f.p.Find(c.x.Key).Verify = c.v
		f.pass(time.Second)
		if c.forgets && c.later == 0 {
			f.forget()
		}
		f.pass(calmTime)
		g := f.p.Begin(f.at, f.rules, Beginning{Entry: c.x, Token: "t", Barred: c.barred})
		if g.Step != c.want || g.Step == StepInquire && g.Purpose != ToBase {
			t.Errorf("%s: step %d for %d, want step %d", name, g.Step, g.Purpose, c.want)
		}
	}
}

// What was seen or answered before Redis forgot is no basis afterwards.
func TestEarlierEpochIsNoBasis(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	t.Run("an inquiry is made again", func(t *testing.T) {
		t.Parallel()
		f := unbasedFixture(t)
		f.accept(x)
		g := f.begin(x, StepInquire)
		f.forget()
		f.finish(g, told(0))
		if f.p.Based(f.at) || f.p.Lease != nil || f.record(x.Key).Status != Queued {
			t.Errorf("based %v, lease %v", f.p.Based(f.at), f.p.Lease)
		}
	})
	t.Run("an answer credits, and is no basis", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		g := f.begin(x, StepSend)
		f.forget()
		sum := int64(500)
		f.finish(g, Next{Status: Cancelled, Sum: &sum, Basis: BasisBalance, Rounds: 1, CanTrdNo: "C-1"})
		if r := f.record(x.Key); r.Status != Cancelled || r.ConfirmedCancelled != 500 || r.Basis != "" {
			t.Errorf("%s, %d by %q", r.Status, r.ConfirmedCancelled, r.Basis)
		}
	})
	t.Run("a refusal proves nothing", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		f.accept(x)
		g := f.begin(x, StepSend)
		f.forget()
		wantErr(t, f.tryFinish(g, Attempt{Class: "rejected"}, rejectedCode), ErrStale)
		f.pass(lease)
		f.begin(x, StepWait)
		if r := f.record(x.Key); r.Status != Unknown || !r.Doubted || !r.Blind {
			t.Errorf("%s, doubted %v, blind %v", r.Status, r.Doubted, r.Blind)
		}
	})
}

// An outcome that is said again, because the reply got lost, changes nothing a second time: neither
// the doubt of an earlier attempt, nor the round, nor what another attempt holds by now.
func TestOutcomeSaidAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.reach(x, Unknown) // the first request is in doubt
	f.pass(verifyAfter)
	f.finish(f.begin(x, StepInquire), sendAgain)
	g := f.begin(x, StepSend)
	refused := Next{Status: Unknown, Rounds: 1, Reason: ReasonRefused, Verification: Verification{Then: ThenReject}}
	f.finish(g, refused)
	second := f.begin(x, StepInquire)
	round := f.p.Round
	f.finish(g, refused)
	if f.p.Round != round || f.p.Find(x.Key).Doubts != 1 || f.p.Lease == nil || f.p.Lease.Token != second.token {
		t.Errorf("round %d, doubts %d, lease %+v", f.p.Round, f.p.Find(x.Key).Doubts, f.p.Lease)
	}
}

// A success names a number and no cancellation: where an equal one may have a number that was never
// told, it may be that one's.
func TestTwin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		next Next // of the first
		more int64
		want bool
	}{
		"its number is known":     {Next{Status: Cancelled, Credit: 500, CanTrdNo: "C-1"}, 500, false},
		"the sum alone proved it": {Next{Status: Cancelled, Credit: 500}, 500, true},
		"it is in doubt":          {Next{Status: Review, Doubt: true}, 500, true},
		"it was refused":          {Next{Status: Rejected}, 500, false},
		"of another amount":       {Next{Status: Cancelled, Credit: 500}, 400, false},
	} {
		f := newFixture(t)
		x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
		y.Amount = c.more
		f.accept(x, y)
		f.finish(f.begin(x, StepSend), c.next)
		if g := f.begin(y, StepSend); g.Twin != c.want {
			t.Errorf("%s: %v", name, g.Twin)
		}
	}
}
