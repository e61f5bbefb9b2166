package tasks_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
)

// counter counts round trips, but for those that open a connection.
type counter struct{ trips atomic.Int64 }

func (c *counter) count(first redis.Cmder) {
	if name := first.Name(); name != "hello" && name != "client" {
		c.trips.Add(1)
	}
}

func (c *counter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.count(cmd)
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.count(cmds[0])
		return next(ctx, cmds)
	}
}

func TestEnqueueRoundTrips(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept(partials(1), false) // teaches Redis the scripts
	d.accept(partials(1), true)
	for _, test := range []struct {
		name     string
		all      []tasks.Submission
		replayed bool
		most     int64
	}{
		{"one", []tasks.Submission{partial("one")}, false, 4},      // the clock, once in a process; accept; name the queue, queue
		{"one again", []tasks.Submission{partial("one")}, true, 6}, // and see what the queue has of it
		{"a few", partials(40)[1:], false, 3 * 39 / 2},
		{"a thousand", partials(1040)[40:], false, 3 * 1000 / 4}, // callers share pipelines
		{"a few again", partials(40)[1:], true, 4 * 39},          // those that are open are looked at
	} {
		var count counter
		rdb := d.server.Client(t)
		rdb.AddHook(&count)
		client := *d
		client.client = tasks.NewClient(rdb, tasks.ClientOptions{})
		client.accept(test.all, test.replayed)
		if got := count.trips.Load(); got > test.most {
			t.Errorf("%s: %d round trips, want at most %d", test.name, got, test.most)
		}
	}
}

// While Redis is away nothing is accepted; once it is back, the same call is.
func TestEnqueueManyOutage(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "--appendonly", "yes", "--appendfsync", "always")
	d.rdb = redis.NewClient(&redis.Options{Addr: d.server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = d.rdb.Close() })
	d.client, d.inspector = tasks.NewClient(d.rdb, tasks.ClientOptions{}), asynq.NewInspectorFromRedisClient(d.rdb)
	all := partials(300)
	d.accept(all[:100], false)
	d.server.Kill()
	for i, o := range d.client.EnqueueMany(t.Context(), all) {
		if o.Err == nil {
			t.Fatalf("%d: accepted without a Redis", i)
		}
	}
	if err := d.server.Restart(); err != nil {
		t.Fatal(err)
	}
	d.accept(all[:100], true)
	d.accept(all[100:], false)
	d.wantTasks(tasks.QueueDefault, all)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i, o := range d.client.EnqueueMany(ctx, partials(3)) {
		if !errors.Is(o.Err, context.Canceled) {
			t.Errorf("%d: %v, want that the context ended", i, o.Err)
		}
	}
}
