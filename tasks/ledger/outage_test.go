package ledger

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// What was confirmed is there after Redis was killed, and goes on where it was.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	// With everysec Redis confirms a write while the one before it is being synced, and loses it
	// when it is killed then.
	server := ownServer(t, "--appendonly", "yes", "--appendfsync", "always")
	for name, noAuto := range pipelines {
		for _, s := range stepsOfAll() {
			t.Run(name+", "+s.name, func(t *testing.T) {
				e := envOn(t, clientOn(t, server, redis.Options{MaxRetries: -1, DialerRetries: 1}), Options{NoAutoPipeline: noAuto})
				s.given(e)
				server.Kill()
				if _, err := s.do(e); err == nil {
					t.Error("confirmed without Redis")
				}
				e.must(server.Restart())
				s.run(e)
				want := e.stand(stepEntry)
				e.must(server.Restart())
				e.wantStand(stepEntry, want)
				if got := e.epochs(); got.Raised != 0 {
					t.Errorf("nothing was forgotten, and it was noticed: %+v", got)
				}
			})
		}
	}
}

// Without Redis, and without time, every call says so.
func TestErrors(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers here
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	for name, noAuto := range pipelines {
		rdb := redis.NewClient(&redis.Options{Addr: l.Addr().String(), MaxRetries: -1, DialerRetries: 1})
		t.Cleanup(func() { _ = rdb.Close() })
		e := envOn(t, rdb, Options{NoAutoPipeline: noAuto})
		x := stepEntry
		g := Grant{place: placeOfEntry(x)}
		for where, ctx := range map[string]context.Context{"no server": t.Context(), "cancelled": ended} {
			for what, do := range map[string]func() error{
				"accept":      func() error { _, _, err := e.Accept(ctx, x); return err },
				"begin":       func() error { _, err := e.Begin(ctx, x); return err },
				"renew":       func() error { return e.Renew(ctx, &g) },
				"finish":      func() error { _, err := e.Finish(ctx, g, Attempt{}, cancelled(x)); return err },
				"get":         func() error { _, err := e.Get(ctx, x.Key); return err },
				"retry":       func() error { _, err := e.Retry(ctx, x.Key, Decision{}); return err },
				"resolve":     func() error { _, err := e.Resolve(ctx, x.Key, as(Cancelled)); return err },
				"prove":       func() error { _, err := e.Prove(ctx, x.Key, Evidence{}); return err },
				"seed":        func() error { _, err := e.Seed(ctx, "m", "o", 0, 0); return err },
				"list":        func() error { _, _, err := e.List(ctx, Open, Listing{}); return err },
				"counts":      func() error { _, _, err := e.Counts(ctx); return err },
				"transaction": func() error { _, err := e.Transaction(ctx, "m", "o"); return err },
				"search":      func() error { _, _, err := e.Search(ctx, Query{}); return err },
				"an order":    func() error { _, _, err := e.Search(ctx, Query{OrgMchtTrdNo: "o"}); return err },
				"a payment":   func() error { _, _, err := e.Search(ctx, Query{OrgTrdNo: "o", MchtID: "m"}); return err },
				"counters":    func() error { _, err := e.Counters(ctx, start, start); return err },
				"epochs":      func() error { _, err := e.Epochs(ctx); return err },
				"recover":     func() error { return e.Recover(ctx, kim) },
				"outbox":      func() error { _, err := e.Outbox(ctx, 1); return err },
				"ack":         func() error { return e.Ack(ctx, []Event{{entry: "1-1"}}) },
				"set aside":   func() error { _, err := e.SetAside(ctx, []Event{{entry: "1-1"}}); return err },
				"backlog":     func() error { _, err := e.Backlog(ctx); return err },
				"all": func() (err error) {
					for _, err = range e.All(ctx, Open, Listing{}) {
					}
					return err
				},
				"day": func() (err error) {
					for _, err = range e.Day(ctx, "20231215") {
					}
					return err
				},
			} {
				if err := do(); err == nil {
					t.Errorf("%s, %s, %s: no error", name, where, what)
				}
			}
		}
	}
}

// A caller whose time is up is let go, though Redis does not answer; what it asked for may be
// carried out later, and the next one sees it.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for name, noAuto := range pipelines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := ownServer(t)
			e := envOn(t, clientOn(t, server, redis.Options{ContextTimeoutEnabled: true}), Options{NoAutoPipeline: noAuto})
			e.accept(partial("refund-0", "pay-1")) // the script is known
			admin := server.Client(t)
			e.must(admin.Do(e.ctx, "CLIENT", "PAUSE", 60_000, "WRITE").Err())
			ctx, cancel := context.WithTimeout(e.ctx, 50*time.Millisecond)
			defer cancel()
			if _, _, err := e.Accept(ctx, stepEntry); err == nil {
				t.Fatal("confirmed without a reply")
			}
			e.must(admin.Do(e.ctx, "CLIENT", "UNPAUSE").Err())
			_, _, err := e.Accept(e.ctx, stepEntry)
			e.must(err)
			e.wantStand(stepEntry, stored{stand: stand{Status: Queued}, In: "open"})
		})
	}
}
