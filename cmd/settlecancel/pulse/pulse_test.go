package pulse

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

func answered(class gateway.Class, code string, took time.Duration) ledger.Attempt {
	return ledger.Attempt{Kind: ledger.Request, Class: string(class), Code: code, Message: strings.Repeat("키", 300), Duration: took}
}

// A pulse says whom a worker holds, after which answer, and how the gateway answered, for ten
// minutes.
func TestPublished(t *testing.T) {
	t.Parallel()
	rdb := shared.Client(t)
	now := time.Date(2026, 3, 2, 10, 0, 30, 0, time.UTC)
	p, err := New(Options{Redis: rdb, Worker: "a:1", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	shop := ledger.Record{MchtID: "shop"}
	p.Attempt(ctx, shop, "CA", answered(gateway.OK, "0000", 80*time.Millisecond))
	p.Attempt(ctx, shop, "CA", answered(gateway.Misconfigured, "ST10", 40*time.Millisecond))
	p.Attempt(ctx, shop, "CA", answered(gateway.Rejected, gateway.Local, 0)) // nothing was sent
	p.Breaker("shop", "open")
	began := now
	now = now.Add(time.Minute)
	p.Breaker("shop", "half-open")
	if err := p.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	all, err := Read(ctx, rdb)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	want := Pulse{Worker: "a:1", Held: []Held{{MchtID: "shop", Since: began, Code: "ST10", Message: strings.Repeat("키", 200)}},
		Gateway: Gateway{Calls: 2, Failed: 1, Latency: [buckets]int{1, 1}}}
	if diff := cmp.Diff(want, all[0], cmpopts.IgnoreFields(Pulse{}, "At")); diff != "" {
		t.Error(diff)
	}
	p.Breaker("shop", "closed")
	now = now.Add(8 * time.Minute)
	if got := p.pulse(now); len(got.Held) != 0 || got.Gateway.Calls != 2 {
		t.Errorf("once it is not held any more, nine minutes later: %+v", got)
	}
	now = now.Add(time.Minute)
	p.Attempt(ctx, shop, "CA", answered(gateway.OK, "0000", time.Minute))
	if got := p.pulse(now).Gateway; got.Calls != 1 || got.Latency[buckets-1] != 1 {
		t.Errorf("after ten minutes: %+v", got)
	}
}

// A worker that has gone says nothing any more, at once where it could, and is removed later.
func TestGone(t *testing.T) {
	t.Parallel()
	rdb := shared.Client(t)
	ctx, stop := context.WithCancel(t.Context())
	p, err := New(Options{Redis: rdb, Worker: "a:1"})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if all, err := Read(t.Context(), rdb); err != nil || len(all) != 0 {
		t.Errorf("after its end: %+v, %v", all, err)
	}
	at, err := rdb.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for name, said := range map[string]time.Time{"stale": at.Add(-fresh), "fresh": at, "buried": at.Add(-2 * buried)} {
		raw, _ := said.MarshalJSON()
		rdb.HSet(t.Context(), key, name, `{"worker":"`+name+`","at":`+string(raw)+`}`)
	}
	rdb.HSet(t.Context(), key, "torn", "{")
	all, err := Read(t.Context(), rdb)
	if err != nil || len(all) != 1 || all[0].Worker != "fresh" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := p.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := rdb.HKeys(t.Context(), key).Val(); len(left) != 3 {
		t.Errorf("left are %v", left)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		latency [buckets]int
		want    time.Duration
		known   bool
	}{
		{[buckets]int{}, 0, false},
		{[buckets]int{1}, 50 * time.Millisecond, true},
		{[buckets]int{94, 1, 5}, 100 * time.Millisecond, true},
		{[buckets]int{94, 0, 6}, 200 * time.Millisecond, true},
		{[buckets]int{buckets - 1: 6, 0: 94}, 0, false},
	} {
		if got, known := (Gateway{Latency: c.latency}).Within(); got != c.want || known != c.known {
			t.Errorf("%v: %s, %v, want %s, %v", c.latency, got, known, c.want, c.known)
		}
	}
	sum := Gateway{Calls: 1, Latency: [buckets]int{1}}.Add(Gateway{Calls: 2, Failed: 1, Latency: [buckets]int{0, 2}})
	if diff := cmp.Diff(Gateway{Calls: 3, Failed: 1, Latency: [buckets]int{1, 2}}, sum); diff != "" {
		t.Error(diff)
	}
}
