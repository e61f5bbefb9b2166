package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

func (a app) statusCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:     "status KEY",
		Short:   "Show a cancellation: what was asked, what was done, what follows",
		Example: "  settlecancel status refund-20231215-0001\n  settlecancel status refund-20231215-0001 --json | jq .status",
		Args:    oneArg("idempotency key"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withClient(c.Context(), func(client *tasks.Client) error {
				r, err := find(c.Context(), client, args[0])
				if err != nil {
					return err
				}
				return a.print(r, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	return c
}

// find returns a record, with an error for people where there is none.
func find(ctx context.Context, client *tasks.Client, key string) (ledger.Record, error) {
	r, err := client.Ledger().Get(ctx, key)
	if errors.Is(err, ledger.ErrNotFound) {
		return r, noSuch(key)
	}
	return r, err
}

func noSuch(key string) error {
	return fmt.Errorf("no such cancellation: %q (what has ended is kept for LEDGER_RETENTION)", key)
}

// print shows a record in full.
func (a app) print(r ledger.Record, asJSON bool) error {
	if !asJSON {
		return showRecord(a.out, r)
	}
	shown, err := report.New(r)
	if err != nil {
		return err
	}
	return printJSON(a.out, shown, true)
}
