package bulk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
)

// line is one with a key.
func line(number int, key string) tasks.Line {
	return tasks.Line{Number: number, Cancellation: tasks.Cancellation{IdempotencyKey: key}}
}

// numbered returns so many lines, each with a key of its own.
func numbered(n int) iter.Seq[tasks.Line] {
	return func(yield func(tasks.Line) bool) {
		for i := range n {
			if !yield(line(i+1, fmt.Sprint("k-", i+1))) {
				return
			}
		}
	}
}

func quiet(enqueue func(context.Context, []tasks.Submission) []tasks.Outcome) Options {
	return Options{Enqueue: enqueue, Refused: func(int, error) {}, Settled: func(int) {}}
}

// accept is the outcome of what is accepted.
func accept(_ context.Context, s []tasks.Submission) []tasks.Outcome {
	return make([]tasks.Outcome, len(s))
}

// The first line that was not enqueued is named exactly.
func TestBulkInterrupted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines int
		want  Summary
	}{
		"OK nothing was waiting": {1, Summary{Lines: 1, Accepted: 1, First: 2, Stopped: "interrupted"}},
		"OK one was waiting":     {2, Summary{Lines: 1, Accepted: 1, First: 2, Stopped: "interrupted"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			taken := make(chan struct{})
			got := Run(ctx, func(yield func(tasks.Line) bool) {
				for i := range tt.lines {
					yield(line(i+1, "one"))
				}
				<-taken
				interrupt()
				<-t.Context().Done() // a producer that says nothing more
			}, quiet(func(ctx context.Context, s []tasks.Submission) []tasks.Outcome {
				close(taken)
				<-ctx.Done()
				return accept(ctx, s)
			}))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

// However the lines come, each is enqueued once and in order, in batches without a key twice.
func TestBulkBatches(t *testing.T) {
	t.Parallel()
	keys := []string{"a", "b", "a", "a", "c", "b"}
	for i := range 3 * batch {
		keys = append(keys, fmt.Sprint("k-", i))
	}
	var got []string
	largest := 0
	s := Run(t.Context(), func(yield func(tasks.Line) bool) {
		for i, key := range keys {
			yield(line(i+1, key))
		}
	}, quiet(func(ctx context.Context, some []tasks.Submission) []tasks.Outcome {
		seen := map[string]bool{}
		for _, x := range some {
			if seen[x.IdempotencyKey] {
				t.Errorf("%s stands twice in a batch", x.IdempotencyKey)
			}
			seen[x.IdempotencyKey] = true
			got = append(got, x.IdempotencyKey)
		}
		largest = max(largest, len(some))
		return accept(ctx, some)
	}))
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("enqueued (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Summary{Lines: len(keys), Accepted: len(keys)}, s); diff != "" || largest > batch {
		t.Errorf("batches of up to %d, summary (-want +got):\n%s", largest, diff)
	}
}

// What Redis refuses stops the run; what is in the same batch, and was accepted, is counted.
func TestBulkStops(t *testing.T) {
	t.Parallel()
	away := errors.New("redis is away\x1b[2J")
	s := Run(t.Context(), numbered(10*batch), quiet(func(_ context.Context, some []tasks.Submission) []tasks.Outcome {
		outcomes := make([]tasks.Outcome, len(some))
		for i, x := range some {
			if x.IdempotencyKey == "k-1234" || x.IdempotencyKey == "k-1235" {
				outcomes[i].Err = away
			}
		}
		return outcomes
	}))
	if s.First != 1234 || s.Stopped != "redis is away\ufffd[2J" || s.Accepted != s.Lines || s.Lines < 1233 || s.Lines > 1234+batch {
		t.Errorf("summary %+v, want a stop at line 1234", s)
	}
}

// Lines that are faulty are told and counted, and keep no other out.
func TestBulkRefuses(t *testing.T) {
	t.Parallel()
	var told []int
	o := quiet(func(_ context.Context, some []tasks.Submission) []tasks.Outcome {
		outcomes := make([]tasks.Outcome, len(some))
		for i, x := range some {
			switch x.IdempotencyKey {
			case "k-3":
				outcomes[i].Err = tasks.ErrConflict
			case "k-4":
				outcomes[i].Receipt.Replayed = true
			}
		}
		return outcomes
	})
	o.Refused = func(number int, err error) { told = append(told, number) }
	s := Run(t.Context(), func(yield func(tasks.Line) bool) {
		for l := range numbered(5) {
			if l.Number == 2 {
				l = tasks.Line{Number: 2, Err: &tasks.InvalidError{}}
			}
			yield(l)
		}
		yield(tasks.Line{Number: 6, Err: &tasks.ReadError{Line: 6, Err: errors.New("disk on fire")}})
	}, o)
	slices.Sort(told)
	if diff := cmp.Diff([]int{2, 3}, told); diff != "" {
		t.Errorf("lines told (-want +got):\n%s", diff)
	}
	if s.First != 6 || s.Lines != 5 || s.Accepted != 2 || s.Known != 1 || s.Refused != 2 {
		t.Errorf("summary %+v", s)
	}
}

// What failed is tried again, and nothing besides; what is the cancellation's own fault is not.
func TestEnqueuer(t *testing.T) {
	t.Parallel()
	away := errors.New("redis is away")
	var calls [][]string
	told := 0
	e := Enqueuer{Patience: time.Minute, Waiting: func(error) { told++ }, Many: func(_ context.Context, some []tasks.Submission) []tasks.Outcome {
		outcomes, keys := make([]tasks.Outcome, len(some)), []string{}
		for i, x := range some {
			keys = append(keys, x.IdempotencyKey)
			switch {
			case x.IdempotencyKey == "conflict":
				outcomes[i].Err = tasks.ErrConflict
			case len(calls) == 0 && i > 1:
				outcomes[i].Err = away
			}
		}
		calls = append(calls, keys)
		return outcomes
	}}
	var some []tasks.Submission
	for _, key := range []string{"a", "conflict", "b", "c"} {
		some = append(some, tasks.Submission{Cancellation: tasks.Cancellation{IdempotencyKey: key}})
	}
	outcomes := e.Enqueue(t.Context(), some)
	if diff := cmp.Diff([][]string{{"a", "conflict", "b", "c"}, {"b", "c"}}, calls); diff != "" || told != 1 {
		t.Errorf("told %d times, calls (-want +got):\n%s", told, diff)
	}
	for i, want := range []error{nil, tasks.ErrConflict, nil, nil} {
		if !errors.Is(outcomes[i].Err, want) {
			t.Errorf("outcome %d: %v, want %v", i, outcomes[i].Err, want)
		}
	}
}

// Whoever has no patience, or is interrupted, is told what is wrong.
func TestEnqueuerGivesUp(t *testing.T) {
	t.Parallel()
	away := errors.New("redis is away")
	ended, stop := context.WithCancel(t.Context())
	stop()
	for name, tt := range map[string]struct {
		ctx      context.Context
		patience time.Duration
	}{"ErrPatience": {t.Context(), time.Nanosecond}, "ErrInterrupted": {ended, time.Hour}} {
		e := Enqueuer{Patience: tt.patience, Waiting: func(error) {}, Many: func(context.Context, []tasks.Submission) []tasks.Outcome {
			return []tasks.Outcome{{Err: away}}
		}}
		if o := e.Enqueue(tt.ctx, make([]tasks.Submission, 1)); !errors.Is(o[0].Err, away) {
			t.Errorf("%s: %v", name, o[0].Err)
		}
	}
}
