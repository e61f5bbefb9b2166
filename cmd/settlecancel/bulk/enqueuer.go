package bulk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// An Enqueuer enqueues with patience: a Redis that restarts or fails over is waited for.
type Enqueuer struct {
	// Many is EnqueueMany of a [tasks.Client].
	Many func(context.Context, []tasks.Submission) []tasks.Outcome
	// Patience is how long it tries on without any success.
	Patience time.Duration
	// Waiting is told of each failure that is going to be tried again.
	Waiting func(error)
}

// Enqueue enqueues each, and tries again what Redis kept from being stored. The outcome of each
// stands at its place.
func (e Enqueuer) Enqueue(ctx context.Context, submissions []tasks.Submission) []tasks.Outcome {
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(3*time.Second), backoff.WithMaxElapsedTime(e.Patience))
	outcomes := make([]tasks.Outcome, len(submissions))
	left := make([]int, len(submissions)) // their places
	for i := range left {
		left[i] = i
	}
	tryAll := func() error {
		some := make([]tasks.Submission, len(left))
		for n, i := range left {
			some[n] = submissions[i]
		}
		var failed []int
		for n, o := range e.Many(ctx, some) {
			if outcomes[left[n]] = o; o.Err != nil && !OfLine(o.Err) {
				failed = append(failed, left[n])
			}
		}
		if len(failed) == 0 {
			return nil
		}
		if len(failed) < len(left) {
			wait.Reset()
		}
		left = failed
		return outcomes[failed[0]].Err
	}
	_ = backoff.RetryNotify(tryAll, backoff.WithContext(wait, ctx), func(err error, _ time.Duration) { e.Waiting(err) })
	return outcomes
}

// OfLine reports whether an error is the cancellation's own, and would come again however often it
// is tried.
func OfLine(err error) bool {
	var invalid *tasks.InvalidError
	return errors.As(err, &invalid) || errors.Is(err, ErrSameRefund) || errors.Is(err, tasks.ErrConflict) || errors.Is(err, ledger.ErrFull) || errors.Is(err, ledger.ErrDamaged)
}

// Refusal says why a cancellation was not accepted.
func Refusal(key string, err error) error {
	switch {
	case errors.Is(err, tasks.ErrConflict):
		return fmt.Errorf("%s was refused: %w; nothing was stored. See settlecancel status %[1]s; another refund needs a key of its own", key, tasks.ErrConflict)
	case errors.Is(err, ledger.ErrFull):
		return fmt.Errorf("%s was refused: %w; nothing was stored", key, ledger.ErrFull)
	}
	return err
}
