package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

// relayKey names the worker whose turn it is to relay events.
const relayKey = "settlecancel:relay"

const (
	// relayLife is how long that worker may be silent before another takes its turn. A round ends
	// before.
	relayLife = 5 * time.Second
	// relayPage is how many events of each of the ledger's shards one round tells at most.
	relayPage = 50
)

// relay takes what the ledger's outbox holds to those who want to know. Every worker relays, one at
// a time among them, so that the events of one cancellation are told in their order.
type relay struct {
	ledger  *ledger.Ledger
	redis   redis.UniversalClient
	turn    *turn
	webhook bool // there is somebody to tell besides
	every   time.Duration
	keep    int64
	log     *slog.Logger
}

func (w *Worker) newRelay() *relay {
	return &relay{ledger: w.ledger, redis: w.opts.Redis, turn: newTurn(w.opts.Redis, relayKey, relayLife),
		webhook: w.opts.Webhook != nil, every: w.opts.RelayEvery, keep: w.opts.EventsKeep, log: w.log}
}

func (r *relay) run(ctx context.Context) {
	repeat(ctx, r.every, func(ctx context.Context) time.Duration {
		mine, err := r.turn.take(ctx)
		told := 0
		if err == nil && mine {
			told, err = r.once(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			r.log.WarnContext(ctx, "events not told; they stay in the outbox, and the next round follows", "error", err)
			return 10 * r.every // what is told anew each time would push the rest out of the stream
		case told >= relayPage:
			return 0 // there may be more
		}
		return r.every
	})
	if err := r.turn.leave(); err != nil {
		r.log.DebugContext(ctx, "relay's turn not left; it ends by itself", "error", err)
	}
}

// once tells what is in the outbox and answers how many events that were, once as many replicas as
// the ledger demands hold them: what a failover could still undo is not told. Each is in the queue
// of webhooks, which takes it once, then in the stream, and only then acknowledged: whoever dies in
// between leaves it to be told again. What cannot be told is set aside, so that it does not take
// the place of what can.
func (r *relay) once(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, relayLife*4/5) // then another worker's turn may have come
	defer cancel()
	outbox, err := r.ledger.Outbox(ctx, relayPage)
	if err != nil || len(outbox) == 0 {
		return 0, err
	}
	if err := r.ledger.Safe(ctx); err != nil {
		return 0, err
	}
	entries, tellable, damaged := eventsOf(outbox)
	kept := r.setAside(ctx, damaged)
	n, unqueued := r.queueWebhooks(ctx, tellable)
	if n == 0 {
		return 0, errors.Join(kept, unqueued)
	}
	if err := events.Append(ctx, r.redis, tellable[:n], r.keep); err != nil {
		return 0, err
	}
	if err := r.ledger.Ack(ctx, entries[:n]); err != nil {
		return 0, err
	}
	return n, errors.Join(kept, unqueued)
}

// eventsOf returns the entries that can be told, with their events, and those that cannot.
func eventsOf(outbox []ledger.Event) (entries []ledger.Event, tellable []events.Event, damaged []ledger.Event) {
	for _, entry := range outbox {
		e, err := events.New(entry)
		if err != nil {
			entry.Damage = err
			damaged = append(damaged, entry)
			continue
		}
		entries, tellable = append(entries, entry), append(tellable, e)
	}
	return entries, tellable, damaged
}

// queueWebhooks returns how many events, from the first, need no webhook any more.
func (r *relay) queueWebhooks(ctx context.Context, tellable []events.Event) (int, error) {
	if !r.webhook {
		return len(tellable), nil
	}
	ctx, cancel := context.WithTimeout(ctx, relayLife/2) // leaves time to tell the stream
	defer cancel()
	return events.EnqueueWebhooks(ctx, r.redis, tellable, "")
}

// setAside takes what is damaged out of the outbox, and logs each of it once. A person may read in
// it what no program can.
func (r *relay) setAside(ctx context.Context, damaged []ledger.Event) error {
	moved, err := r.ledger.SetAside(ctx, damaged)
	for _, e := range moved {
		r.log.ErrorContext(ctx, "event damaged: it cannot be told, and is kept beside the outbox", "event", e.ID, "error", e.Damage)
	}
	return err
}
