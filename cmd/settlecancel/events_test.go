package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

const secretHook = "hook-token-55201"

// relay puts what the outbox holds into the stream, as a worker does.
func (c *cli) relay() []events.Event {
	c.Helper()
	ctx := context.Background()
	rdb := c.redis.Client(c)
	client := tasks.NewClient(rdb, tasks.ClientOptions{})
	outbox, err := client.Ledger().Outbox(ctx, 100)
	if err != nil {
		c.Fatal(err)
	}
	var told []events.Event
	for _, entry := range outbox {
		e, err := events.New(entry)
		if err != nil {
			c.Fatal(err)
		}
		told = append(told, e)
	}
	slices.SortFunc(told, func(a, b events.Event) int { return a.Timestamp.Compare(b.Timestamp) })
	if err := events.Append(ctx, rdb, told, 10_000); err != nil {
		c.Fatal(err)
	}
	if err := client.Ledger().Ack(ctx, outbox); err != nil {
		c.Fatal(err)
	}
	return told
}

// applied is the answer that ends a cancellation.
func applied(canTrdNo string) attempt {
	return attempt{ledger.Attempt{Class: "ok", Code: "0021", HTTPStatus: 200}, ledger.Next{Status: ledger.Cancelled, CanTrdNo: canTrdNo}}
}

// dies three times: at 03:04:07, :09 and :11 UTC.
func (c *cli) threeEvents() []events.Event {
	c.attempts(cancellation("refund-1"), rejects("1002", terminaltest.Nasty))
	dollars := cancellation("dollars-22")
	dollars.CanAmt, dollars.OrgTrdAmt, dollars.Currency = 1_234_50, 9_999_99, "USD"
	c.attempts(dollars, attempt{ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Review}})
	c.attempts(cancellation("refund-3"), applied("CAN-1"))
	return c.relay()
}

// follow gives a command line that runs until it is told to end, and answers its lines as they
// come.
func (c *cli) follow(args ...string) (next func() string, end func() int) {
	c.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	a := c.app
	a.In, a.Out, a.Err = strings.NewReader(""), in, in
	code := make(chan int, 1)
	go func() { code <- a.run(ctx, args); _ = in.Close() }()
	lines := bufio.NewScanner(out)
	next = func() string {
		c.Helper()
		if !lines.Scan() {
			c.Fatalf("%q prints nothing more: %v", args, lines.Err())
		}
		return lines.Text()
	}
	return next, func() int {
		cancel()
		for lines.Scan() {
			c.Errorf("one line too many: %s", lines.Text())
		}
		return <-code
	}
}

