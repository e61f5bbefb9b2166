package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

const (
	sweeperKey     = "settlecancel:sweeper" // names the worker whose turn it is to sweep
	sweepPage      = 1000                   // overdue cancellations that one sweep looks at
	sweepChunk     = 100                    // of them, before the turn is renewed
	maxSweepErrors = 10                     // failures that make a sweep believe that Redis is away
)

// sweeper finds every open cancellation whose task asynq no longer has, whatever took it away, and
// queues it again; it looks for the tasks that asynq shows to no worker; and now and then it trims
// asynq's archive. Every worker sweeps, one at a time among them.
type sweeper struct {
	ledger  *ledger.Ledger
	client  *tasks.Client
	turn    *turn
	every   time.Duration
	after   time.Duration // how long overdue they must be
	unseen  *unseen
	archive *archive
	log     *slog.Logger
	now     func() time.Time

	cursor string
	round  int
}

func (w *Worker) newSweeper() *sweeper {
	return &sweeper{ledger: w.ledger, client: w.opts.Client, turn: newTurn(w.opts.Redis, sweeperKey, 3*w.opts.SweepEvery),
		every: w.opts.SweepEvery, after: w.opts.SweepAfter, unseen: w.newUnseen(), archive: w.newArchive(), log: w.log, now: w.opts.Now}
}

func (s *sweeper) run(ctx context.Context) {
	repeat(ctx, s.every, func(ctx context.Context) time.Duration {
		mine, err := s.turn.take(ctx)
		if err == nil && mine {
			err = s.once(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "sweep failed; the next one follows", "error", err)
		}
		return s.every
	})
	if err := s.turn.leave(); err != nil {
		s.log.DebugContext(ctx, "sweeper's turn not left; it ends by itself", "error", err)
	}
}

// once is one sweep.
func (s *sweeper) once(ctx context.Context) error {
	until, farthest := s.now().Add(-s.after), s.now().Add(s.ledger.Farthest()+time.Minute)
	overdue, next, err := s.ledger.List(ctx, ledger.Open, ledger.Listing{Until: until, Cursor: s.cursor, Limit: sweepPage})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		s.cursor = ""
		return err
	}
	s.cursor = next
	overdue = slices.DeleteFunc(overdue, func(r ledger.Record) bool { // an attempt holds it
		return r.DueAt.After(until) && r.DueAt.Before(farthest)
	})
	// What is due later than any rule can put it was stored by a clock that was ahead for a moment.
	ahead, _, failed := s.ledger.List(ctx, ledger.Open, ledger.Listing{Since: farthest, Limit: sweepPage})
	err = errors.Join(err, failed, s.queue(ctx, append(overdue, ahead...)), s.unseen.look(ctx))
	if s.round%trimEvery == 0 {
		err = errors.Join(err, s.archive.trim(ctx))
	}
	s.round++
	return err
}

// queue makes sure that each has a task. One that cannot be helped does not keep it from the
// others.
func (s *sweeper) queue(ctx context.Context, records []ledger.Record) error {
	var failed []error
	for i, r := range records {
		if i%sweepChunk == sweepChunk-1 {
			if mine, err := s.turn.take(ctx); err != nil || !mine {
				return errors.Join(append(failed, err)...) // another one goes on
			}
		}
		if !r.Open() {
			continue
		}
		if err := s.client.EnsureOverdue(ctx, r); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.Key, err))
		}
		if len(failed) > maxSweepErrors {
			break
		}
	}
	return errors.Join(failed...)
}
