package simulator

import (
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/clocktest"
)

func newClock() *clocktest.Clock {
	return clocktest.New(time.Date(2023, 12, 16, 9, 0, 0, 0, settlebank.KST))
}

func TestStale(t *testing.T) {
	t.Parallel()
	stale := Fault{Kind: KindStale, Delay: time.Second}
	shown := func(b *fixture, id string) string {
		return b.inquire(checkPath, inquiry(id, "1000", nil, nil)).Data["cnclAmt"]
	}
	t.Run("OK cancellation is seen later", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		b := registered(t, Options{Now: clock.Now}, 1000)
		b.script(Rule{Path: PathCancel, Times: 1, Fault: stale})
		if got := b.cancel("400").ResultCode; got != "0000" {
			t.Fatalf("result code %s, want 0000", got)
		}
		b.cancel("100")
		if got := shown(b, "Q1"); got != "100" {
			t.Errorf("at once: %s shown, want 100 of the second alone", got)
		}
		clock.Advance(time.Second)
		if got := shown(b, "Q2"); got != "500" {
			t.Errorf("a second later: %s shown, want 500", got)
		}
	})
	t.Run("OK inquiry sees what was", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		b := registered(t, Options{Now: clock.Now}, 1000)
		b.script(Rule{Path: PathInquiry, Times: 2, Fault: stale})
		b.cancel("400")
		if got := shown(b, "Q1"); got != "0" {
			t.Errorf("stale inquiry at once: %s shown, want 0", got)
		}
		clock.Advance(time.Second)
		if got := shown(b, "Q2"); got != "400" {
			t.Errorf("stale inquiry a second later: %s shown, want 400", got)
		}
	})
	t.Run("OK money is gone at once", func(t *testing.T) {
		t.Parallel()
		b := registered(t, Options{}, 1000)
		b.script(Rule{Path: PathCancel, Fault: stale})
		b.cancel("1000")
		if got := b.cancel("1000").ResultCode; got != "CA12" {
			t.Errorf("result code %s, want CA12: only inquiries are stale", got)
		}
	})
}
