package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/worker/pause"
)

func (a app) pauseCommand() *cobra.Command {
	var all, asJSON bool
	var d terminal.Signature
	c := &cobra.Command{
		Use:   "pause [MERCHANT]",
		Short: "Stop all workers from sending, for one merchant or for --all; without either, show what is paused",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && !all {
				if c.Flags().Changed("by") || c.Flags().Changed("note") {
					return terminal.Usagef("--by and --note are of a pause: name one merchant, or --all")
				}
				return a.withRedis(c.Context(), func(rdb redis.UniversalClient) error { return a.showPaused(c, rdb, asJSON) })
			}
			whom, err := a.whomToPause(args, all)
			if err := errors.Join(err, d.Complete()); err != nil {
				return err
			}
			return a.withRedis(c.Context(), func(rdb redis.UniversalClient) error {
				if err := pause.Begin(c.Context(), rdb, pause.Pause{MchtID: whom, Who: d.By, Note: d.Note, At: time.Now()}); err != nil {
					return err
				}
				fmt.Fprintf(a.Out, "%s: paused; requests on the wire end, nothing new is sent, cancellations are still accepted\n", merchantText(whom, "", ""))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every merchant")
	d.Flags(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "show what is paused as JSON")
	return c
}

func (a app) resumeCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "resume [MERCHANT]",
		Short: "End a pause",
		RunE: func(c *cobra.Command, args []string) error {
			whom, err := whom(args, all)
			if err != nil {
				return err
			}
			return a.withRedis(c.Context(), func(rdb redis.UniversalClient) error {
				was, err := pause.End(c.Context(), rdb, whom)
				if err != nil {
					return err
				}
				if !was {
					return fmt.Errorf("%s not paused; settlecancel pause shows what is", merchantText(whom, " is", " are"))
				}
				fmt.Fprintf(a.Out, "%s: resumed\n", merchantText(whom, "", ""))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "end the pause of every merchant that pause --all began")
	return c
}

func whom(args []string, all bool) (string, error) {
	switch {
	case all && len(args) == 0:
		return pause.AllMerchants, nil
	case !all && len(args) == 1:
		return args[0], nil
	}
	return "", terminal.Usagef("name one merchant, or --all")
}

// whomToPause refuses a merchant that the settings do not have: a typo would look like a stop. What
// is paused may be resumed under any name.
func (a app) whomToPause(args []string, all bool) (string, error) {
	id, err := whom(args, all)
	if err != nil || all {
		return id, err
	}
	cfg, _, err := a.load()
	if err != nil {
		return "", err
	}
	if known := merchantIDs(cfg); !slices.Contains(known, id) {
		return "", terminal.Usagef("merchant %q is not configured: nothing is paused; name %s, or --all", id, strings.Join(known, ", "))
	}
	return id, nil
}

func (a app) showPaused(c *cobra.Command, rdb redis.UniversalClient, asJSON bool) error {
	paused, err := pause.All(c.Context(), rdb)
	if err != nil {
		return err
	}
	ids := slices.Sorted(maps.Keys(paused))
	if asJSON {
		list := make([]pause.Pause, 0, len(ids))
		for _, id := range ids {
			list = append(list, paused[id])
		}
		return terminal.PrintJSON(a.Out, list, true)
	}
	if len(ids) == 0 {
		fmt.Fprintln(a.Out, "nothing is paused")
	}
	for _, id := range ids {
		fmt.Fprintln(a.Out, pauseText(paused[id]))
	}
	return nil
}
