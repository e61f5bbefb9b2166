package metrics

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := New(Options{Redis: b.rdb}); err == nil {
		t.Error("New without Client answers no error")
	}
	if _, err := New(Options{Client: b.client}); err == nil {
		t.Error("New without Redis answers no error")
	}
	for range 2 { // no registry is shared
		if m, err := New(Options{Client: b.client, Redis: b.rdb}); err != nil || m.Handler() == nil {
			t.Errorf("New: %v", err)
		}
	}
}

// TestRedisAway: a scrape says that Redis is away, and nothing of what only Redis knows; then that
// it is back.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	var log secrettest.Log
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialerRetries: 1})
	defer rdb.Close()
	b := benchOn(t, rdb, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	b.put(sample("open"), ledger.Queued)
	whole := len(ours(b.scrape()))
	server.Kill()
	if b.one("settlecancel_redis_up") != 0 {
		t.Error("Redis counts as up")
	}
	for _, name := range []string{"settlecancel_open_cancellations", "settlecancel_cancellations", "settlecancel_state_complete", "settlecancel_sweeper_present"} {
		if got := b.values(name); len(got) != 0 {
			t.Errorf("%s is told without Redis: %v", name, got)
		}
	}
	if len(b.values("settlecancel_breaker_state", "merchant")) == 0 {
		t.Error("what needs no Redis is not told")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	clocktest.WaitFor(t, "Redis counts as up again", func() bool { return b.one("settlecancel_redis_up") == 1 }) // the client takes its time
	if got := len(ours(b.scrape())); b.one("settlecancel_open_cancellations") != 1 || got != whole {
		t.Errorf("after Redis is back: %d series, want %d", got, whole)
	}
	if told := log.String(); strings.Count(told, "cannot be read") != 1 || strings.Count(told, "read again") != 1 {
		t.Errorf("the outage is told of more than once, or less:\n%s", told)
	}
}

// TestRedisHangs: a Redis that takes connections and answers nothing holds no scrape up.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	rdb := redis.NewClient(&redis.Options{Addr: l.Addr().String(), ReadTimeout: time.Hour})
	client := tasks.NewClient(rdb, tasks.ClientOptions{})
	s := newSurvey(Options{Client: client, Redis: rdb, Logger: slog.New(slog.DiscardHandler)}, newLabels(nil))
	c := &collector{look: s.shared, wait: 10 * time.Millisecond}
	for range 3 {
		if st := c.state(); st.up {
			t.Error("a Redis that hangs counts as up")
		}
	}
	c.mu.Lock()
	under := c.under
	c.mu.Unlock()
	if under == nil {
		t.Error("nobody waits for Redis any more")
	}
	_ = rdb.Close()
}

// TestOneLook: scrapes that come together share a look, and those that come soon after its
// findings.
func TestOneLook(t *testing.T) {
	t.Parallel()
	var looks atomic.Int64
	begun, end := make(chan struct{}, 1), make(chan struct{})
	c := &collector{life: time.Hour, wait: time.Hour, look: func(context.Context) findings {
		begun <- struct{}{}
		<-end
		return findings{up: true, old: time.Duration(looks.Add(1))}
	}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if f := c.state(); f.old != 1 {
				t.Errorf("the %d. look is answered, want the first", f.old)
			}
		})
	}
	<-begun
	close(end)
	all.Wait()
	if f := c.state(); f.old != 1 || looks.Load() != 1 {
		t.Errorf("%d looks, want one", looks.Load())
	}
	c.mu.Lock()
	c.until = time.Time{}
	c.mu.Unlock()
	if f := c.state(); f.old != 2 {
		t.Errorf("an old look is answered: %d", f.old)
	}
}

// TestScrapesTogether: scrapes, and a worker that counts meanwhile, do not get into each other's
// way.
func TestScrapesTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(sample("open"), ledger.Queued)
	var all sync.WaitGroup
	for range scrapes {
		all.Go(func() {
			for range 5 {
				b.scrape()
				b.metrics.Breaker(shop, "open")
				b.metrics.Attempt(t.Context(), ledger.Record{MchtID: shop, Status: ledger.Sending}, "CA", ledger.Attempt{Class: "ok"})
			}
		})
	}
	all.Wait()
	want := float64(5 * scrapes)
	if got := b.values("settlecancel_attempts_total", "kind", "class", "merchant", "method")["request ok "+shop+" CA"]; got != want {
		t.Errorf("%v attempts, want %v", got, want)
	}
}
