package tasks

import (
	"cmp"
	"context"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger"
)

// queue puts tasks into asynq's queues. Callers share pipelines, so that many of them cost few
// round trips.
type queue struct {
	rdb redis.UniversalClient
}

// newQueue shares pipelines where the client can.
func newQueue(rdb redis.UniversalClient) *queue {
	if auto, err := rdb.AutoPipeline(); err == nil {
		rdb = auto
	}
	return &queue{rdb: rdb}
}

// client returns an asynq client for one call. It names each queue to Redis once in its life, and a
// Redis that lost the name would show the queue to nobody.
func (q *queue) client() *asynq.Client { return asynq.NewClientFromRedisClient(q.rdb) }

// put puts a task for a cancellation into its queue; ErrTaskIDConflict tells that the id is taken.
func (c *Client) put(ctx context.Context, r ledger.Record, id string) error {
	task, err := taskOf(r)
	if err != nil {
		return err
	}
	payload, err := task.Payload()
	if err != nil {
		return err
	}
	_, err = c.queue.client().EnqueueContext(ctx, asynq.NewTaskWithHeaders(TypeCancel, payload, c.create(ctx, r)),
		taskOptions(id, cmp.Or(r.Queue, QueueDefault))...)
	return err
}

// Wake lets a task that waits for its payment run at once. It is a courtesy: who is not woken comes
// back by itself.
func (c *Client) Wake(key, queue string) error {
	return c.inspector.RunTask(cmp.Or(queue, QueueDefault), key)
}
