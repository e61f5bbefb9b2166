package doctor_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/doctor"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/worker"
)

// idleGateway is never asked: nothing is enqueued.
type idleGateway struct{ worker.Gateway }

// startWorker runs a real worker that sweeps so often.
func startWorker(t *testing.T, server *redistest.Server, sweepEvery time.Duration, webhook *worker.Webhook) {
	t.Helper()
	w, err := worker.New(worker.Options{Redis: server.Client(t), Client: tasks.NewClient(server.Client(t), tasks.ClientOptions{}),
		Gateway: idleGateway{}, SweepEvery: sweepEvery, Webhook: webhook, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Shutdown)
}

// examine returns what is found of the workers.
func examine(rdb redis.UniversalClient, now func() time.Time, settings doctor.Settings) []doctor.Finding {
	found := doctor.Run(context.Background(), doctor.Options{Redis: rdb, Client: tasks.NewClient(rdb, tasks.ClientOptions{}),
		Timeout: time.Minute, GatewayTimeout: time.Minute, Now: now, Settings: settings})
	return slices.DeleteFunc(found, func(f doctor.Finding) bool { return f.Check != "workers" })
}

// poll asks again and again until asynq has told of its servers, which it does every few seconds.
func poll(t *testing.T, ok func() bool) {
	t.Helper()
	clocktest.WaitFor(t, "asynq has told of it", ok)
}

// until examines until a finding of workers has this level and text.
func until(t *testing.T, server *redistest.Server, now func() time.Time, level doctor.Level, text string) (found doctor.Finding) {
	t.Helper()
	rdb := server.Client(t)
	var all []doctor.Finding
	defer func() {
		if t.Failed() {
			t.Logf("no %s of workers says %q: %+v", level, text, all)
		}
	}()
	poll(t, func() bool {
		all = examine(rdb, now, doctor.Settings{})
		i := slices.IndexFunc(all, func(f doctor.Finding) bool { return f.Level == level && strings.Contains(f.Text, text) })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// The doctor finds a real worker, and the key under which it sweeps.
func TestWorkers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	if f := until(t, server, nil, doctor.Note, "no worker is at work"); f.Mend == "" {
		t.Error("nothing mends it")
	}
	startWorker(t, server, 10*time.Millisecond, nil)
	until(t, server, nil, doctor.OK, "1 worker at work")
	until(t, server, nil, doctor.OK, "the sweeper is at work")
	for _, f := range examine(server.Client(t), nil, doctor.Settings{}) {
		if f.Level != doctor.OK {
			t.Errorf("%+v", f)
		}
	}
	if found := doctor.Dangers(examine(server.Client(t), nil, doctor.Settings{Webhook: true})); len(found) != 1 || found[0].Text != "no worker delivers webhooks" {
		t.Errorf("a worker without WEBHOOK_URL: %+v", found)
	}
}

// A worker that delivers webhooks carries out no more cancellations for it.
func TestWebhookWorker(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	webhook, err := worker.NewWebhook("http://127.0.0.1:1/", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	startWorker(t, server, 10*time.Millisecond, webhook)
	rdb := server.Client(t)
	poll(t, func() bool { return len(doctor.Dangers(examine(rdb, nil, doctor.Settings{Webhook: true}))) == 0 })
	until(t, server, nil, doctor.OK, "64 cancellations at a time")
}

// A worker that never sweeps is given half a minute.
func TestNoSweeper(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	started := time.Now()
	startWorker(t, server, time.Hour, nil)
	until(t, server, func() time.Time { return started }, doctor.OK, "has its first turn within 30s")
	later := func() time.Time { return time.Now().Add(time.Minute) }
	if f := until(t, server, later, doctor.Danger, "no worker sweeps"); !strings.Contains(f.Mend, "sweep failed") {
		t.Errorf("%+v", f)
	}
}

// An asynq server that serves other queues, or not all of ours, is no worker of ours.
func TestUnservedQueue(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	s := asynq.NewServerFromRedisClient(server.Client(t), asynq.Config{Queues: map[string]int{"urgent": 1}, LogLevel: asynq.FatalLevel})
	if err := s.Start(asynq.NotFoundHandler()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	until(t, server, nil, doctor.Danger, "no worker takes tasks from queue default")
	until(t, server, nil, doctor.Danger, "no worker takes tasks from queue bulk")
}
