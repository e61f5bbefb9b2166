package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// TypeWebhook is the type of the asynq task that carries one Event to a webhook; its payload is the
// body to send.
const TypeWebhook = "settlecancel:webhook"

// QueueWebhooks holds them. It is none of tasks.Queues: a receiver that hangs must not take a
// cancellation's place.
const QueueWebhooks = "webhooks"

const (
	// WebhookRetries, with pauses up to an hour, last more than a day. Then the worker gives the
	// webhook up and lets asynq archive its task. asynq itself is given no number: on the last try
	// it archives a task that only waits for its turn as well.
	WebhookRetries = 40
	// webhookTaskTimeout lies far above the time-out of one delivery.
	webhookTaskTimeout = 2 * time.Minute
	// webhookRetention is how long asynq shows a webhook that was delivered.
	webhookRetention = 24 * time.Hour
)

// WebhookTaskID names the task of an event: its cancellation, and which of its events it is. Where
// the event is told again on purpose, replay tells that task from the first; else it is "". The id
// stands in asynqmon's addresses as it is.
func (e Event) WebhookTaskID(replay string) string {
	id := e.Data.IdempotencyKey + "@" + strconv.Itoa(e.Seq)
	if replay != "" {
		id += "~" + replay
	}
	return id
}

// EnqueueWebhooks puts a task for each event into QueueWebhooks, in order, and returns how many of
// them are there: with an error, those before it. One that is there already stays as it is.
func EnqueueWebhooks(ctx context.Context, rdb redis.UniversalClient, events []Event, replay string) (int, error) {
	queue := asynq.NewClientFromRedisClient(rdb) // each names the queue to Redis anew, which may have lost the name
	for i, e := range events {
		body, err := json.Marshal(e)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			_, err = queue.EnqueueContext(ctx, asynq.NewTask(TypeWebhook, body), asynq.TaskID(e.WebhookTaskID(replay)),
				asynq.Queue(QueueWebhooks), asynq.MaxRetry(math.MaxInt32), asynq.Timeout(webhookTaskTimeout), asynq.Retention(webhookRetention))
		}
		if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			return i, fmt.Errorf("queue the webhook of %s: %w", e.Data.IdempotencyKey, err)
		}
	}
	return len(events), nil
}

// webhookPage is how many webhooks are looked at of those that are due first, and of those that are
// due last.
const webhookPage = 100

// OldestWebhook returns the time of the oldest event that is still to be delivered, as far as is
// looked, or the zero time where there is none; q is what asynq says of QueueWebhooks. Of many that
// are to be tried again those that are due first and last are looked at: a receiver that fails for
// long has made the pauses of the oldest the longest.
func OldestWebhook(inspector *asynq.Inspector, q *asynq.QueueInfo) (oldest time.Time, err error) {
	look := func(list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error), page int) {
		found, failed := list(QueueWebhooks, asynq.PageSize(webhookPage), asynq.Page(page))
		err = errors.Join(err, failed)
		for _, info := range found {
			var e Event
			if json.Unmarshal(info.Payload, &e) == nil && !e.Timestamp.IsZero() && (oldest.IsZero() || e.Timestamp.Before(oldest)) {
				oldest = e.Timestamp
			}
		}
	}
	if q.Pending > 0 {
		look(inspector.ListPendingTasks, 1)
	}
	if q.Retry > 0 {
		look(inspector.ListRetryTasks, 1)
	}
	if last := (q.Retry + webhookPage - 1) / webhookPage; last > 1 {
		look(inspector.ListRetryTasks, last)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look at the webhooks that wait: %w", err)
	}
	return oldest, nil
}
