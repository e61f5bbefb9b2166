package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
	"settlecancel/tasks/tasktest"
)

var shared redistest.Shared // for tests that do not stop it

func TestMain(m *testing.M) { shared.Run(m) }

// The secrets of the tests, which nothing may show.
const (
	shopToken    = "shop-token-5a1be8c0"
	oldToken     = "shop-token-before-rotation"
	otherToken   = "warehouse-token-99e1"
	opsPassword  = "ops-password-771"
	accountOfOne = "31415926535897"
)

var secrets = []string{shopToken, oldToken, otherToken, opsPassword, accountOfOne}

// desk is an API behind real HTTP, on a real Redis.
type desk struct {
	*testing.T
	api    *API
	url    string
	http   *http.Client
	rdb    *redis.Client
	client *tasks.Client
	clock  *clocktest.Clock
	logs   *secrettest.Log
}

// closed are options under which everybody needs credentials.
func closed() Options {
	return Options{
		Tokens: []Token{{"shop", settlebank.NewSecret(shopToken)}, {"shop-old", settlebank.NewSecret(oldToken)}, {"warehouse", settlebank.NewSecret(otherToken)}},
		Ops:    []Credentials{{User: "kim", Password: settlebank.NewSecret(opsPassword)}},
	}
}

func newDesk(t *testing.T, o Options) *desk {
	t.Helper()
	return newDeskOn(t, shared.Client(t), o)
}

func newDeskOn(t *testing.T, rdb *redis.Client, o Options) *desk {
	t.Helper()
	d := &desk{T: t, rdb: rdb, client: tasks.NewClient(rdb, tasks.ClientOptions{}),
		clock: clocktest.New(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)), logs: &secrettest.Log{}}
	o.Client, o.Now = d.client, d.clock.Now
	o.Logger = slog.New(slog.NewJSONHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if d.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.api)
	t.Cleanup(func() {
		web.Close()
		secrettest.Hidden(t, "the log", d.logs.String(), secrets...)
	})
	d.url, d.http = web.URL, web.Client()
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return d
}

// tasksOf returns the ids of the tasks that wait in the default queue.
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
	if _, err := d.client.Enqueue(d.Context(), x, tasks.EnqueueOptions{}); err != nil {
		d.Fatal(err)
	}
	next := ledger.Next{Status: s, Code: "ST25", Message: "refused"}
	switch s {
	case ledger.Queued:
		return
	case ledger.Cancelled, ledger.AlreadyCancelled:
		next = ledger.Next{Status: s, Code: "0000", CanTrdNo: "CAN-" + key, Credit: x.CanAmt, Rounds: 1}
	case ledger.RefundedElsewhere:
		if _, err := d.client.Ledger().Resolve(d.Context(), key, ledger.Decision{Who: "kim", Note: "paid in cash", As: s}); err != nil {
			d.Fatal(err)
		}
		return
	case ledger.Unknown:
		next = ledger.Next{Status: s, After: time.Minute}
	}
	tasktest.Attempt(d, d.client.Ledger(), x, ledger.Attempt{Class: "test", Code: next.Code, Duration: time.Millisecond}, next)
}
