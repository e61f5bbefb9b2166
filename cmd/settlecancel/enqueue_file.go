package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"settlecancel/cmd/settlecancel/bulk"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
)

// The formats of a file of cancellations.
const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

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
	if err := a.warnOfPauses(ctx, here); err != nil {
		return err
	}
	read := func(in io.Reader) iter.Seq[tasks.Line] {
		if format(o) == formatCSV {
			return tasks.ReadCSV(in, tasks.ParseOptions{DefaultMchtID: cfg.DefaultMerchant})
		}
		return tasks.ReadNDJSON(in, tasks.ParseOptions{DefaultMchtID: cfg.DefaultMerchant})
	}
	if o.dryRun {
		return a.dryRun(ctx, here, o, read(in))
	}
	many := here.client.EnqueueMany
	switch file, again := rereadable(in); {
	case o.yes:
	case again:
		if err := a.lookFirst(ctx, here, read, file, size); err != nil {
			return err
		}
	default:
		many = checker(here).Guard(many)
	}
	return a.report(a.runFile(ctx, many, read, in, size, o), o)
}

// runFile enqueues what the file holds.
func (a app) runFile(ctx context.Context, many func(context.Context, []tasks.Submission) []tasks.Outcome,
	read func(io.Reader) iter.Seq[tasks.Line], in io.Reader, size int64, o enqueueOptions) bulk.Summary {
	bar, counted := a.Progress(in, size)
	defer bar.Clear()
	warn := a.warnOnce()
	return bulk.Run(ctx, read(counted), bulk.Options{
		Enqueue: a.enqueuer(many, func(err error) { bar.Clear(); warn(err) }).Enqueue,
		Queue:   o.queue,
		Refused: func(line int, err error) { bar.Clear(); a.Complain(fmt.Errorf("line %d: %w", line, err)) },
		Settled: bar.Show,
	})
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
	if f, ok := a.In.(*os.File); ok {
		return f, sizeOf(f), nil
	}
	return io.NopCloser(a.In), -1, nil
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

// report prints the summary. Its error tells that not all is well.
func (a app) report(s bulk.Summary, o enqueueOptions) error {
	if o.json {
		if err := terminal.PrintJSON(a.Out, s, true); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.Out, "%s: %d accepted, %d known already, %d refused\n", terminal.Plural(s.Lines, "line"), s.Accepted, s.Known, s.Refused)
	}
	switch {
	case s.Stopped != "":
		return fmt.Errorf("stopped: %s\nline %d is the first that was not enqueued; lines after it may have been. "+
			"Enqueue the same file again: what was accepted is known then, and nothing happens twice", s.Stopped, s.First)
	case s.Refused > 0:
		return terminal.ErrReported
	}
	return nil
}
