package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"settlecancel/tasks"
)

// The formats of a file of cancellations.
const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

// inFlight is how many lines of a file are being enqueued at a time.
const inFlight = 64

func (a app) enqueueFile(ctx context.Context, o enqueueOptions) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	in, size, err := a.open(o.file)
	if err != nil {
		return err
	}
	defer in.Close()
	here, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer here.close()

	bar, counted := a.progress(in, size)
	read := tasks.ReadNDJSON
	if format(o) == formatCSV {
		read = tasks.ReadCSV
	}
	run := bulk{enqueue: a.enqueuer(here.client, o).enqueue, bar: bar, app: a, warn: a.warnOnce()}
	run.run(ctx, read(counted, tasks.ParseOptions{DefaultMchtID: cfg.DefaultMerchant}))
	bar.clear()
	return a.report(run.summary, o)
}

// open opens the file, and answers its size, -1 where it is not known.
func (a app) open(name string) (io.ReadCloser, int64, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, 0, fmt.Errorf("cannot read the file: %w", err)
		}
		return f, sizeOf(f), nil
	}
	return io.NopCloser(a.in), sizeOf(a.in), nil
}

func sizeOf(in io.Reader) int64 {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return -1
}

func format(o enqueueOptions) string {
	switch {
	case o.format != "":
		return o.format
	case strings.EqualFold(filepath.Ext(o.file), ".csv"):
		return formatCSV
	}
	return formatNDJSON
}

// summary is what became of a file.
type summary struct {
	Lines    int    `json:"lines"` // dealt with: the sum of the three below
	Accepted int    `json:"accepted"`
	Known    int    `json:"known"`   // accepted before, with the same parameters
	Refused  int    `json:"refused"` // faulty, or their key belongs to another cancellation
	First    int    `json:"firstNotEnqueued,omitempty"`
	Stopped  string `json:"stopped,omitempty"` // why the run ended before the file
}

// report prints the summary. Its error tells that not all is well.
func (a app) report(s summary, o enqueueOptions) error {
	if o.json {
		if err := printJSON(a.out, s, true); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, "%s: %d accepted, %d known already, %d refused\n", plural(s.Lines, "line"), s.Accepted, s.Known, s.Refused)
	}
	switch {
	case s.Stopped != "":
		return fmt.Errorf("stopped: %s\nline %d is the first that was not enqueued; lines after it may have been. "+
			"Enqueue the same file again: what was accepted is known then, and nothing happens twice", s.Stopped, s.First)
	case s.Refused > 0:
		return errReported
	}
	return nil
}

// bulk is one run over a file. All but enqueue is used by one goroutine.
type bulk struct {
	app     app
	enqueue func(ctx context.Context, x tasks.Cancellation, waiting func(error)) (tasks.Receipt, error)
	warn    func(error) // of a Redis that is waited for
	bar     *progress

	summary
	seen int // the last line that was read
}

// settled is what became of one line.
type settled struct {
	line    tasks.Line
	receipt tasks.Receipt
	err     error
}

// run enqueues every line, many at a time. Lines with the same key are enqueued one after the
// other, so that which of them is accepted is no matter of luck.
func (b *bulk) run(ctx context.Context, lines iter.Seq[tasks.Line]) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := b.pool(ctx)
	defer close(p.work)

	read, ended := produce(ctx, lines), ctx.Done()
	busy := map[string]bool{} // keys in flight
	var next *tasks.Line      // was read, and waits for its turn
	for read != nil || next != nil || len(busy) > 0 {
		from, to, head := read, chan<- tasks.Line(nil), tasks.Line{}
		if next != nil {
			from, head = nil, *next
			if !busy[head.Cancellation.IdempotencyKey] {
				to = p.work
			}
		}
		select {
		case line, ok := <-from:
			if !ok {
				read = nil
			} else {
				next = b.take(line)
			}
		case to <- head:
			busy[head.Cancellation.IdempotencyKey], next = true, nil
		case s := <-p.done:
			delete(busy, s.line.Cancellation.IdempotencyKey)
			if !b.settle(s) {
				stop()
			}
		case err := <-p.failures:
			b.bar.clear()
			b.warn(err)
		case <-ended:
			if read != nil || next != nil {
				b.stop(next)
			}
			read, next, ended = nil, nil, nil
		}
		b.bar.show(b.Lines)
	}
}

// pool is the goroutines that enqueue, until work is closed. While some of it is in flight,
// somebody must listen to both others.
type pool struct {
	work     chan tasks.Line
	done     chan settled
	failures chan error // that are going to be tried again
}

func (b *bulk) pool(ctx context.Context) pool {
	p := pool{make(chan tasks.Line), make(chan settled), make(chan error)}
	for range inFlight {
		go func() {
			for line := range p.work {
				s := settled{line: line}
				s.receipt, s.err = b.enqueue(ctx, line.Cancellation, func(err error) { p.failures <- err })
				p.done <- s
			}
		}()
	}
	return p
}

// produce hands the lines on until ctx ends. Reading itself cannot be ended: who waits at a
// terminal or a pipe stays behind.
func produce(ctx context.Context, lines iter.Seq[tasks.Line]) <-chan tasks.Line {
	out := make(chan tasks.Line)
	go func() {
		defer close(out)
		for line := range lines {
			select {
			case out <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// take looks at a line that was read, and answers it where it is to be enqueued.
func (b *bulk) take(line tasks.Line) *tasks.Line {
	b.seen = line.Number
	var broken *tasks.ReadError
	switch {
	case line.Err == nil:
		return &line
	case errors.As(line.Err, &broken):
		b.notEnqueued(broken.Line, line.Err)
	default:
		b.refuse(line.Number, line.Err)
	}
	return nil
}

// settle counts a line; false is the order to stop.
func (b *bulk) settle(s settled) bool {
	switch {
	case s.err == nil && s.receipt.Replayed:
		b.Known++
	case s.err == nil:
		b.Accepted++
	case ofLine(s.err):
		b.refuse(s.line.Number, refusal(s.line.Cancellation.IdempotencyKey, s.err))
		return true
	default:
		b.notEnqueued(s.line.Number, s.err)
		return false
	}
	b.Lines++
	return true
}

func (b *bulk) refuse(number int, err error) {
	b.Lines++
	b.Refused++
	b.bar.clear()
	b.app.complain(fmt.Errorf("line %d: %w", number, err))
}

// notEnqueued notes a line that was left, and what the first one that was stopped at.
func (b *bulk) notEnqueued(number int, err error) {
	if b.First == 0 || number < b.First {
		b.First = number
	}
	switch {
	case b.Stopped != "":
	case errors.Is(err, context.Canceled):
		b.Stopped = "interrupted"
	default:
		b.Stopped = clean(err.Error())
	}
}

// stop notes that the run ends before the file does. Lines in flight settle by themselves.
func (b *bulk) stop(next *tasks.Line) {
	if next != nil {
		b.notEnqueued(next.Number, context.Canceled)
	} else if b.First == 0 {
		b.notEnqueued(b.seen+1, context.Canceled)
	}
}
