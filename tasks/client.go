package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// ErrConflict is returned where an idempotency key was used before with other parameters. Nothing
// was stored or changed.
var ErrConflict = ledger.ErrConflict

// ClientOptions of a Client. The zero value of each field means its default.
type ClientOptions struct {
	Ledger ledger.Options   // as the worker has them
	Sealer *Sealer          // of account numbers; default none: cancellations with one are refused
	Now    func() time.Time // for tests: the clock that dates are checked against; default time.Now
	// Merchants tells a merchant's protocol, and whether the merchant is configured. Default: no
	// list, every merchant id is accepted.
	Merchants func(id string) (settlebank.Protocol, bool)

	// Tracing is told of each task that is made. Default nobody; a trace that stands in a call's
	// context is carried on all the same.
	Tracing trace.TracerProvider
}

// Client enqueues cancellations. It is safe for concurrent use.
type Client struct {
	ledger    *ledger.Ledger
	queue     *queue
	inspector *asynq.Inspector
	sealer    *Sealer
	tracer    trace.Tracer
	now       func() time.Time
	merchants func(id string) (settlebank.Protocol, bool)
}

// NewClient returns a client on rdb, which the caller closes: a single Redis, a Sentinel or a
// Cluster client.
func NewClient(rdb redis.UniversalClient, o ClientOptions) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tracing == nil {
		o.Tracing = noop.NewTracerProvider()
	}
	return &Client{
		ledger:    ledger.New(rdb, o.Ledger),
		queue:     newQueue(rdb),
		inspector: asynq.NewInspectorFromRedisClient(rdb),
		sealer:    o.Sealer,
		tracer:    o.Tracing.Tracer("settlecancel/tasks"),
		now:       o.Now,
		merchants: o.Merchants,
	}
}

// Ledger returns the ledger that the client writes to.
func (c *Client) Ledger() *ledger.Ledger { return c.ledger }

// EnqueueOptions of one cancellation.
type EnqueueOptions struct {
	Queue string // QueueUrgent, QueueDefault (also "") or QueueBulk
	By    string // who asks for it, for the record
}

// Receipt says that a cancellation was accepted: ledger and queue both hold it.
type Receipt struct {
	Record   ledger.Record
	Replayed bool // it had been accepted before; Record tells how far it has come
}

// Enqueue accepts a cancellation: when it returns nil, the cancellation is stored and will be
// carried out exactly once, whatever dies. A repeat with the same key and parameters is harmless
// and returns the record as it is. It takes two round trips for an unknown payment.
//
// It returns *InvalidError (nothing was stored; mend the cancellation), ErrConflict (the key
// belongs to another cancellation; nothing was stored), or what went wrong with Redis: then it may
// or may not have been stored, and the same call must be repeated until it succeeds.
func (c *Client) Enqueue(ctx context.Context, x Cancellation, o EnqueueOptions) (Receipt, error) {
	outcome := c.EnqueueMany(ctx, []Submission{{x, o}})[0]
	return outcome.Receipt, outcome.Err
}

func (c *Client) entry(x Cancellation, o EnqueueOptions) (ledger.Entry, error) {
	if err := c.checkIntake(x); err != nil {
		return ledger.Entry{}, err
	}
	if _, ok := Queues()[cmp.Or(o.Queue, QueueDefault)]; !ok {
		return ledger.Entry{}, &InvalidError{Key: x.IdempotencyKey, Faults: []Fault{
			{Field: "queue", Message: fmt.Sprintf("is %q; allowed: %s, %s, %s", echo(o.Queue), QueueUrgent, QueueDefault, QueueBulk)}}}
	}
	entry, err := c.Entry(x)
	if o.Queue != QueueDefault {
		entry.Queue = o.Queue
	}
	entry.By = o.By
	return entry, err
}

// Ensure makes sure that asynq has a task for an open cancellation.
func (c *Client) Ensure(ctx context.Context, r ledger.Record) error { return c.ensure(ctx, r, false) }

// EnsureOverdue is Ensure for a cancellation that is overdue: a task that asynq takes for active is
// not waited for, since its worker may be gone, which asynq finds out only minutes later.
func (c *Client) EnsureOverdue(ctx context.Context, r ledger.Record) error {
	return c.ensure(ctx, r, true)
}

func (c *Client) ensure(ctx context.Context, r ledger.Record, overdue bool) error {
	err := c.put(ctx, r, r.Key)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return c.settle(ctx, r, overdue)
	}
	return err
}

// settle deals with a task that has the id of a cancellation already: the reply to our own call got
// lost, or somebody else put it there, or it is what asynq keeps of an earlier run. It may leave
// two tasks for one cancellation. That is harmless: the ledger lets one of them work.
func (c *Client) settle(ctx context.Context, r ledger.Record, overdue bool) error {
	queue := cmp.Or(r.Queue, QueueDefault)
	info, err := c.inspector.GetTaskInfo(queue, r.Key)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		err = c.put(ctx, r, r.Key)
	case err != nil:
		// A damaged task blocks its id for ever.
		err = c.put(ctx, r, c.spareID(r))
	case info.State == asynq.TaskStateArchived || info.State == asynq.TaskStateCompleted:
		if err = c.inspector.DeleteTask(queue, r.Key); err == nil {
			err = c.put(ctx, r, r.Key)
		} else {
			err = c.put(ctx, r, c.spareID(r)) // a ghost that no command removes
		}
	case info.State == asynq.TaskStateActive && overdue:
		err = c.put(ctx, r, c.spareID(r))
	}
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil // somebody else was faster
	}
	return err
}

// spareLife is how long a spare task is given before the next one may be put beside it.
const spareLife = 5 * time.Minute

// spareID names a second task for a cancellation whose own task id is blocked.
func (c *Client) spareID(r ledger.Record) string {
	return r.Key + "~" + strconv.FormatInt(c.now().Unix()/int64(spareLife.Seconds()), 36)
}

// Retry takes a dead letter back to work, as ledger.Retry does, and queues it.
func (c *Client) Retry(ctx context.Context, key string, d ledger.Decision) (ledger.Record, error) {
	r, err := c.ledger.Retry(ctx, key, d)
	if err != nil {
		return r, err
	}
	if err := c.Ensure(ctx, r); err != nil {
		return r, fmt.Errorf("retry %s: it is %s again and will be queued by the sweeper: %w", key, r.Status, err)
	}
	return r, nil
}
