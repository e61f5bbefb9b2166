package main

import (
	"time"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
)

func (a app) statusCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:     "status KEY",
		Short:   "Show a cancellation: what was asked, what was done, what follows",
		Example: "  settlecancel status refund-20231215-0001\n  settlecancel status refund-20231215-0001 --json | jq .status",
		Args:    terminal.OneArg("idempotency key"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withInstallation(c.Context(), func(i *installation) error {
				r, err := records.Find(c.Context(), i.client, args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return records.PrintJSON(a.Terminal, r)
				}
				waits, err := i.waits(c.Context(), r, time.Now())
				if err != nil {
					return err
				}
				return records.Show(a.Terminal, r, waits)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	return c
}
