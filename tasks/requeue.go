package tasks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
)

// Unseen reports whether asynq hands a task to no worker any more because of what its producer
// chose: a group, which nobody gathers, or a deadline that has passed.
func Unseen(t *asynq.TaskInfo, now time.Time) bool {
	return t.State == asynq.TaskStateAggregating || !t.Deadline.IsZero() && !now.Before(t.Deadline)
}

// Foreign reports whether a task was made with other options than a Client's: some other producer
// put it into the queue.
func Foreign(t *asynq.TaskInfo) bool {
	return t.MaxRetry != maxRetry || !t.Deadline.IsZero() || t.Group != ""
}

// Requeue puts a foreign task into its queue once more, with a Client's options in the place of its
// own, and deletes the old one. Whoever dies in between leaves both, which is harmless: the ledger
// lets one of them work, and the next Requeue finds the new one there.
func (c *Client) Requeue(ctx context.Context, t *asynq.TaskInfo) error {
	again := asynq.NewTaskWithHeaders(t.Type, t.Payload, t.Headers)
	_, err := c.queue.client().EnqueueContext(ctx, again, taskOptions(requeueID(t), t.Queue)...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("task %s cannot be queued once more: %w", echo(t.ID), err)
	}
	if err := c.inspector.DeleteTask(t.Queue, t.ID); err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
		return fmt.Errorf("task %s is queued once more, and cannot be deleted: %w", echo(t.ID), err)
	}
	return nil
}

// requeueID names the new task after all of the old one: only the same task gets the same name.
func requeueID(t *asynq.TaskInfo) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", t.ID, t.Type, t.Payload))
	return "again-" + hex.EncodeToString(sum[:16])
}
