package tasks

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger"
)

// placement is a task to put into a queue.
type placement struct {
	record ledger.Record
	id     string
	trace  map[string]string // headers; putAll makes them
}

// put puts a task for a cancellation into its queue; ErrTaskIDConflict tells that the id is taken.
func (c *Client) put(ctx context.Context, r ledger.Record, id string) error {
	return c.putAll(ctx, []placement{{record: r, id: id}})[0]
}

// putAll puts tasks into their queues in one round trip, and a second one where Redis does not know
// asynq's script.
func (c *Client) putAll(ctx context.Context, tasks []placement) []error {
	for i, t := range tasks {
		tasks[i].trace = c.create(ctx, t.record)
	}
	errs := c.send(ctx, tasks, false)
	var again []placement
	var which []int
	for i, err := range errs {
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			again, which = append(again, tasks[i]), append(which, i)
		}
	}
	for n, err := range c.send(ctx, again, true) {
		errs[which[n]] = err
	}
	return errs
}

// send lets asynq enqueue into a recorder, and sends what was recorded as one pipeline. The asynq
// client lives as long as the pipeline: it names each queue to Redis once in its life, and a Redis
// that lost the name would show the queue to nobody.
func (c *Client) send(ctx context.Context, tasks []placement, whole bool) []error {
	if len(tasks) == 0 {
		return nil
	}
	rec := &recorder{UniversalClient: c.rdb, pipe: c.rdb.Pipeline(), whole: whole}
	queue := asynq.NewClientFromRedisClient(rec)
	errs := make([]error, len(tasks))
	scripts := make([]*redis.Cmd, len(tasks))
	for i, t := range tasks {
		rec.script = nil
		errs[i] = enqueue(ctx, queue, t)
		scripts[i] = rec.script
	}
	_, _ = rec.pipe.Exec(ctx) // every command has an error of its own
	for i, script := range scripts {
		if errs[i] == nil && script != nil {
			errs[i] = enqueued(script)
		}
		for _, name := range rec.names {
			errs[i] = cmp.Or(errs[i], name.Err())
		}
	}
	return errs
}

func enqueue(ctx context.Context, client *asynq.Client, t placement) error {
	task, err := taskOf(t.record)
	if err != nil {
		return err
	}
	payload, err := task.Payload()
	if err != nil {
		return err
	}
	_, err = client.EnqueueContext(ctx, asynq.NewTaskWithHeaders(TypeCancel, payload, t.trace), taskOptions(t.id, cmp.Or(t.record.Queue, QueueDefault))...)
	return err
}

// enqueued reads what asynq's script answers: 1, or 0 where the task id is taken.
func enqueued(script *redis.Cmd) error {
	switch n, err := script.Int64(); {
	case err != nil:
		return err
	case n == 1:
		return nil
	case n == 0:
		return asynq.ErrTaskIDConflict
	default:
		return fmt.Errorf("asynq's script answered %d; is another version at work?", n)
	}
}

// recorder stands between asynq and Redis while a task is enqueued: it notes the commands in a
// pipeline, and says of each that it succeeded. asynq's own client sends one task a round trip.
// What asynq should ask for besides goes to Redis at once.
type recorder struct {
	redis.UniversalClient
	pipe   redis.Pipeliner
	whole  bool            // send the script itself, not its hash
	script *redis.Cmd      // the last one noted
	names  []*redis.IntCmd // of queues
}

func (r *recorder) SAdd(ctx context.Context, key string, members ...any) *redis.IntCmd {
	r.names = append(r.names, r.pipe.SAdd(ctx, key, members...))
	return redis.NewIntResult(1, nil)
}

func (r *recorder) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if r.whole {
		return redis.NewCmdResult(nil, redis.ErrNoScript) // then comes Eval
	}
	r.script = r.pipe.EvalSha(ctx, sha, keys, args...)
	return redis.NewCmdResult(int64(1), nil)
}

func (r *recorder) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	r.script = r.pipe.Eval(ctx, script, keys, args...)
	return redis.NewCmdResult(int64(1), nil)
}
