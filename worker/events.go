package worker

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

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
type relay struct{ *Worker }

func (r *relay) run(ctx context.Context) {
	me := rand.Text()
	for wait := r.opts.RelayEvery; ; {
		select {
		case <-ctx.Done():
			r.leave(me)
			return
		case <-time.After(wait):
		}
		wait = r.opts.RelayEvery
		mine, err := r.takeTurn(ctx, relayKey, me, relayLife)
		told := 0
		if err == nil && mine {
			told, err = r.once(ctx)
		}
		if told >= relayPage {
			wait = 0 // there may be more
		}
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "events not told; they stay in the outbox, and the next round follows", "error", err)
			wait = 10 * r.opts.RelayEvery // what is told anew each time would push the rest out of the stream
		}
	}
}

// leave lets the next worker relay at once. Without it, it waits for the turn to end.
func (r *relay) leave(me string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.leaveTurn(ctx, relayKey, me); err != nil {
		r.log.DebugContext(ctx, "relay's turn not left; it ends by itself", "error", err)
	}
}

// once tells what is in the outbox and answers how many events that were. Each is in the queue of
// webhooks, which takes it once, then in the stream, and only then crossed out: whoever dies in
// between leaves it to be told again. What cannot be told is set aside, so that it does not take
// the place of what can.
func (r *relay) once(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, relayLife*4/5) // then another worker's turn may have come
	defer cancel()
	outbox, err := r.ledger.Outbox(ctx, relayPage)
	if err != nil {
		return 0, err
	}
	entries, tellable, damaged := eventsOf(outbox)
	kept := r.setAside(ctx, damaged)
	n, unqueued := r.queueWebhooks(ctx, tellable)
	if n == 0 {
		return 0, errors.Join(kept, unqueued)
	}
	if err := events.Append(ctx, r.opts.Redis, tellable[:n], r.opts.EventsKeep); err != nil {
		return 0, err
	}
	if err := r.ledger.CrossOut(ctx, entries[:n]); err != nil {
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
	if r.opts.Webhook == nil {
		return len(tellable), nil
	}
	ctx, cancel := context.WithTimeout(ctx, relayLife/2) // leaves time to tell the stream
	defer cancel()
	return events.EnqueueWebhooks(ctx, r.opts.Redis, tellable, "")
}

// setAside takes what is damaged out of the outbox, and logs each of it once. A person may read in
// it what no program can.
func (r *relay) setAside(ctx context.Context, damaged []ledger.Event) (failed error) {
	for _, e := range damaged {
		if err := r.ledger.SetAside(ctx, e); err != nil {
			failed = cmp.Or(failed, err) // which may be of one shard alone
			continue
		}
		r.log.ErrorContext(ctx, "event damaged: it cannot be told, and is kept beside the outbox", "event", e.ID, "error", e.Damage)
	}
	return failed
}
