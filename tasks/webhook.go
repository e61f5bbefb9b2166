package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
)

// TypeWebhook is the type of the asynq task that carries one Event to a webhook; its payload is the body to send.
const TypeWebhook = "settlecancel:webhook"

// QueueWebhooks holds them. It is none of Queues: a receiver that hangs must not take a cancellation's place.
const QueueWebhooks = "webhooks"

const (
	// webhookRetries, with pauses up to an hour, last more than a day. Then asynq archives the task.
	webhookRetries = 40
	// webhookTaskTimeout lies far above the time-out of one delivery.
	webhookTaskTimeout = 2 * time.Minute
)

// WebhookTaskID names the task of an event: its cancellation, and which of its events it is. Where the event is told again on
// purpose, replay tells that task from the first; else it is "".
func (e Event) WebhookTaskID(replay string) string {
	id := e.Data.IdempotencyKey + "#" + strconv.Itoa(e.Seq)
	if replay != "" {
		id += "~" + replay
	}
	return id
}

// EnqueueWebhooks puts a task for each event into QueueWebhooks, in order, and answers how many of them are there: with an
// error, those before it. One that is there already stays as it is.
func (c *Client) EnqueueWebhooks(ctx context.Context, events []Event, replay string) (int, error) {
	queue := asynq.NewClientFromRedisClient(c.rdb) // each names the queue to Redis anew, which may have lost the name
	for i, e := range events {
		body, err := json.Marshal(e)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			_, err = queue.EnqueueContext(ctx, asynq.NewTask(TypeWebhook, body), asynq.TaskID(e.WebhookTaskID(replay)),
				asynq.Queue(QueueWebhooks), asynq.MaxRetry(webhookRetries), asynq.Timeout(webhookTaskTimeout), asynq.Retention(taskRetention))
		}
		if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			return i, fmt.Errorf("queue the webhook of %s: %w", e.Data.IdempotencyKey, err)
		}
	}
	return len(events), nil
}
