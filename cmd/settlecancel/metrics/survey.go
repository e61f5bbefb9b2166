package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

const (
	// walkMost is how many records of a set are looked at; those that are due, or died, first.
	walkMost = 10_000
	walkPage = 1000
	// lookTimeout is how long a look may take. What it has not seen by then is left out.
	lookTimeout = 4 * time.Second
	// overdueAfter is how late a cancellation's next step may be before it counts as overdue: the
	// sweeper brings back within seconds what lost its task.
	overdueAfter = time.Minute
	// sweeperKey names the worker whose turn it is to sweep, while there is one.
	sweeperKey = "settlecancel:sweeper"
)

// survey reads the ledger and the queues.
type survey struct {
	client    *tasks.Client
	redis     redis.UniversalClient
	inspector *asynq.Inspector
	closed    func(gateway.CancelRequest, time.Time) (time.Time, string)
	labels    labels
	log       *slog.Logger
	now       func() time.Time
	most      int
	timeout   time.Duration
	sharedKey string
	away      atomic.Bool // Redis did not answer the last time, which is told once
}

func newSurvey(o Options, l labels) *survey {
	return &survey{client: o.Client, redis: o.Redis, inspector: asynq.NewInspectorFromRedisClient(o.Redis), closed: o.Closed,
		labels: l, log: o.Logger, now: o.Now, most: walkMost, timeout: lookTimeout, sharedKey: sharedKeyOf(o)}
}

// look returns what there is now. Where Redis does not answer it says so, and nothing else; where a
// part could not be looked at, the state is not complete.
func (s *survey) look(ctx context.Context) state {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	st := newState(s.labels)
	err := s.fill(ctx, st)
	if errors.Is(err, context.DeadlineExceeded) && !st.at.IsZero() {
		s.log.WarnContext(ctx, "metrics: not everything was looked at in time", "error", err)
		st.complete, err = false, nil
	}
	if err != nil {
		if !s.away.Swap(true) {
			s.log.ErrorContext(ctx, "metrics: the state cannot be read", "error", err)
		}
		return state{}
	}
	if s.away.Swap(false) {
		s.log.InfoContext(ctx, "metrics: the state can be read again")
	}
	st.judge()
	st.up, st.took = true, time.Since(start)
	return *st
}

func (s *survey) fill(ctx context.Context, st *state) (err error) {
	now, err := s.clock(ctx)
	if err != nil {
		return err
	}
	if st.open, st.dead, err = s.client.Ledger().Counts(ctx); err != nil {
		return err
	}
	if st.events, err = s.client.Ledger().Backlog(ctx); err != nil {
		return err
	}
	if st.epochs, err = s.client.Ledger().Epochs(ctx); err != nil {
		return err
	}
	waits, err := s.held(ctx, now, st)
	if err != nil {
		return err
	}
	st.at = now // from here on, what is known is of use
	if st.sweeper, err = s.sweeping(ctx); err != nil {
		return err
	}
	// Dead letters first: where time runs out, they are few, and people wait for them.
	if err := s.walk(ctx, st, ledger.DeadLetters, func(r ledger.Record) { st.addDead(r) }); err != nil {
		return err
	}
	return s.walk(ctx, st, ledger.Open, func(r ledger.Record) { st.addOpen(r, s.labels.merchant(r.MchtID), waits) })
}

func (s *survey) clock(ctx context.Context) (time.Time, error) {
	now, err := s.redis.Time(ctx).Result()
	if err == nil && s.now != nil {
		now = s.now()
	}
	return now, err
}

func (s *survey) sweeping(ctx context.Context) (bool, error) {
	n, err := s.redis.Exists(ctx, sweeperKey).Result()
	return n > 0, err
}

// held fills in the queues and who is paused, and answers which cancellations wait on purpose.
func (s *survey) held(ctx context.Context, now time.Time, st *state) (func(ledger.Record) bool, error) {
	paused, err := pause.All(ctx, s.redis)
	if err != nil {
		return nil, err
	}
	for id, p := range paused {
		merchant := s.labels.merchant(id)
		st.paused[merchant] = max(st.paused[merchant], now.Sub(p.At))
	}
	st.pauses = len(paused)
	if err := s.queues(st); err != nil {
		return nil, err
	}
	return func(r ledger.Record) bool {
		if _, all := paused[pause.AllMerchants]; all {
			return true
		}
		if _, this := paused[r.MchtID]; this || st.queue(r).paused {
			return true
		}
		return s.shut(r, now)
	}, nil
}

// shut reports whether a cancellation must not be sent now.
func (s *survey) shut(r ledger.Record, now time.Time) bool {
	if s.closed == nil {
		return false
	}
	x, err := tasks.FromRecord(r)
	if err != nil {
		return false
	}
	until, _ := s.closed(gateway.CancelRequest{
		MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt, CanAmt: x.CanAmt, OrgTrdAmt: x.OrgTrdAmt,
		Method: x.Method, Operation: x.Operation, Currency: x.Currency, RefundBankCd: x.RefundBankCd, RefundDpstrNm: x.RefundDpstrNm}, now)
	return until.After(now)
}

// queues asks asynq, which takes no context; Redis's own time-outs bound it.
func (s *survey) queues(st *state) error {
	exist, err := s.inspector.Queues()
	if err != nil {
		return err
	}
	for _, name := range queueNames() {
		if !slices.Contains(exist, name) {
			continue // nothing was ever put into it
		}
		info, err := s.inspector.GetQueueInfo(name)
		if err != nil {
			st.complete = false // one damaged task is enough
			s.log.Error("metrics: a queue cannot be read", "queue", name, "error", err)
			delete(st.queues, name)
			continue
		}
		q := st.queues[name]
		q.paused = info.Paused
		q.tasks = map[string]int{"pending": info.Pending, "active": info.Active, "scheduled": info.Scheduled,
			"retry": info.Retry, "archived": info.Archived, "completed": info.Completed}
		if name != events.QueueWebhooks {
			continue
		}
		if st.webhook, err = events.OldestWebhook(s.inspector, info); err != nil {
			st.complete = false
			s.log.Error("metrics: webhooks cannot be read", "error", err)
		}
	}
	return nil
}

// walk looks at the records of a set, at s.most of them.
func (s *survey) walk(ctx context.Context, st *state, set ledger.Set, add func(ledger.Record)) error {
	seen := 0
	for r, err := range s.client.Ledger().All(ctx, set, ledger.Listing{Limit: min(walkPage, s.most+1)}) {
		switch {
		case errors.Is(err, ledger.ErrDamaged):
			st.damaged += damaged(err)
			s.log.ErrorContext(ctx, "metrics: records are damaged", "error", err)
		case err != nil:
			return fmt.Errorf("after %d records: %w", seen, err)
		case seen == s.most:
			st.complete = false
			return nil
		default:
			seen++
			add(r)
		}
	}
	return nil
}

// damaged counts the records that an error of the ledger names.
func damaged(err error) int {
	if err == ledger.ErrDamaged { //nolint:errorlint // each one stands in the tree once
		return 1
	}
	switch e := err.(type) { //nolint:errorlint // the tree itself is walked
	case interface{ Unwrap() error }:
		return damaged(e.Unwrap())
	case interface{ Unwrap() []error }:
		n := 0
		for _, child := range e.Unwrap() {
			n += damaged(child)
		}
		return n
	}
	return 0
}
