package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"settlecancel/tasks/ledger"
)

// sweepPage bounds how many overdue cancellations one sweep looks at.
const sweepPage = 1000

// maxSweepErrors is how many failures make a sweep believe that Redis is away.
const maxSweepErrors = 10

// sweeperKey names the worker whose turn it is to sweep.
const sweeperKey = "settlecancel:sweeper"

// sweep finds every open cancellation whose task asynq no longer has, whatever took it away, and
// queues it again; and now and then it trims asynq's archive. Every worker sweeps, one at a time
// among them.
func (w *Worker) sweep(ctx context.Context) {
	me := rand.Text()
	ticker := time.NewTicker(w.opts.SweepEvery)
	defer ticker.Stop()
	cursor, archive := "", w.newArchive()
	for round := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		mine, err := w.takeTurn(ctx, sweeperKey, me, 3*w.opts.SweepEvery)
		if err == nil && mine {
			cursor, err = w.sweepOnce(ctx, cursor)
			if round%trimEvery == 0 {
				err = errors.Join(err, archive.trim(ctx))
			}
			round++
		}
		if err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "sweep failed; the next one follows", "error", err)
		}
	}
}

// sweepOnce looks at one page of what is overdue, and answers where the next sweep goes on. One
// that cannot be helped does not keep it from the others.
func (w *Worker) sweepOnce(ctx context.Context, cursor string) (string, error) {
	overdue := w.opts.Now().Add(-w.opts.SweepAfter)
	records, next, err := w.ledger.List(ctx, ledger.Open, ledger.Listing{Until: overdue, Cursor: cursor, Limit: sweepPage})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return "", err
	}
	failed := []error{err}
	for _, r := range records {
		if !r.Open() {
			continue
		}
		if err := w.opts.Client.Rescue(ctx, r); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.Key, err))
		}
		if len(failed) > maxSweepErrors {
			break
		}
	}
	return next, errors.Join(failed...)
}
