package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"settlecancel/cmd/settlecancel/bulk"
	"settlecancel/cmd/settlecancel/byflags"
	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
)

// enqueueOptions are the flags that are no part of a cancellation.
type enqueueOptions struct {
	file, format, queue string
	json, dryRun, yes   bool
}

func (a app) enqueueCommand() *cobra.Command {
	o := enqueueOptions{queue: tasks.QueueDefault}
	c := &cobra.Command{
		Use:   "enqueue",
		Short: "Accept cancellations: one by flags, or a file of them",
		Long: `Accepts one cancellation given by flags, or every line of a file (NDJSON or CSV, named as in the HTTP API).
What is accepted is carried out exactly once. Enqueueing the same again is harmless: it is known already.
Account numbers come by --file only, because a command line stays in the shell's history.
A file is looked at first: where a line agrees in payment and amount with another one, or with a cancellation of the last
30 days, under another key, it may be the same refund, and nothing is enqueued before you have said that it is not. What comes
by a pipe is looked at line by line, and such lines are refused.`,
		Example: `  settlecancel enqueue --key refund-1 --org-trd-no STFP_PGCA… --org-mcht-trd-no ORDER20231215143022 \
      --org-trd-dt 20231215 --amount 500 --org-amount 1000 --method CA
  settlecancel enqueue --file refunds.csv --queue bulk
  producer | settlecancel enqueue --file - --json`,
		Args: terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			given, err := o.check(c.Flags())
			if err != nil {
				return err
			}
			if given == nil {
				return a.enqueueFile(c.Context(), o)
			}
			return a.enqueueOne(c.Context(), given, o)
		},
	}
	byflags.Add(c.Flags())
	c.Flags().StringVar(&o.queue, "queue", o.queue, "urgent, default or bulk")
	c.Flags().StringVar(&o.file, "file", "", "enqueue every line of this file; - is standard input")
	c.Flags().StringVar(&o.format, "format", "", "of the file: ndjson or csv (default: by its ending, else ndjson)")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would happen, and enqueue nothing")
	c.Flags().BoolVar(&o.yes, "yes", false, "enqueue what may be the same refund as another one too")
	c.Flags().BoolVar(&o.json, "json", false, "print the record, or the summary of a file, as JSON")
	c.Flags().SortFlags = false
	terminal.Choices(c, "queue", queueNames()...)
	terminal.Choices(c, "format", formatNDJSON, formatCSV)
	return c
}

func queueNames() []string { return []string{tasks.QueueUrgent, tasks.QueueDefault, tasks.QueueBulk} }

// check judges the flags together and returns the fields that they give: nil where there is a file
// instead. Its error names every fault.
func (o *enqueueOptions) check(flags *pflag.FlagSet) (map[string]string, error) {
	given := byflags.Given(flags)
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, terminal.Usagef(format, args...)) }
	if _, ok := tasks.Queues()[o.queue]; !ok {
		fault("--queue is %q%s, must be %s, %s or %s", o.queue, terminal.DidYouMean(o.queue, queueNames()), tasks.QueueUrgent, tasks.QueueDefault, tasks.QueueBulk)
	}
	file := flags.Changed("file")
	switch {
	case o.format != "" && o.format != formatNDJSON && o.format != formatCSV:
		fault("--format is %q%s, must be %s or %s", o.format, terminal.DidYouMean(o.format, []string{formatNDJSON, formatCSV}), formatNDJSON, formatCSV)
	case o.format != "" && !file:
		fault("--format goes with --file")
	}
	if file && o.file == "" {
		fault("--file names no file (- is standard input)")
	}
	switch {
	case file && len(given) > 0:
		fault("give a cancellation by flags, or many by --file, but not both")
	case !file && len(given) == 0:
		fault("give a cancellation by flags (--key, …), or many by --file\nsee settlecancel enqueue --help")
	case file:
		given = nil
	}
	return given, errors.Join(faults...)
}

func (a app) enqueueOne(ctx context.Context, given map[string]string, o enqueueOptions) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	x, err := byflags.Parse(given, cfg.DefaultMerchant)
	if err != nil {
		return err
	}
	here, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer here.close()
	if o.dryRun {
		return a.dryRun(ctx, here, o, func(yield func(tasks.Line) bool) { yield(tasks.Line{Number: 1, Cancellation: x}) })
	}
	one := tasks.Submission{Cancellation: x, EnqueueOptions: tasks.EnqueueOptions{Queue: o.queue}}
	outcome := a.enqueuer(here.client.EnqueueMany, a.warnOnce()).Enqueue(ctx, []tasks.Submission{one})[0]
	receipt, err := outcome.Receipt, outcome.Err
	switch {
	case bulk.OfLine(err):
		return bulk.Refusal(x.IdempotencyKey, err)
	case err != nil:
		return fmt.Errorf("%w\nit may or may not have been stored: give the same command again until it succeeds, it cannot happen twice", err)
	case o.json:
		return records.PrintJSON(a.Terminal, receipt.Record)
	}
	said := "accepted"
	if receipt.Replayed {
		said = "known already"
	}
	if _, err = fmt.Fprintf(a.Out, "%s  %s  %s\n", receipt.Record.Key, receipt.Record.Status, said); err != nil {
		return err
	}
	if waits, err := here.waits(ctx, receipt.Record, time.Now()); err == nil && waits != "" {
		a.Complain(fmt.Errorf("it waits: %s", waits))
	}
	return nil // it is accepted, whatever else can be told
}

func (a app) enqueuer(many func(context.Context, []tasks.Submission) []tasks.Outcome, waiting func(error)) bulk.Enqueuer {
	return bulk.Enqueuer{Many: many, Patience: cmp.Or(a.patience, 30*time.Second), Waiting: waiting}
}

// warnOnce returns what tells the first failure alone: those that follow say the same.
func (a app) warnOnce() func(error) {
	warned := false
	return func(err error) {
		if !warned {
			a.Complain(fmt.Errorf("waiting for Redis: %w", err))
		}
		warned = true
	}
}
