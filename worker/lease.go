package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"settlecancel/tasks/ledger"
)

// holder keeps the lease of a grant alive while its request is on the wire. Leases are short, so
// that the work of a dead worker is soon found; most requests are shorter.
type holder struct {
	worker *Worker
	ctx    context.Context

	mu    sync.Mutex
	grant ledger.Grant
	timer *time.Timer // nil once released
}

func (w *Worker) hold(ctx context.Context, g ledger.Grant) *holder {
	h := &holder{worker: w, ctx: context.WithoutCancel(ctx), grant: g}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer = time.AfterFunc(w.ledger.Lease()/3, h.renew)
	return h
}

// renew runs until the grant is released. Where Redis is away, or another attempt has taken over,
// the request goes on: it is on the wire, and its answer counts in any case.
func (h *holder) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.worker.ledger.Lease()/3)
	defer cancel()
	if err := h.worker.ledger.Renew(ctx, &h.grant); err != nil {
		h.worker.log.WarnContext(ctx, "lease not renewed", "key", h.grant.Record.Key, "error", err)
		if errors.Is(err, ledger.ErrStale) {
			return
		}
	}
	h.timer.Reset(h.worker.ledger.Lease() / 3)
}

// release ends the renewing and returns the grant as it is now.
func (h *holder) release() ledger.Grant {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	return h.grant
}

// store writes an outcome, again and again where Redis is away: that of a request for as long as it
// is the best that is known, that of an inquiry for as long as the lease protects it, since what it
// saw may be old by then.
func (w *Worker) store(ctx context.Context, g ledger.Grant, a ledger.Attempt, n ledger.Next) (ledger.Finished, error) {
	until := g.Expiry
	if g.Step == ledger.StepSend {
		until = g.Latest
	}
	if least := time.Now().Add(leastStoring); until.Before(least) {
		until = least
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	b := backoff.NewExponentialBackOff(backoff.WithInitialInterval(20*time.Millisecond), backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(0))
	return backoff.RetryWithData(func() (ledger.Finished, error) {
		done, err := w.ledger.Finish(ctx, g, a, n)
		g = g.Reread() // what it knew of the payment may be stale now
		if errors.Is(err, ledger.ErrStale) || errors.Is(err, ledger.ErrNotFound) {
			err = backoff.Permanent(err)
		}
		return done, err
	}, backoff.WithContext(b, ctx))
}

// leastStoring is how long an outcome is tried to be stored at least.
const leastStoring = 2 * time.Second
