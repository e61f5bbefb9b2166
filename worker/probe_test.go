package worker

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// While a held merchant's probe is under way, everybody else still waits: such a task is postponed,
// and not done.
func TestOneProbeAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{options: Options{HoldFor: time.Nanosecond}})
	x := b.pay(1000, 500)
	b.accept(x)
	for range tripAfter {
		if held := visit(b.worker.requests, b.mchtID, failing); held != nil {
			t.Fatal(held)
		}
	}
	told, err := b.worker.requests.allow(b.mchtID) // the pause is over at once
	if err != nil {
		t.Fatalf("no probe was made: %v", err)
	}
	var p *postponed
	if err := b.run(b.worker, x); !errors.As(err, &p) || !strings.HasPrefix(p.reason, "held: ") {
		t.Errorf("beside the probe: %v, want a postponement", err)
	}
	told(healthy)
	b.check(x, ledger.Queued, 0, 0, 0)
	b.drive(x)
	b.check(x, ledger.Cancelled, 1, 0, 1)
}

// What was refused before it was sent says nothing of the gateway: it neither heals a merchant nor
// ends a row of failures.
func TestHealthOf(t *testing.T) {
	t.Parallel()
	local := gateway.Outcome{Class: gateway.Rejected, Code: gateway.Local}
	for name, c := range map[string]struct {
		outcome gateway.Outcome
		want    health
	}{
		"cancelled":              {gateway.Outcome{Class: gateway.OK, Code: "0000"}, healthy},
		"refused":                {gateway.Outcome{Class: gateway.Rejected, Code: "ST56"}, healthy},
		"busy":                   {gateway.Outcome{Class: gateway.Transient, Code: "ST41"}, healthy},
		"misconfigured":          {gateway.Outcome{Class: gateway.Misconfigured, Code: "ST10"}, failing},
		"no answer":              {gateway.Outcome{Class: gateway.Unknown}, failing},
		"no connection":          {gateway.Outcome{Class: gateway.Transient}, failing},
		"refused before sending": {local, healthUntold},
	} {
		if got := healthOf(c.outcome); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	b := newBreakers("requests", time.Hour, slog.New(slog.DiscardHandler), unobserved{}.Breaker)
	for range tripAfter {
		for _, h := range []health{failing, healthOf(local)} {
			_ = visit(b, "m", h)
		}
	}
	if held := visit(b, "m", healthy); held == nil {
		t.Error("refusals of our own end a row of failures")
	}
}
