package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"settlecancel/gateway"
)

// breakers hold the traffic of a merchant whose requests cannot succeed, because its keys, its
// registration or the gateway itself is wrong, and let a probe through now and then. One merchant's
// trouble leaves the others alone.
type breakers struct {
	what  string // requests or inquiries
	pause time.Duration
	log   *slog.Logger
	tell  func(mchtID, state string)

	mu   sync.Mutex
	last map[string]gateway.Class // by merchant: the class of the latest failure
	by   map[string]*gobreaker.TwoStepCircuitBreaker[struct{}]
}

// tripAfter is how many failures in a row hold a merchant.
const tripAfter = 10

func newBreakers(what string, pause time.Duration, log *slog.Logger, tell func(mchtID, state string)) *breakers {
	return &breakers{what: what, pause: pause, log: log, tell: tell, last: map[string]gateway.Class{}, by: map[string]*gobreaker.TwoStepCircuitBreaker[struct{}]{}}
}

func (b *breakers) of(mchtID string) *gobreaker.TwoStepCircuitBreaker[struct{}] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cb, ok := b.by[mchtID]; ok {
		return cb
	}
	var cb *gobreaker.TwoStepCircuitBreaker[struct{}]
	cb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        mchtID,
		Timeout:     b.pause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errUntold) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			level := slog.LevelInfo
			if to == gobreaker.StateOpen {
				level = slog.LevelError
				// A breaker looks at the clock only when it is asked. Without traffic it would be
				// shown as open for ever.
				time.AfterFunc(b.pause+time.Millisecond, func() { cb.State() })
			}
			b.log.Log(context.Background(), level, "merchant's "+b.what+": "+from.String()+" → "+to.String(), "mcht_id", name)
			b.tell(name, to.String())
		},
	})
	b.by[mchtID] = cb
	return cb
}

// ready reports whether a merchant's traffic is let through, or a probe of it.
func (b *breakers) ready(mchtID string) bool { return b.of(mchtID).State() != gobreaker.StateOpen }

// allow lets one call to the merchant's account through, and returns whom to tell what was learned
// by it; or the error why it is held.
func (b *breakers) allow(mchtID string) (told func(health), err error) {
	done, err := b.of(mchtID).Allow()
	if err != nil {
		return nil, err
	}
	return func(h health) { done(errorsOf[h]) }, nil
}

// note keeps how a call failed.
func (b *breakers) note(mchtID string, o gateway.Outcome) {
	if healthOf(o) != failing {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[mchtID] = o.Class
}

// lastFailure returns the class of the latest failure of a merchant's calls.
func (b *breakers) lastFailure(mchtID string) gateway.Class {
	b.mu.Lock()
	defer b.mu.Unlock()
	return cmp.Or(b.last[mchtID], gateway.Unknown)
}

// errorsOf is what a breaker counts.
var errorsOf = map[health]error{failing: errFailing, healthUntold: errUntold}

var (
	errFailing = errors.New("the merchant's requests fail")
	errUntold  = errors.New("nothing was learned of the merchant's standing")
)

// health is what an attempt says of the gateway and the merchant's standing there.
type health int

const (
	healthy      health = iota
	failing             // nothing can succeed like this
	healthUntold        // it says nothing
)

// healthOf reads an outcome: a refusal proves that the gateway listens; no answer at all, or one
// that blames keys or registration, that it does not.
func healthOf(o gateway.Outcome) health {
	switch {
	case o.Class == gateway.Misconfigured:
		return failing
	case o.Code == gateway.Local:
		return healthUntold
	case o.Code == "" && o.Class != gateway.OK:
		return failing
	default:
		return healthy
	}
}
