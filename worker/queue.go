package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
)

// idleHousework is how often a server does what the first one does for all: it cannot be switched
// off.
const idleHousework = 24 * time.Hour

// serverConfig returns what the nth server works by. The first brings back what is due again, and
// clears away what has expired; the others only dequeue.
func (w *Worker) serverConfig(n, concurrency int) asynq.Config {
	delayed, janitor := w.opts.DelayedPoll, time.Duration(0) // its default
	if n > 0 {
		delayed, janitor = idleHousework, idleHousework
	}
	return asynq.Config{
		Concurrency:              concurrency,
		Queues:                   tasks.Queues(),
		TaskCheckInterval:        w.opts.IdlePoll * time.Duration(w.opts.Servers),
		DelayedTaskCheckInterval: delayed,
		JanitorInterval:          janitor,
		ShutdownTimeout:          w.ledger.Longest(),
		RetryDelayFunc:           retryDelay,
		IsFailure:                noFailure,
		Logger:                   queueLog{w.log},
		LogLevel:                 asynq.WarnLevel,
	}
}

// postponed tells asynq to run the task again later. It is no failure: the ledger counts what
// counts.
type postponed struct {
	after  time.Duration
	reason string
}

func (p *postponed) Error() string { return p.reason }

// retryDelay and noFailure are called by asynq outside of any recovery: a panic there would kill
// the process, and the next one too. They are total.

// retryDelay reads the pause that handle asked for. asynq cuts it to whole seconds, so it is
// rounded up, lest the task come back before the ledger lets it.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var p *postponed
	if !errors.As(err, &p) || p == nil {
		return 5 * time.Second // a crash of the handler, or asynq's own word
	}
	if p.after <= 0 {
		return 0
	}
	return p.after.Truncate(time.Second) + time.Second
}

// noFailure keeps asynq from counting: the ledger counts attempts.
func noFailure(error) bool { return false }

// queueClient returns what asynq talks to Redis with. Its calls share pipelines with each other and
// with the ledger's, so that many tasks cost few round trips. The contexts of calls do not count
// there, which mends asynq's acknowledgements: it repeats a failed one with a context that it has
// cancelled since, so that the repeat could never succeed.
func queueClient(rdb redis.UniversalClient) (redis.UniversalClient, error) {
	auto, err := rdb.AutoPipeline()
	if err != nil {
		return nil, fmt.Errorf("worker: share pipelines: %w", err)
	}
	return auto, nil
}

// queueLog is asynq's log in ours.
type queueLog struct{ log *slog.Logger }

func (q queueLog) write(level slog.Level, args []any) {
	q.log.Log(context.Background(), level, "asynq: "+fmt.Sprint(args...))
}

func (q queueLog) Debug(args ...any) { q.write(slog.LevelDebug, args) }
func (q queueLog) Info(args ...any)  { q.write(slog.LevelInfo, args) }
func (q queueLog) Warn(args ...any)  { q.write(slog.LevelWarn, args) }
func (q queueLog) Error(args ...any) { q.write(slog.LevelError, args) }
func (q queueLog) Fatal(args ...any) { q.write(slog.LevelError, args) }
