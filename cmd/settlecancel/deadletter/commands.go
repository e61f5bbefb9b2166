// Package deadletter is what people do at a terminal with the cancellations that SettleBank
// refused, or that no machine could settle: list, look, decide, export. Its Filter and DecideAll
// serve the dashboard too.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
)

// WithClient runs a function with a client on the configured Redis.
type WithClient func(context.Context, func(*tasks.Client) error) error

// Command returns the command deadletter.
func Command(t terminal.Terminal, withClient WithClient) *cobra.Command {
	c := &cobra.Command{
		Use:   "deadletter",
		Short: "Look at cancellations that SettleBank refused or nobody could settle, and decide on them",
		Args:  terminal.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(lsCommand(t, withClient), showCommand(t, withClient), retryCommand(t, withClient), resolveCommand(t, withClient),
		exportCommand(t, withClient))
	return c
}

func lsCommand(t terminal.Terminal, withClient WithClient) *cobra.Command {
	var which filterFlags
	asJSON, limit := false, 0
	c := &cobra.Command{
		Use:     "ls",
		Short:   "List the dead letters, the newest first, and their sum",
		Example: "  settlecancel deadletter ls --code ST41 --newer-than 2h\n  settlecancel deadletter ls --order ORDER20231215143022",
		Args:    terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := which.read(c.Flags(), time.Now())
			if limit < 0 {
				err = errors.Join(err, errors.New("--limit must be 0 (all of them) or above"))
			}
			if err != nil {
				return &terminal.UsageError{Err: err}
			}
			return withClient(c.Context(), func(client *tasks.Client) error {
				list := lister{client: client, filter: filter, limit: limit}
				if asJSON {
					return list.json(c.Context(), t.Out)
				}
				return list.text(c.Context(), t)
			})
		},
	}
	which.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of records")
	c.Flags().IntVar(&limit, "limit", 0, "show so many at most; 0: all")
	return c
}

func showCommand(t terminal.Terminal, withClient WithClient) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "show KEY",
		Short: "Show a dead letter: what was asked, what was tried, what can be done",
		Args:  terminal.OneArg("idempotency key"),
		RunE: func(c *cobra.Command, args []string) error {
			return withClient(c.Context(), func(client *tasks.Client) error {
				r, err := records.Find(c.Context(), client, args[0])
				if err != nil {
					return err
				}
				if !r.Dead() {
					return fmt.Errorf("%s is %s, no dead letter; see settlecancel status %s", r.Key, records.State(r), r.Key)
				}
				if asJSON {
					return records.PrintJSON(t, r)
				}
				return records.Show(t, r, "")
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	return c
}
