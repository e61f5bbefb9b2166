package dashboard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// standing is what has to be known before anything may be called well. What could not be found out
// is known as such.
type standing struct {
	at        time.Time
	redisAway bool // and then nothing else is known

	open         int64
	workers      []string // host and process of those that take cancellations
	workersKnown bool
	started      time.Time // of the one that has run longest
	served       map[string]bool
	sweeper      bool
	pulses       []pulse.Pulse
	pulsesKnown  bool

	pauses      map[string]pause.Pause
	pausesKnown bool
	queues      []string // that somebody has paused
	queuesKnown bool
	hooks       hooks

	backlog    ledger.Backlog
	oldestDead time.Time // since when the oldest dead letter lies there
	oldestDue  time.Time // since when the open one that waits longest is due
	alarmsKnow bool
	epochs     ledger.Epochs // whether Redis has forgotten confirmed writes
}

// standingTime bounds what a page waits for it.
const standingTime = 3 * time.Second

// stand returns how things stand now, or a moment ago.
func (d *Dashboard) stand(ctx context.Context) standing {
	s, _ := d.facts.get(func() (standing, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingTime)
		defer cancel()
		return d.standAfresh(ctx), nil
	})
	return s
}

func (d *Dashboard) standAfresh(ctx context.Context) standing {
	s := standing{at: d.opts.Now()}
	var err error
	if s.open, _, err = d.ledger.Counts(ctx); err != nil {
		d.log.ErrorContext(ctx, "it is not known how things stand", "error", err)
		s.redisAway = true
		return s
	}
	note := func(what string, err error) bool {
		if err != nil {
			d.log.ErrorContext(ctx, "it is not known how things stand", "what", what, "error", err)
		}
		return err == nil
	}
	s.workersKnown = note("workers", s.readWorkers(d.inspector)) && note("sweeper", s.readSweeper(ctx, d.opts.Redis))
	s.pulses, err = pulse.Read(ctx, d.opts.Redis)
	s.pulsesKnown = note("pulses", err)
	s.pauses, err = pause.All(ctx, d.opts.Redis)
	s.pausesKnown = note("pauses", err)
	s.queuesKnown = note("queues", d.readQueues(&s))
	s.alarmsKnow = note("alarms", d.readAlarms(ctx, &s))
	return s
}

// readWorkers asks asynq who takes tasks; what does not beat its heart any more is gone within
// seconds.
func (s *standing) readWorkers(inspector *asynq.Inspector) error {
	servers, err := inspector.Servers()
	if err != nil {
		return err
	}
	s.served = map[string]bool{}
	names := map[string]bool{}
	for _, server := range servers {
		takes := false
		for queue := range server.Queues {
			if server.Status == "active" {
				s.served[queue] = true
				takes = takes || ours(queue)
			}
		}
		if !takes {
			continue
		}
		names[fmt.Sprintf("%s:%d", server.Host, server.PID)] = true
		if s.started.IsZero() || server.Started.Before(s.started) {
			s.started = server.Started
		}
	}
	s.workers = slices.Sorted(maps.Keys(names))
	return nil
}

// sweeperKey names the worker whose turn it is to sweep, while there is one.
const sweeperKey = "settlecancel:sweeper"

func (s *standing) readSweeper(ctx context.Context, rdb redis.UniversalClient) error {
	n, err := rdb.Exists(ctx, sweeperKey).Result()
	s.sweeper = n > 0
	return err
}

// readQueues tells which queues somebody has paused, and what the receiver of webhooks has not been
// told.
func (d *Dashboard) readQueues(s *standing) error {
	exist, err := d.inspector.Queues()
	if err != nil {
		return err
	}
	for _, name := range append(slices.Sorted(maps.Keys(tasks.Queues())), events.QueueWebhooks) {
		if !slices.Contains(exist, name) {
			continue // nothing was ever put into it
		}
		q, err := d.inspector.GetQueueInfo(name)
		if err != nil {
			return err
		}
		if q.Paused {
			s.queues = append(s.queues, name)
		}
		if name == events.QueueWebhooks {
			s.hooks = d.hooks(q)
		}
	}
	return nil
}

// readAlarms looks at what the shipped alarms look at, as far as that can be told without a walk.
func (d *Dashboard) readAlarms(ctx context.Context, s *standing) (err error) {
	if s.backlog, err = d.ledger.Backlog(ctx); err != nil {
		return err
	}
	if s.epochs, err = d.ledger.Epochs(ctx); err != nil {
		return err
	}
	first := func(set ledger.Set) (ledger.Record, error) {
		records, _, err := d.ledger.List(ctx, set, ledger.Listing{Limit: 1})
		if errors.Is(err, ledger.ErrDamaged) {
			err = nil // the lists tell of it
		}
		if err != nil || len(records) == 0 {
			return ledger.Record{}, err
		}
		return records[0], nil
	}
	dead, err := first(ledger.DeadLetters)
	if err != nil {
		return err
	}
	open, err := first(ledger.Open)
	s.oldestDead, s.oldestDue = dead.EndedAt, open.DueAt
	return err
}
