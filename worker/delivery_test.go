package worker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
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
	if err := b.worker.inspector.ArchiveTask(tasks.QueueWebhooks, id); err != nil {
		t.Fatal(err)
	}
	if err := hand(b.worker, told[1]); err != nil {
		t.Errorf("the second, with the first given up: %v", err)
	}
	if err := b.worker.inspector.RunTask(tasks.QueueWebhooks, id); err != nil {
		t.Fatal(err)
	}
	if err := hand(b.worker, told[1]); !errors.As(err, &p) {
		t.Errorf("the second, with the first run again by hand: %v", err)
	}
	if err := b.worker.inspector.DeleteTask(tasks.QueueWebhooks, id); err != nil {
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
	got   map[string][]tasks.Event
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var e tasks.Event
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

func (i *inbox) have(x tasks.Cancellation) []tasks.Event {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.got[x.IdempotencyKey]
}

// With real queues: whatever the receiver does, the events of a cancellation arrive in order, and each once.
func TestWebhooksEndToEnd(t *testing.T) {
	t.Parallel()
	in := &inbox{fail: map[string]int{}, gone: map[string]bool{}, tries: map[string]int{}, got: map[string][]tasks.Event{}}
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
		if n, err := b.client.EnqueueWebhooks(context.Background(), b.told(down), "replay-1"); n != 2 || err != nil {
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