func TestEventsTail(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.threeEvents()
	next, end := c.follow("events", "tail", "--from-start")
	var shown string
	for range 3 {
		shown += next() + "\n"
	}
	terminaltest.WantHarmless(t, shown)
	for i, words := range [][]string{
		{"2024-01-02T12:04:07+09:00", "rejected", "refund-1", "500 KRW", "ORDER-refund-1", "1002"},
		{"2024-01-02T12:04:09+09:00", "review", "dollars-22", "1,234.50 USD", "ORDER-dollars-22"},
		{"2024-01-02T12:04:11+09:00", "cancelled", "refund-3", "500 KRW", "ORDER-refund-3", "CAN-1"},
	} {
		for _, w := range words {
			if line := strings.Split(shown, "\n")[i]; !strings.Contains(line, w) {
				t.Errorf("line %d lacks %q: %s", i, w, line)
			}
		}
	}
	c.attempts(cancellation("refund-4"), applied("CAN-4")) // comes while it is watched
	c.relay()
	if line := next(); !strings.Contains(line, "refund-4") {
		t.Errorf("the next is %s", line)
	}
	if code := end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// Without --from-start it begins with what comes from then on, and loses nothing of that.
func TestEventsTailFromNow(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.threeEvents()
	clients := c.redis.Client(t)
	next, end := c.follow("events", "tail", "--json")
	until(t, func() bool {
		return strings.Contains(clients.ClientList(context.Background()).Val(), "cmd=xread ")
	})
	c.attempts(cancellation("refund-4"), applied("CAN-4"))
	want := c.relay()[0]
	if got := readJSON[events.Event](t, next()); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if code := end(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// until looks again and again at what another process does. Only a hang fails it.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("never")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestEventsReplayToStdout(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	const begin = "2024-01-02T03:04:00Z"
	c.run("events", "replay", "--since", begin).wantOut(t, "")
	c.run("events", "replay", "--since", begin, "--json").wantOut(t, "[]\n")
	want := c.threeEvents()
	if err := events.Append(context.Background(), c.redis.Client(t), want[:2], 10_000); err != nil { // told again
		t.Fatal(err)
	}
	for _, x := range []struct {
		args []string
		want []events.Event
	}{
		{[]string{"--since", begin}, want},
		{[]string{"--since", "2024-01-02T12:04:09+09:00"}, want[1:]},
		{[]string{"--since", begin, "--until", "2024-01-02T03:04:11Z"}, want[:2]},
		{[]string{"--since", "1h"}, nil},
		{[]string{"--since", begin, "--until", "1h"}, want},
	} {
		o := c.run(append([]string{"events", "replay"}, x.args...)...)
		var got []events.Event
		for line := range strings.Lines(o.out) {
			got = append(got, readJSON[events.Event](t, line))
		}
		if o.code != exitDone || !slices.Equal(got, x.want) {
			t.Errorf("%q: %d, %+v, want %+v", x.args, o.code, got, x.want)
		}
		o = c.run(append([]string{"events", "replay", "--json"}, x.args...)...)
		if got := readJSON[[]events.Event](t, o.out); o.code != exitDone || !slices.Equal(got, x.want) {
			t.Errorf("%q as JSON: %d, %+v", x.args, o.code, got)
		}
		terminaltest.WantHarmless(t, o.out)
	}
}

// A damaged entry is named; the others are shown, and the exit code tells.
func TestEventsDamaged(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	err := c.redis.Client(t).XAdd(context.Background(), &redis.XAddArgs{Stream: events.Stream, ID: "5-5", Values: []string{"event", "{"}}).Err()
	if err != nil {
		t.Fatal(err)
	}
	want := c.threeEvents()
	o := c.run("events", "replay", "--json", "--since", "1970-01-01T00:00:00Z")
	o.want(t, exitFailed, []string{"refund-1"}, []string{"5-5", events.Stream})
	if got := readJSON[[]events.Event](t, o.out); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestEventsReplayToWebhook(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	want := c.threeEvents()
	replay := []string{"events", "replay", "--since", "2024-01-02T03:04:08Z", "--to", "webhook"}
	c.run(replay...).want(t, exitUsage, nil, []string{"WEBHOOK_URL"})
	c.app.environ = append(c.app.environ, "WEBHOOK_URL=https://hooks.example/"+secretHook, "WEBHOOK_SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
	c.run(replay...).wantOut(t, "2 events queued again for the webhook\n")
	queued, err := asynq.NewInspectorFromRedisClient(c.redis.Client(t)).ListPendingTasks(events.QueueWebhooks)
	if err != nil || len(queued) != 2 {
		t.Fatalf("queued %+v, %v", queued, err)
	}
	for i, info := range queued {
		var e events.Event
		if err := json.Unmarshal(info.Payload, &e); err != nil {
			t.Fatal(err)
		}
		if e != want[i+1] || info.Type != events.TypeWebhook || !strings.HasPrefix(info.ID, fmt.Sprintf("%s@1~replay-", e.Data.IdempotencyKey)) ||
			info.MaxRetry < 40 || strings.Contains(string(info.Payload), secretHook) {
			t.Errorf("queued %s %s %s", info.ID, info.Type, info.Payload)
		}
	}
}

func TestEventsUsage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for _, x := range []struct{ args, say string }{
		{"replay", "--since"},
		{"replay --since yesterday", `"yesterday"`},
		{"replay --since -5m", `"-5m"`},
		{"replay --since 1h --until 2h", "--until must be after --since"},
		{"replay --since 1h --until x", "--until"},
		{"replay --since 1h --to file", "--to stdout"},
		{"replay --since 1h --to webhook --json", "--json"},
		{"tail extra", `"extra"`},
	} {
		c.run(append([]string{"events"}, strings.Fields(x.args)...)...).want(t, exitUsage, nil, []string{x.say})
	}
	c.run("events", "replay", "--since", "yesterday", "--to", "x", "--until", "y").
		want(t, exitUsage, nil, []string{`--since needs a time`, `it is "yesterday"`, `--until needs a time`, `it is "y"`, "--to stdout"})
	c.run("events").want(t, exitDone, []string{"tail", "replay"}, nil)
}
