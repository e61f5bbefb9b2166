// Package bulk enqueues files of cancellations of any length in constant memory.
package bulk

import (
	"context"
	"errors"
	"iter"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
)

// batch is how many lines are enqueued together at most: as many as EnqueueMany has under way at a
// time.
const batch = 800

// Options of a Run.
type Options struct {
	Enqueue func(context.Context, []tasks.Submission) []tasks.Outcome // see [Enqueuer]
	Queue   string
	Refused func(line int, err error) // is told of each line that was refused
	Settled func(lines int)           // is told how many lines are dealt with
}

// Summary is what became of a file.
type Summary struct {
	Lines    int    `json:"lines"` // dealt with: the sum of the three below
	Accepted int    `json:"accepted"`
	Known    int    `json:"known"`   // accepted before, with the same parameters
	Refused  int    `json:"refused"` // faulty, or their key belongs to another cancellation
	First    int    `json:"firstNotEnqueued,omitempty"`
	Stopped  string `json:"stopped,omitempty"` // why the run ended before the file
}

// run is one run over a file.
type run struct {
	Options
	Summary
	seen int // the last line that was read
}

// Run enqueues every line until the file or ctx ends, or Redis stays away. Of several lines with
// one key the first is the one that counts: each batch has been dealt with before the next begins,
// and none holds a key twice.
func Run(ctx context.Context, lines iter.Seq[tasks.Line], o Options) Summary {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &run{Options: o}
	o.Settled(0)
	read := produce(ctx, lines)
	var next *tasks.Line // was read, and waits for the next batch
	for open := true; open || next != nil; {
		var some []tasks.Line
		some, next, open = r.gather(ctx, read, next)
		if len(some) > 0 && !r.enqueue(ctx, some) {
			stop()
		}
		if ctx.Err() != nil {
			if open || next != nil {
				r.interrupted(next)
			}
			break
		}
	}
	return r.Summary
}

// produce hands the lines on, and closes the channel after the last. Where ctx ends before, it
// stays open. Reading itself cannot be ended: who waits at a terminal or a pipe stays behind.
func produce(ctx context.Context, lines iter.Seq[tasks.Line]) <-chan tasks.Line {
	out := make(chan tasks.Line, batch)
	go func() {
		for line := range lines {
			select {
			case out <- line:
			case <-ctx.Done():
				return
			}
		}
		close(out)
	}()
	return out
}

// gather waits for a line, and takes what else has been read by then. next is the line that must
// wait for the others; open is false once no more lines come.
func (r *run) gather(ctx context.Context, read <-chan tasks.Line, first *tasks.Line) (some []tasks.Line, next *tasks.Line, open bool) {
	keys := map[string]bool{}
	add := func(line tasks.Line) bool {
		if r.take(line) {
			key := line.Cancellation.IdempotencyKey
			if keys[key] {
				next = &line
				return false
			}
			keys[key] = true
			some = append(some, line)
		}
		return len(some) < batch
	}
	if first != nil {
		add(*first)
	} else {
		select {
		case line, ok := <-read:
			if !ok {
				return nil, nil, false
			}
			add(line)
		case <-ctx.Done():
			return nil, nil, true
		}
	}
	for {
		select {
		case line, ok := <-read:
			if !ok {
				return some, nil, false
			}
			if !add(line) {
				return some, next, true
			}
		default:
			return some, nil, true
		}
	}
}

// take looks at a line that was read, and reports whether it is to be enqueued.
func (r *run) take(line tasks.Line) bool {
	r.seen = line.Number
	var broken *tasks.ReadError
	switch {
	case line.Err == nil:
		return true
	case errors.As(line.Err, &broken):
		r.notEnqueued(broken.Line, line.Err)
	default:
		r.refuse(line.Number, line.Err)
	}
	return false
}

// enqueue deals with a batch; false is the order to stop.
func (r *run) enqueue(ctx context.Context, lines []tasks.Line) bool {
	submissions := make([]tasks.Submission, len(lines))
	for i, line := range lines {
		submissions[i] = tasks.Submission{Cancellation: line.Cancellation, EnqueueOptions: tasks.EnqueueOptions{Queue: r.Queue}}
	}
	whole := true
	for i, o := range r.Enqueue(ctx, submissions) {
		number := lines[i].Number
		switch {
		case o.Err == nil && o.Receipt.Replayed:
			r.Known++
			r.Lines++
		case o.Err == nil:
			r.Accepted++
			r.Lines++
		case OfLine(o.Err):
			r.refuse(number, Refusal(lines[i].Cancellation.IdempotencyKey, o.Err))
		case ctx.Err() != nil:
			r.notEnqueued(number, context.Canceled)
			whole = false
		default:
			r.notEnqueued(number, o.Err)
			whole = false
		}
	}
	r.Settled(r.Lines)
	return whole
}

func (r *run) refuse(number int, err error) {
	r.Lines++
	r.Summary.Refused++
	r.Options.Refused(number, err)
}

// notEnqueued notes a line that was left, and what the first one that was stopped at.
func (r *run) notEnqueued(number int, err error) {
	if r.First == 0 || number < r.First {
		r.First = number
	}
	switch {
	case r.Stopped != "":
	case errors.Is(err, context.Canceled):
		r.Stopped = "interrupted"
	default:
		r.Stopped = terminal.Clean(err.Error())
	}
}

// interrupted notes that the run ends before the file does.
func (r *run) interrupted(next *tasks.Line) {
	if next != nil {
		r.notEnqueued(next.Number, context.Canceled)
	} else if r.First == 0 {
		r.notEnqueued(r.seen+1, context.Canceled)
	}
}
