package tasks

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"settlecancel/tasks/ledger"
)

const (
	// batchSize bounds what EnqueueMany holds beside its arguments.
	batchSize = 1000
	// putters bounds how many tasks are put into queues at a time; they share pipelines.
	putters = 64
)

// Submission is one cancellation of EnqueueMany.
type Submission struct {
	Cancellation
	EnqueueOptions
}

// Outcome is what Enqueue would have answered.
type Outcome struct {
	Receipt Receipt
	Err     error
}

// EnqueueMany is Enqueue of each, in few round trips: the outcome of each submission stands at its
// place, and one that fails takes no other with it. Of two with the same key the first is accepted;
// the second is a repeat, or in conflict with it.
func (c *Client) EnqueueMany(ctx context.Context, submissions []Submission) []Outcome {
	outcomes := make([]Outcome, len(submissions))
	for begin := 0; begin < len(submissions); {
		n := batchOf(submissions[begin:])
		c.enqueueBatch(ctx, submissions[begin:begin+n], outcomes[begin:begin+n])
		begin += n
	}
	for i, s := range submissions {
		var invalid *InvalidError
		if err := outcomes[i].Err; err != nil && !errors.As(err, &invalid) {
			outcomes[i] = Outcome{Err: fmt.Errorf("enqueue %s: %w", s.IdempotencyKey, err)}
		}
	}
	return outcomes
}

// batchOf returns how many of the submissions are sent together, one at least. None has the key of
// another, since those of a batch come in no order.
func batchOf(submissions []Submission) int {
	seen := make(map[string]bool, min(len(submissions), batchSize))
	for n, s := range submissions {
		if n == batchSize || seen[s.IdempotencyKey] {
			return n
		}
		seen[s.IdempotencyKey] = true
	}
	return len(submissions)
}

// enqueueBatch puts into the ledger what is valid of a batch, and into the queue what the ledger
// holds for open.
func (c *Client) enqueueBatch(ctx context.Context, batch []Submission, outcomes []Outcome) {
	var entries []ledger.Entry
	var which []int
	for i, s := range batch {
		entry, err := c.entry(s.Cancellation, s.EnqueueOptions)
		if outcomes[i].Err = err; err == nil {
			entries, which = append(entries, entry), append(which, i)
		}
	}
	var puts errgroup.Group
	puts.SetLimit(putters)
	for n, a := range c.ledger.AcceptMany(ctx, entries) {
		outcome := &outcomes[which[n]]
		*outcome = Outcome{Receipt{Record: a.Record, Replayed: a.Known}, a.Err}
		if a.Err != nil || !a.Record.Open() {
			continue
		}
		puts.Go(func() error {
			if err := c.ensure(ctx, a.Record, false); err != nil {
				outcome.Err = fmt.Errorf("the ledger holds it, the queue may not; repeat the call: %w", err)
			}
			return nil
		})
	}
	_ = puts.Wait() // each outcome has its own error
}
