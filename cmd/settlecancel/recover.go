package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks/ledger"
)

func (a app) recoverCommand() *cobra.Command {
	var s terminal.Signature
	c := &cobra.Command{
		Use:   "recover --note TEXT",
		Short: "Say that Redis may have forgotten writes: an old copy of it was put in place",
		Long: "Says that Redis may have forgotten confirmed writes, because an old copy of it was put in place: a backup, or a replica that was\n" +
			"behind. Run it before the workers start again. What SettleBank told of cancelled sums before counts no more, and is asked\n" +
			"for anew; for 30 days, a sum that the ledger cannot explain is for people. It cancels nothing, and cannot be taken back.",
		Example: "  settlecancel recover --note 'the backup of 03:00 was restored after the disk failed' --by kim",
		Args:    terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			err := s.Complete()
			if s.Note == "" {
				err = errors.Join(err, errors.New("say with --note what was put in place, and why: it stays on record"))
			}
			if err != nil {
				return &terminal.UsageError{Err: err}
			}
			return a.withInstallation(c.Context(), func(i *installation) error {
				return a.recover(c.Context(), i.client.Ledger(), ledger.Decision{Who: s.By, Note: s.Note})
			})
		},
	}
	s.Flags(c.Flags())
	return c
}

func (a app) recover(ctx context.Context, l *ledger.Ledger, d ledger.Decision) error {
	if err := l.Recover(ctx, d); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.Out, "recorded: what SettleBank told of cancelled sums before counts no more, and is asked for anew.\n"+
		"For 30 days, a sum that the ledger cannot explain is for people, in review.\n"+
		"Next: keep everything paused (settlecancel pause --all), and run settlecancel reconcile for each day since the copy was made.")
	return err
}
