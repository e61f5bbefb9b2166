package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks/events"
	"settlecancel/worker/policy"
)

// webhookConcurrency is how many webhooks are delivered at a time. They have a server of their own,
// so that a receiver that hangs takes no cancellation's place.
const webhookConcurrency = 8

// maxWebhookPause is the longest pause between two tries of a delivery.
const maxWebhookPause = time.Hour

func (w *Worker) webhookConfig() asynq.Config {
	return asynq.Config{
		Concurrency:              webhookConcurrency,
		Queues:                   map[string]int{events.QueueWebhooks: 1},
		TaskCheckInterval:        4 * w.opts.IdlePoll,
		DelayedTaskCheckInterval: w.opts.DelayedPoll,
		ShutdownTimeout:          webhookTimeout + 5*time.Second,
		RetryDelayFunc:           webhookDelay,
		IsFailure:                webhookFailed,
		Logger:                   queueLog{w.log},
		LogLevel:                 asynq.ErrorLevel, // an archived task is told below, with its key
	}
}

// webhookDelay and webhookFailed are total, like retryDelay.

// webhookDelay doubles from a second to an hour; a receiver may ask for longer within that hour.
func webhookDelay(retried int, err error, t *asynq.Task) time.Duration {
	if p := (*postponed)(nil); errors.As(err, &p) {
		return retryDelay(retried, err, t)
	}
	pause := policy.Policy{RetryInitial: time.Second, RetryCap: maxWebhookPause}.Pause(retried)
	if r := (*refused)(nil); errors.As(err, &r) && r != nil {
		pause = max(pause, min(r.retryAfter, maxWebhookPause))
	}
	return pause
}

// webhookFailed keeps waiting for the event before from being counted.
func webhookFailed(err error) bool {
	p := (*postponed)(nil)
	return !errors.As(err, &p)
}

// deliverWebhook delivers the event that a task carries. An error makes asynq try again, and in the
// end archive the task, where it can be seen; then the next event of the cancellation goes. What
// was given up a person runs again in the dashboard, for one more try, or tells again with
// `settlecancel events replay`.
func (w *Worker) deliverWebhook(ctx context.Context, t *asynq.Task) error {
	var e events.Event
	if err := json.Unmarshal(t.Payload(), &e); err != nil || e.ID == "" || w.opts.Webhook == nil {
		return fmt.Errorf("no event that can be told: %w", asynq.SkipRetry)
	}
	if err := w.inOrder(ctx, e); err != nil {
		return err
	}
	err := w.opts.Webhook.deliver(ctx, e.ID, t.Payload(), w.opts.Now())
	retried, _ := asynq.GetRetryCount(ctx)
	if r := (*refused)(nil); errors.As(err, &r) && r.status == http.StatusGone {
		err = fmt.Errorf("%w: it wants no more: %w", err, asynq.SkipRetry)
	} else if err != nil && retried >= events.WebhookRetries {
		err = fmt.Errorf("%w: it was tried %d times: %w", err, retried+1, asynq.SkipRetry)
	}
	w.logDelivery(ctx, e, retried, err)
	return err
}

func (w *Worker) logDelivery(ctx context.Context, e events.Event, retried int, err error) {
	log := w.log.With("key", e.Data.IdempotencyKey, "event", e.ID, "status", e.Data.Status, "attempt", retried+1)
	switch {
	case err == nil:
		log.DebugContext(ctx, "webhook delivered")
	case errors.Is(err, asynq.SkipRetry):
		log.ErrorContext(ctx, "webhook given up; its task is archived", "error", err)
	default:
		log.Log(ctx, slog.LevelWarn, "webhook not delivered; it is tried again", "error", err)
	}
}

// inOrder holds an event back while the one before it is still to be delivered.
func (w *Worker) inOrder(ctx context.Context, e events.Event) error {
	if e.Seq <= 1 {
		return nil
	}
	id, _ := asynq.GetTaskID(ctx)
	_, replay, _ := strings.Cut(id, "~")
	e.Seq--
	info, err := w.inspector.GetTaskInfo(events.QueueWebhooks, e.WebhookTaskID(replay))
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("whether the event before was delivered is not known: %w", err)
	}
	if info.State == asynq.TaskStateCompleted || info.State == asynq.TaskStateArchived {
		return nil
	}
	return &postponed{after: min(max(time.Until(info.NextProcessAt), time.Second), time.Minute), reason: "waiting for the event before it"}
}
