package worker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
	"settlecancel/tasks/events"
)

// An event waits for the one before it as long as that may still be delivered, and no longer.
func TestWebhookWaitsForTheOneBefore(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{redis: ownRedis(t), options: Options{Webhook: receiver(t, func(http.ResponseWriter, *http.Request) {})}})
	x := b.twice()
	if n := b.relay(b.worker); n != 2 || len(b.webhooks(x)) != 2 {
		t.Fatalf("%d told, %d webhooks", n, len(b.webhooks(x)))
	}
	told := b.told(x)
	var p *postponed
	if err := hand(b.worker, told[1]); !errors.As(err, &p) || p.after <= 0 {
		t.Errorf("the second went before the first: %v", err)
	}
	if err := hand(b.worker, told[0]); err != nil {
		t.Errorf("the first: %v", err)
	}
	id := told[0].WebhookTaskID("")
	if err := b.worker.inspector.ArchiveTask(events.QueueWebhooks, id); err != nil {
		t.Fatal(err)
	}
	if err := hand(b.worker, told[1]); err != nil {
		t.Errorf("the second, with the first given up: %v", err)
	}
	if err := b.worker.inspector.RunTask(events.QueueWebhooks, id); err != nil {
		t.Fatal(err)
	}
	if err := hand(b.worker, told[1]); !errors.As(err, &p) {
		t.Errorf("the second, with the first run again by hand: %v", err)
	}
	if err := b.worker.inspector.DeleteTask(events.QueueWebhooks, id); err != nil {
		t.Fatal(err)
	}
	if err := hand(b.worker, told[1]); err != nil {
		t.Errorf("the second, with the first gone: %v", err)
	}
	if told[1].Seq = 7; hand(b.worker, told[1]) != nil { // webhooks began after its first events
		t.Error("an event without one before it waits")
	}
}

// inbox is a receiver that is down at times.
type inbox struct {
	mu    sync.Mutex
	fail  map[string]int // how often to refuse what of, by cancellation
	gone  map[string]bool
	tries map[string]int
	got   map[string][]events.Event
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var e events.Event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	key := e.Data.IdempotencyKey
	i.tries[key]++
	switch {
	case i.gone[key] && e.Seq == 1:
		w.WriteHeader(http.StatusGone)
	case i.fail[key] > 0:
		i.fail[key]--
		w.WriteHeader(http.StatusInternalServerError)
	default:
		i.got[key] = append(i.got[key], e)
	}
}

func (i *inbox) have(x tasks.Cancellation) []events.Event {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.got[x.IdempotencyKey]
}

// With real queues: whatever the receiver does, the events of a cancellation arrive in order, and
// each once.
func TestWebhooksEndToEnd(t *testing.T) {
	t.Parallel()
	in := &inbox{fail: map[string]int{}, gone: map[string]bool{}, tries: map[string]int{}, got: map[string][]events.Event{}}
	s := realTime(setup{redis: ownRedis(t)})
	s.options.Webhook = receiver(t, in.ServeHTTP)
	b := newBench(t, s)
	down, gone := b.twice(), b.twice()
	in.fail[down.IdempotencyKey], in.gone[gone.IdempotencyKey] = 1, true
	b.started(b.worker)
	b.started(b.newWorker(s))
	b.until("all events have arrived", func() bool { return len(in.have(down)) == 2 && len(in.have(gone)) == 1 })
	if got := story(in.have(down)); got != "1 rejected, 2 cancelled" {
		t.Errorf("received %s", got)
	}
	if got := story(in.have(gone)); got != "2 cancelled" {
		t.Errorf("of one that a receiver gave up: %s", got)
	}
	b.until("the one given up is archived, the others done", func() bool {
		found := append(b.webhooks(down), b.webhooks(gone)...)
		return len(found) == 4 && found[0].State == asynq.TaskStateCompleted && found[1].State == asynq.TaskStateCompleted &&
			found[2].State == asynq.TaskStateArchived && found[3].State == asynq.TaskStateCompleted
	})
	if info := b.webhooks(gone)[0]; !strings.Contains(info.LastErr, "410") || strings.Contains(info.LastErr, hookToken) {
		t.Errorf("the archive shows %q", info.LastErr)
	}

	// Told again on purpose, they arrive once more, in order, under the ids they had.
	in.mu.Lock()
	in.fail[down.IdempotencyKey] = 1
	in.mu.Unlock()
	for range 2 { // the second changes nothing
		if n, err := events.EnqueueWebhooks(context.Background(), b.rdb, b.told(down), "replay-1"); n != 2 || err != nil {
			t.Fatal(n, err)
		}
	}
	b.until("the replayed events have arrived", func() bool { return len(in.have(down)) == 4 })
	got := in.have(down)
	if story(got) != "1 rejected, 2 cancelled, 1 rejected, 2 cancelled" || got[0].ID != got[2].ID || got[1].ID != got[3].ID {
		t.Errorf("received %+v", got)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := in.tries[down.IdempotencyKey]; n != 6 {
		t.Errorf("%d requests, want 6: four that arrived and two that were refused", n)
	}
}

// spend makes a webhook's task look as if it had been tried so often: of a field that a protobuf
// message holds twice, the last counts.
func (b *bench) spend(id string, tries byte) {
	b.t.Helper()
	key := "asynq:{webhooks}:t:" + id
	msg, err := b.rdb.HGet(context.Background(), key, "msg").Bytes()
	if err == nil {
		err = b.rdb.HSet(context.Background(), key, "msg", append(msg, 6<<3, tries)).Err()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// A receiver that refuses for more than a day is given up. What was given up and is run again by
// hand gets one try, in its order: to wait for its turn costs it nothing.
func TestWebhookGivenUpAndRunAgain(t *testing.T) {
	t.Parallel()
	var well atomic.Bool
	first, hold := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	in := &inbox{fail: map[string]int{}, gone: map[string]bool{}, tries: map[string]int{}, got: map[string][]events.Event{}}
	s := realTime(setup{redis: ownRedis(t)})
	s.options.Webhook = receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		select {
		case first <- struct{}{}:
			<-hold
		default:
		}
		in.ServeHTTP(w, r)
	})
	b := newBench(t, s)
	x := b.twice()
	b.relay(b.worker)
	ids := []string{x.IdempotencyKey + "@1", x.IdempotencyKey + "@2"}
	for _, id := range ids {
		b.spend(id, events.WebhookRetries)
	}
	b.started(b.worker)
	state := func(n int) asynq.TaskState { return b.webhooks(x)[n].State }
	b.until("both are given up", func() bool {
		return state(0) == asynq.TaskStateArchived && state(1) == asynq.TaskStateArchived
	})
	if info := b.webhooks(x)[0]; !strings.Contains(info.LastErr, "502") || !strings.Contains(info.LastErr, "tried 41 times") {
		t.Errorf("the archive shows %q", info.LastErr)
	}
	well.Store(true)
	for _, id := range ids {
		if err := b.worker.inspector.RunTask(events.QueueWebhooks, id); err != nil {
			t.Fatal(err)
		}
	}
	b.until("the second waits for the first", func() bool { return state(1) == asynq.TaskStateRetry })
	release()
	b.until("both are delivered", func() bool { return len(in.have(x)) == 2 })
	if got := story(in.have(x)); got != "1 rejected, 2 cancelled" {
		t.Errorf("received %s", got)
	}
}
