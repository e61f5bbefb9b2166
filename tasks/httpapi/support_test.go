package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

const databases = 500 // more than tests run at a time

// shared is the Redis of this package's tests. Each has a database of its own in it; those that stop a Redis start their own.
var (
	shared *redistest.Server
	taken  atomic.Int64
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	dir, err := os.MkdirTemp("", "httpapi-test")
	if err == nil {
		shared, err = redistest.Run(dir, redistest.Options{Args: []string{"--databases", strconv.Itoa(databases)}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	shared.Kill()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// quiet keeps go-redis from telling of the outages that the tests make.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// The secrets of the tests, which nothing may show.
const (
	shopToken    = "shop-token-5a1be8c0"
	oldToken     = "shop-token-before-rotation"
	otherToken   = "warehouse-token-99e1"
	opsPassword  = "ops-password-771"
	accountOfOne = "31415926535897"
)

// desk is an API behind real HTTP, on a real Redis.
type desk struct {
	*testing.T
	api    *API
	url    string
	http   *http.Client
	redis  *redistest.Server
	rdb    *redis.Client
	client *tasks.Client
	clock  *clock
	logs   *logs
}

// logs is what was logged. Writers are the server's, readers the test.
type logs struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// closed are options under which everybody needs credentials.
func closed() Options {
	return Options{
		Tokens: []Token{{"shop", shopToken}, {"shop-old", oldToken}, {"warehouse", otherToken}},
		Ops:    &Credentials{"kim", opsPassword},
	}
}

func newDesk(t *testing.T, o Options) *desk {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: shared.Addr(), DB: int(taken.Add(1) % databases)})
	t.Cleanup(func() { _ = rdb.Close() })
	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return newDeskOn(t, shared, rdb, o)
}

func newDeskOn(t *testing.T, server *redistest.Server, rdb *redis.Client, o Options) *desk {
	t.Helper()
	d := &desk{T: t, redis: server, rdb: rdb, client: tasks.NewClient(rdb, tasks.ClientOptions{}),
		clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, logs: &logs{}}
	o.Client, o.Now = d.client, d.clock.Now
	o.Logger = slog.New(slog.NewJSONHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if d.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.api)
	t.Cleanup(func() {
		web.Close()
		for _, secret := range []string{shopToken, oldToken, otherToken, opsPassword, accountOfOne} {
			if strings.Contains(d.logs.String(), secret) {
				t.Errorf("the log shows the secret %q", secret)
			}
		}
	})
	d.url, d.http = web.URL, web.Client()
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return d
}

// tasksOf answers the ids of the tasks that wait in the default queue.
func (d *desk) tasksOf() []string {
	d.Helper()
	ids, err := d.rdb.LRange(context.Background(), "asynq:{default}:pending", 0, -1).Result()
	if err != nil {
		d.Fatal(err)
	}
	return ids
}

// reach accepts a cancellation and brings it to a status.
func (d *desk) reach(key string, s ledger.Status) {
	d.Helper()
	x, err := tasks.Parse([]byte(cancellation(key)), tasks.ParseOptions{})
	if err != nil {
		d.Fatal(err)
	}
	ctx, l := context.Background(), d.client.Ledger()
	receipt, err := d.client.Enqueue(ctx, x, tasks.EnqueueOptions{})
	if err != nil {
		d.Fatal(err)
	}
	if s == ledger.Queued {
		return
	}
	entry, err := x.Entry()
	if err != nil {
		d.Fatal(err)
	}
	g, err := l.Begin(ctx, entry)
	if err != nil || g.Step != ledger.StepSend {
		d.Fatalf("begin %s: %+v, %v", receipt.Record.Key, g, err)
	}
	if s == ledger.Sending {
		return
	}
	next := ledger.Next{Status: s, Code: "ST25", Message: "refused"}
	switch s {
	case ledger.Cancelled, ledger.AlreadyCancelled:
		next = ledger.Next{Status: s, Code: "0000", CanTrdNo: "CAN-" + key, Credit: x.CanAmt, Rounds: 1}
	case ledger.Unknown:
		next = ledger.Next{Status: s, After: time.Minute}
	}
	if err := l.Finish(ctx, g, ledger.Attempt{Class: "test", Code: next.Code, Duration: time.Millisecond}, next); err != nil {
		d.Fatal(err)
	}
}
