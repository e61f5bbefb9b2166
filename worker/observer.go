package worker

import (
	"context"
	"time"

	"settlecancel/tasks/ledger"
)

// Observer is told what a worker does, for metrics and traces. Its methods must return at once.
type Observer interface {
	// Attempt is told of each request and inquiry once its outcome is stored, with the record as it
	// was before.
	Attempt(ctx context.Context, r ledger.Record, method string, a ledger.Attempt)
	// Settled is told of each cancellation that has ended or become a dead letter.
	Settled(ctx context.Context, r ledger.Record, method string)
	// Breaker is told when a merchant's breaker changes: closed, half-open or open.
	Breaker(mchtID, state string)
	// Postponed is told why a task was put off.
	Postponed(reason string, after time.Duration)
	// Refused is told of each task that is no cancellation, or in conflict with one.
	Refused()
}

// unobserved is the Observer of a worker that nobody watches.
type unobserved struct{}

func (unobserved) Attempt(context.Context, ledger.Record, string, ledger.Attempt) {}
func (unobserved) Settled(context.Context, ledger.Record, string)                 {}
func (unobserved) Breaker(string, string)                                         {}
func (unobserved) Postponed(string, time.Duration)                                {}
func (unobserved) Refused()                                                       {}
