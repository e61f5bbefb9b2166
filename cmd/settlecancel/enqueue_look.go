package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"settlecancel/cmd/settlecancel/bulk"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
)

// checker looks at files for an installation.
func checker(i *installation) bulk.Checker {
	now := time.Now()
	return bulk.Checker{
		Payment: i.client.Ledger().Transaction,
		Validate: func(x tasks.Cancellation) error {
			if err := x.Validate(now); err != nil {
				return err
			}
			_, err := i.client.Entry(x)
			return err
		},
		Now:     now,
		Settled: func(int) {},
	}
}

// rereadable returns a file that can be read twice.
func rereadable(in io.Reader) (io.ReadSeeker, bool) {
	f, ok := in.(*os.File)
	return f, ok && sizeOf(f) >= 0
}

// lookFirst reads the file for what may be the same refund under another key, and asks whether to
// go on. Its error says that nothing is to be enqueued.
func (a app) lookFirst(ctx context.Context, here *installation, read func(io.Reader) iter.Seq[tasks.Line], file io.ReadSeeker, size int64) error {
	start, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	bar, counted := a.Progress(file, size)
	look := checker(here)
	look.Settled = bar.Show
	found, err := look.Forecast(ctx, read(counted))
	bar.Clear()
	if err != nil {
		return fmt.Errorf("nothing was enqueued: %w", err)
	}
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return fmt.Errorf("read the file again: %w", err)
	}
	many := len(found.Twins) + found.More
	if many == 0 {
		return nil
	}
	for _, twin := range found.Twins {
		a.Complain(fmt.Errorf("line %d: it may be the same refund: %s", twin.Line, twin))
	}
	if found.More > 0 {
		a.Complain(fmt.Errorf("and %s more like these", terminal.Plural(found.More, "line")))
	}
	if !a.Asks {
		return fmt.Errorf("nothing was enqueued: %s may be the same refund as another one; give --yes where all are meant", terminal.Plural(many, "line"))
	}
	yes, err := a.Confirm(fmt.Sprintf("%s may be the same refund as another one. Enqueue the whole file, and pay twice where they are?", terminal.Plural(many, "line")))
	if err == nil && !yes {
		err = fmt.Errorf("nothing was enqueued")
	}
	return err
}

// dryRun says what would become of cancellations, and enqueues none.
func (a app) dryRun(ctx context.Context, here *installation, o enqueueOptions, lines iter.Seq[tasks.Line]) error {
	look := checker(here)
	look.Find = here.client.Ledger().Get
	look.Refused = func(line int, err error) { a.Complain(fmt.Errorf("line %d: %w", line, err)) }
	found, err := look.Forecast(ctx, lines)
	if err != nil {
		return err
	}
	if o.json {
		err = terminal.PrintJSON(a.Out, found, true)
	} else {
		err = a.showForecast(found)
	}
	if err == nil && (found.Refused > 0 || found.Stopped != "" || len(found.Twins) > 0 && !o.yes) {
		err = terminal.ErrReported
	}
	return err
}

func (a app) showForecast(f bulk.Forecast) error {
	for _, twin := range f.Twins {
		fmt.Fprintf(a.Out, "line %d: it may be the same refund: %s\n", twin.Line, terminal.Clean(twin.String()))
	}
	if f.More > 0 {
		fmt.Fprintf(a.Out, "and %s more like these\n", terminal.Plural(f.More, "line"))
	}
	sum := terminal.Money(f.Amount, tasks.CurrencyKRW)
	if f.Cents > 0 {
		sum += ", " + terminal.Money(f.Cents, tasks.CurrencyUSD)
	}
	if f.Stopped != "" {
		a.Complain(fmt.Errorf("%s", f.Stopped))
	}
	_, err := fmt.Fprintf(a.Out, "%s: %d would be accepted (%s), %d known already, %d would be refused\nNothing was enqueued.\n",
		terminal.Plural(f.Lines, "line"), f.New, sum, f.Known, f.Refused)
	return err
}
