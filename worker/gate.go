package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// gate keeps cancellations waiting that must not be sent now, before any intent is stored and
// without any cost: their merchant is paused, their bank sleeps, or the merchant's rate is used up.
type gate struct {
	closed func(gateway.CancelRequest, time.Time) (time.Time, string)
	now    func() time.Time
	redis  redis.UniversalClient
	*pacers
}

// pausePoll is how often a worker looks for pauses; with it, a pause takes effect within two
// seconds.
const pausePoll = time.Second

// wait returns why and how long a cancellation has to wait, or nil.
func (g *gate) wait(x tasks.Cancellation) error {
	if err := g.pause(x.MchtID); err != nil {
		return err
	}
	if g.closed != nil {
		now := g.now()
		if until, why := g.closed(cancelRequest(x, ledger.Record{}), now); until.After(now) {
			return &postponed{after: until.Sub(now), reason: oneLine("waits until " + until.Format("15:04") + ": " + why)}
		}
	}
	if delay := g.pacers.queueDelay(x.MchtID); delay > 0 {
		return &postponed{after: delay, reason: "waits for its turn: SETTLEBANK_RATE"}
	}
	return nil
}

// watch keeps what is paused up to date. Where Redis is away, what was known last holds.
func (g *gate) watch(ctx context.Context) {
	repeat(ctx, pausePoll, func(ctx context.Context) time.Duration {
		_ = g.refreshPauses(ctx)
		return pausePoll
	})
}

// refreshPauses reads what is paused.
func (g *gate) refreshPauses(ctx context.Context) error {
	paused, err := pause.All(ctx, g.redis)
	if err == nil {
		g.paused.Store(&paused)
	}
	return err
}

// pacers space the requests of each merchant evenly over all workers, and let none go while the
// merchant is paused.
type pacers struct {
	limiter *redis_rate.Limiter
	rate    int // requests a second; 0 is no limit
	paused  atomic.Pointer[map[string]pause.Pause]

	mu sync.Mutex
	by map[string]*pacer
}

// pacer lets one request of this process ask for the next slot at a time, so that waiting costs
// Redis nothing.
type pacer struct {
	turn    sync.Mutex
	waiting atomic.Int64
}

// pause returns who has paused a merchant, or nil.
func (p *pacers) pause(mchtID string) error {
	all := p.paused.Load()
	if all == nil {
		return nil
	}
	for _, id := range []string{mchtID, pause.AllMerchants} {
		if by, ok := (*all)[id]; ok {
			return &postponed{after: 2 * pausePoll, reason: oneLine("paused by " + by.Who + ": " + by.Note)}
		}
	}
	return nil
}

func (p *pacers) of(mchtID string) *pacer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = map[string]*pacer{}
	}
	if p.by[mchtID] == nil {
		p.by[mchtID] = &pacer{}
	}
	return p.by[mchtID]
}

// queueDelay returns how long a merchant's queue in this process is, where it is longer than a
// second: then a task does better to step back than to hold its place, which another merchant's
// task could use.
func (p *pacers) queueDelay(mchtID string) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	queue := time.Duration(p.of(mchtID).waiting.Load()) * time.Second / time.Duration(p.rate)
	if queue < time.Second {
		return 0
	}
	return queue
}

// waitForSlot waits for the merchant's next slot. A pause that begins meanwhile ends the waiting of
// all in the queue, which with many workers may be seconds long.
func (p *pacers) waitForSlot(ctx context.Context, mchtID string) error {
	if p.rate <= 0 {
		return p.pause(mchtID)
	}
	me := p.of(mchtID)
	me.waiting.Add(1)
	defer me.waiting.Add(-1)
	me.turn.Lock()
	defer me.turn.Unlock()
	for {
		if err := p.pause(mchtID); err != nil {
			return err
		}
		r, err := p.limiter.Allow(ctx, "settlecancel:"+mchtID, redis_rate.Limit{Rate: p.rate, Burst: 1, Period: time.Second})
		if err != nil || r.Allowed > 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(r.RetryAfter):
		}
	}
}
