package events

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// hooks is a queue of webhooks whose events are so many minutes old.
type hooks struct {
	*testing.T
	rdb       *redis.Client
	inspector *asynq.Inspector
	now       time.Time
}

func newHooks(t *testing.T) *hooks {
	rdb := redistest.Start(t, redistest.Options{}).Client(t)
	return &hooks{t, rdb, asynq.NewInspectorFromRedisClient(rdb), time.Now().Truncate(time.Second)}
}

func (h *hooks) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// wait queues the webhook of an event; with again set it is to be tried again so far from now.
func (h *hooks) wait(key string, minutes int, again time.Duration) {
	h.Helper()
	e := Event{ID: "evt_" + key, Seq: 1, Timestamp: h.now.Add(-time.Duration(minutes) * time.Minute), Data: Data{IdempotencyKey: key, Status: ledger.Rejected}}
	_, err := EnqueueWebhooks(context.Background(), h.rdb, []Event{e}, "")
	h.must(err)
	if again > 0 { // what asynq does once a delivery has failed
		id := e.WebhookTaskID("")
		h.must(h.rdb.LRem(context.Background(), "asynq:{webhooks}:pending", 1, id).Err())
		h.must(h.rdb.ZAdd(context.Background(), "asynq:{webhooks}:retry", redis.Z{Score: float64(h.now.Add(again).Unix()), Member: id}).Err())
	}
}

// want asks how old the oldest is.
func (h *hooks) want(minutes int) {
	h.Helper()
	q := &asynq.QueueInfo{Pending: int(h.rdb.LLen(context.Background(), "asynq:{webhooks}:pending").Val()),
		Retry: int(h.rdb.ZCard(context.Background(), "asynq:{webhooks}:retry").Val())}
	oldest, err := OldestWebhook(h.inspector, q)
	h.must(err)
	if got := h.now.Sub(oldest); got != time.Duration(minutes)*time.Minute {
		h.Errorf("%d pending, %d to be tried again: the oldest is %v old, want %d minutes", q.Pending, q.Retry, got, minutes)
	}
}

func TestOldestWebhook(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	if oldest, err := OldestWebhook(h.inspector, &asynq.QueueInfo{}); err != nil || !oldest.IsZero() {
		t.Errorf("of none: %v, %v", oldest, err)
	}
	h.wait("refund-1", 5, 0)
	h.wait("refund-2", 2, 0)
	h.want(5)
	h.wait("refund-3", 60, time.Hour)
	h.wait("refund-4", 7, time.Second)
	h.want(60)
	// A receiver has been failing for a day: a crowd of new ones is due again soon, the old ones
	// last.
	for i := range 2 * webhookPage {
		h.wait(fmt.Sprint("new-", i), 1, time.Minute)
	}
	h.want(60)
	h.wait("refund-5", 24*60, 59*time.Minute)
	h.want(24 * 60)
	// One that cannot be read, and one that asynq lost, are passed over.
	h.must(h.rdb.HSet(context.Background(), "asynq:{webhooks}:t:refund-5@1", "msg", "{").Err())
	h.must(h.rdb.Del(context.Background(), "asynq:{webhooks}:t:refund-4@1").Err())
	h.want(60)
	h.must(h.rdb.Set(context.Background(), "asynq:{webhooks}:retry", "damaged", 0).Err())
	if _, err := OldestWebhook(h.inspector, &asynq.QueueInfo{Retry: 1}); err == nil || !strings.Contains(err.Error(), "webhooks that wait") {
		t.Errorf("a damaged queue: %v", err)
	}
}

// asynq is given no number of tries: on the last one it would archive a webhook that only waits for
// the one before it.
func TestWebhookTries(t *testing.T) {
	t.Parallel()
	h := newHooks(t)
	h.wait("refund-1", 0, 0)
	info, err := asynq.NewInspectorFromRedisClient(h.rdb).GetTaskInfo(QueueWebhooks, "refund-1@1")
	h.must(err)
	if info.MaxRetry != math.MaxInt32 || info.Retention != webhookRetention || info.Timeout != webhookTaskTimeout {
		t.Errorf("%+v", info)
	}
}
