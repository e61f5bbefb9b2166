package worker

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// All returns blame the merchant's keys: no dead letters, no budget spent, requests drop to probes;
// healed, it flows again. The other merchants never notice.
func TestMisconfiguredMerchantIsHeld(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := newBench(t, setup{key: "wrong", options: Options{HoldFor: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	var xs []tasks.Cancellation
	for range 30 {
		xs = append(xs, b.pay(1000, 500))
	}
	b.accept(xs...)
	for range 3 {
		for _, x := range xs {
			var p *postponed
			if err := b.run(b.worker, x); !errors.As(err, &p) || p.after < 30*time.Minute {
				t.Fatalf("%s: %v", x.IdempotencyKey, err)
			}
		}
	}
	sent := 0
	for _, x := range xs {
		cancels, _ := b.requests(x)
		sent += cancels
		if r := b.record(x); r.Status != ledger.Queued || r.Spent != 0 {
			t.Errorf("%s is %s and has spent %d", x.IdempotencyKey, r.Status, r.Spent)
		}
	}
	if sent != tripAfter {
		t.Errorf("%d requests were sent before the merchant was held, want %d", sent, tripAfter)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "mcht_id=nxca_jt_bi") {
		t.Errorf("the log is not loud: %s", log.String())
	}
	other := b.pay(1000, 500)
	other.MchtID, other.OrgTrdNo, other.OrgMchtTrdNo = "nxca_jt_il", other.OrgTrdNo+"_il", other.OrgMchtTrdNo+"_il"
	if err := b.sim.Register(simulator.Original{MchtID: other.MchtID, OrgTrdNo: other.OrgTrdNo, OrgMchtTrdNo: other.OrgMchtTrdNo,
		OrgTrdDt: other.OrgTrdDt, Amount: 1000}); err != nil {
		t.Fatal(err)
	}
	b.accept(other)
	b.drive(other)
	b.check(other, ledger.Cancelled, 1, 0, 1)

	b.worker = b.newWorker(setup{}) // restarted with the right key
	b.clock.Advance(2 * time.Hour)
	for _, x := range xs {
		b.drive(x)
		if n, _ := b.effects(x); b.record(x).Status != ledger.Cancelled || n != 1 {
			t.Errorf("%s is %s, applied %d times", x.IdempotencyKey, b.record(x).Status, n)
		}
	}
}

// visit makes one call to a merchant's account, and returns why it was held.
func visit(b *breakers, mchtID string, h health) error {
	told, err := b.allow(mchtID)
	if err == nil {
		told(h)
	}
	return err
}

func TestBreakerProbes(t *testing.T) {
	t.Parallel()
	now := newBreakers("requests", time.Nanosecond, slog.New(slog.NewTextHandler(io.Discard, nil)), unobserved{}.Breaker)
	for range tripAfter {
		if held := visit(now, "m", failing); held != nil {
			t.Fatal(held)
		}
	}
	for range 5 { // the pause is over at once: each visit is a probe, and says nothing
		if held := visit(now, "m", healthUntold); held != nil {
			t.Fatalf("a probe that learned nothing must not block the next one: %v", held)
		}
	}
	if held := visit(now, "m", healthy); held != nil || now.of("m").State().String() != "closed" {
		t.Errorf("healed: %v, %s", held, now.of("m").State())
	}
	hour := newBreakers("requests", time.Hour, slog.New(slog.NewTextHandler(io.Discard, nil)), unobserved{}.Breaker)
	for range tripAfter {
		_ = visit(hour, "m", failing)
	}
	if held := visit(hour, "m", healthy); held == nil {
		t.Error("a held merchant's request went through")
	}
	if held := visit(hour, "other", healthy); held != nil {
		t.Error("another merchant is held too")
	}
}

// What is shown of a held merchant is true without any traffic too: once the pause is over, the
// next request is a probe.
func TestBreakerIdle(t *testing.T) {
	t.Parallel()
	told := make(chan string, 10)
	b := newBreakers("requests", time.Millisecond, slog.New(slog.DiscardHandler), func(_, state string) { told <- state })
	for _, failures := range []int{tripAfter, 1} {
		for range failures {
			if held := visit(b, "m", failing); held != nil {
				t.Fatal(held)
			}
		}
		for _, want := range []string{"open", "half-open"} {
			if got := <-told; got != want {
				t.Fatalf("told %s, want %s", got, want)
			}
		}
	}
}
