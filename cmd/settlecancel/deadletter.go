package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/tasks"
)

func (a app) deadletterCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "deadletter",
		Short: "Look at cancellations that SettleBank refused or nobody could settle, and decide on them",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.deadletterLsCommand(), a.deadletterShowCommand(), a.deadletterRetryCommand(), a.deadletterResolveCommand(),
		a.deadletterExportCommand())
	return c
}

func (a app) deadletterLsCommand() *cobra.Command {
	var which filterFlags
	asJSON, limit := false, 0
	c := &cobra.Command{
		Use:     "ls",
		Short:   "List the dead letters, the newest first, and their sum",
		Example: "  settlecancel deadletter ls --code ST41 --newer-than 2h\n  settlecancel deadletter ls --order ORDER20231215143022",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := which.read(c.Flags(), time.Now())
			if limit < 0 {
				err = errors.Join(err, errors.New("--limit must be 0 (all of them) or above"))
			}
			if err != nil {
				return &usageError{err}
			}
			return a.withClient(c.Context(), func(client *tasks.Client) error {
				list := lister{client: client, filter: filter, limit: limit}
				if asJSON {
					return list.json(c.Context(), a.out)
				}
				return list.text(c.Context(), a.out)
			})
		},
	}
	which.flags(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of records")
	c.Flags().IntVar(&limit, "limit", 0, "show so many at most; 0: all")
	return c
}

func (a app) deadletterShowCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "show KEY",
		Short: "Show a dead letter: what was asked, what was tried, what can be done",
		Args:  oneArg("idempotency key"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withClient(c.Context(), func(client *tasks.Client) error {
				r, err := find(c.Context(), client, args[0])
				if err != nil {
					return err
				}
				if !r.Dead() {
					return fmt.Errorf("%s is %s, no dead letter; see settlecancel status %s", r.Key, state(r), r.Key)
				}
				return a.print(r, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	return c
}
