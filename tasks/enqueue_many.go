package tasks

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger"
)

const (
	// batchSize bounds what EnqueueMany sends at a time: a pipeline keeps Redis from others, and
	// both sides hold all of it.
	batchSize = 200
	// lanes is how many batches are under way at a time, so that Redis works at one while the next
	// is written.
	lanes = 4
	// settlers bounds how many blocked task ids are looked into at a time.
	settlers = 16
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
	run := func(lane []int) {
		for len(lane) > 0 {
			n := batchOf(submissions, lane)
			c.enqueueBatch(ctx, submissions, lane[:n], outcomes)
			lane = lane[n:]
		}
	}
	all := split(submissions)
	var others sync.WaitGroup
	for _, lane := range all[1:] {
		others.Go(func() { run(lane) })
	}
	run(all[0])
	others.Wait()
	for i, s := range submissions {
		var invalid *InvalidError
		if err := outcomes[i].Err; err != nil && !errors.As(err, &invalid) {
			outcomes[i] = Outcome{Err: fmt.Errorf("enqueue %s: %w", s.IdempotencyKey, err)}
		}
	}
	return outcomes
}

// split spreads submissions over lanes, as their places. All of one key keep their order in one
// lane.
func split(submissions []Submission) [][]int {
	seed := maphash.MakeSeed()
	all := make([][]int, max(1, min(lanes, len(submissions)/(batchSize/lanes))))
	for i, s := range submissions {
		lane := maphash.String(seed, s.IdempotencyKey) % uint64(len(all))
		all[lane] = append(all[lane], i)
	}
	return all
}

// batchOf returns how many of a lane are sent together, one at least. None has the key of another:
// where Redis has lost our scripts, it may take the later ones of a pipeline first.
func batchOf(submissions []Submission, lane []int) int {
	seen := make(map[string]bool, min(len(lane), batchSize))
	for n, i := range lane {
		key := submissions[i].IdempotencyKey
		if n == batchSize || seen[key] {
			return n
		}
		seen[key] = true
	}
	return len(lane)
}

// enqueueBatch puts into the ledger what is valid of a batch, and into the queue what the ledger
// holds for open.
func (c *Client) enqueueBatch(ctx context.Context, submissions []Submission, batch []int, outcomes []Outcome) {
	var entries []ledger.Entry
	var which []int
	for _, i := range batch {
		entry, err := c.entry(submissions[i].Cancellation, submissions[i].EnqueueOptions)
		if outcomes[i].Err = err; err == nil {
			entries, which = append(entries, entry), append(which, i)
		}
	}
	var open []ledger.Record
	var waiting []int
	for n, a := range c.accept(ctx, entries) {
		i := which[n]
		outcomes[i] = Outcome{Receipt{Record: a.Record, Replayed: a.Known}, a.Err}
		if a.Err == nil && a.Record.Open() {
			open, waiting = append(open, a.Record), append(waiting, i)
		}
	}
	for n, err := range c.ensureAll(ctx, open) {
		if err != nil {
			outcomes[waiting[n]].Err = fmt.Errorf("the ledger holds it, the queue may not; repeat the call: %w", err)
		}
	}
}

// accept returns an error for each where the ledger confirms none.
func (c *Client) accept(ctx context.Context, entries []ledger.Entry) []ledger.Accepted {
	answers, err := c.ledger.AcceptMany(ctx, entries)
	if err == nil {
		return answers
	}
	if len(entries) > 1 && ofOne(err) {
		// One transaction that cannot be read must not keep the others out.
		half := len(entries) / 2
		return append(c.accept(ctx, entries[:half]), c.accept(ctx, entries[half:])...)
	}
	answers = make([]ledger.Accepted, len(entries))
	for i := range answers {
		answers[i].Err = err
	}
	return answers
}

// ofOne tells an error that comes of a single transaction from one that befalls whatever is asked
// of Redis.
func ofOne(err error) bool {
	var said redis.Error // a script that failed, or a key that holds something foreign
	return errors.Is(err, ledger.ErrDamaged) ||
		errors.As(err, &said) && (strings.HasPrefix(said.Error(), "ERR ") || strings.HasPrefix(said.Error(), "WRONGTYPE "))
}

// ensureAll is Ensure of each.
func (c *Client) ensureAll(ctx context.Context, records []ledger.Record) []error {
	tasks := make([]placement, len(records))
	for i, r := range records {
		tasks[i] = placement{record: r, id: r.Key}
	}
	errs := c.putAll(ctx, tasks)
	var blocked sync.WaitGroup
	free := make(chan struct{}, settlers)
	for i, r := range records {
		if errors.Is(errs[i], asynq.ErrTaskIDConflict) {
			free <- struct{}{}
			blocked.Go(func() {
				errs[i] = c.settle(ctx, r, false)
				<-free
			})
		}
	}
	blocked.Wait()
	return errs
}
