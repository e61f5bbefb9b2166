package main

import (
	"errors"
	"fmt"
	"os/user"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// decision is who decides on dead letters, and why: it stays in the record.
type decision struct {
	by, note string
}

func (d *decision) flags(f *pflag.FlagSet) {
	f.StringVar(&d.note, "note", "", "why; it stays in the record")
	f.StringVar(&d.by, "by", "", "who decides (default: the user of the operating system)")
}

// The longest texts of a decision, in characters.
const (
	maxNote = 1000
	maxBy   = 64
)

// complete finds out who decides, and checks what the record is to keep.
func (d *decision) complete() error {
	d.note, d.by = strings.TrimSpace(d.note), strings.TrimSpace(d.by)
	if d.by == "" {
		u, err := user.Current()
		if err != nil || u.Username == "" {
			return usagef("say who decides with --by NAME: the operating system does not know")
		}
		d.by = u.Username
	}
	for _, text := range []struct {
		flag, value string
		most        int
	}{{"--note", d.note, maxNote}, {"--by", d.by, maxBy}} {
		if !utf8.ValidString(text.value) {
			return usagef("%s holds bytes that are not UTF-8", text.flag)
		}
		if n := utf8.RuneCountInString(text.value); n > text.most {
			return usagef("%s has %d characters, at most %d are taken", text.flag, n, text.most)
		}
	}
	return nil
}

func (a app) deadletterRetryCommand() *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use:   "retry KEY...",
		Short: "Take dead letters back to work; one in review is verified again, never simply sent",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes one or more idempotency keys", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, keys []string) error {
			if err := d.complete(); err != nil {
				return err
			}
			return a.withClient(c.Context(), func(client *tasks.Client) error {
				var failed error
				for _, key := range keys {
					r, err := client.Retry(c.Context(), key, ledger.Decision{Who: d.by, Note: d.note})
					if err != nil {
						a.complain(explain(r, key, err))
						failed = errReported
						continue
					}
					fmt.Fprintf(a.out, "%s is %s: %s\n", r.Key, r.Status, afterRetry(r))
				}
				return failed
			})
		},
	}
	d.flags(c.Flags())
	return c
}

func (a app) deadletterResolveCommand() *cobra.Command {
	var d decision
	as := ""
	c := &cobra.Command{
		Use:     "resolve KEY --as cancelled|rejected --note TEXT",
		Short:   "End a cancellation by your word: you know that the money is back, or that it will not go back",
		Example: "  settlecancel deadletter resolve refund-1 --as cancelled --note 'seen in the merchant console, canTrdNo 20231216…'",
		Args:    oneArg("idempotency key"),
		RunE: func(c *cobra.Command, args []string) error {
			status := ledger.Status(as)
			if status != ledger.Cancelled && status != ledger.Rejected {
				return usagef("say with --as what it is: %s (the money is back) or %s (it will not go back)", ledger.Cancelled, ledger.Rejected)
			}
			if err := d.complete(); err != nil {
				return err
			}
			if d.note == "" {
				return usagef("say with --note how you know: it stays in the record")
			}
			return a.withClient(c.Context(), func(client *tasks.Client) error {
				r, err := client.Ledger().Resolve(c.Context(), args[0], ledger.Decision{Who: d.by, Note: d.note, As: status})
				if err != nil {
					return explain(r, args[0], err)
				}
				fmt.Fprintf(a.out, "%s is %s: %s\n", r.Key, r.Status, afterResolve(r))
				return nil
			})
		},
	}
	c.Flags().StringVar(&as, "as", "", "cancelled: the money is back; rejected: it will not go back")
	d.flags(c.Flags())
	return c
}

func afterRetry(r ledger.Record) string {
	if r.Status == ledger.Unknown {
		return "will be verified, not sent; SettleBank is asked what happened"
	}
	return "queued again with a new budget"
}

func afterResolve(r ledger.Record) string {
	if r.Status == ledger.Cancelled {
		return "ended; its amount counts as paid back, and nothing will be sent"
	}
	return "ended; nothing will be sent under this key, a refund after all needs a new one"
}

// explain says why a decision was refused, and what to do instead. r is the record as it is, where the ledger answered it.
func explain(r ledger.Record, key string, err error) error {
	status := "see settlecancel status " + key
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return noSuch(key)
	case errors.Is(err, ledger.ErrBusy):
		return fmt.Errorf("%s was not resolved: a request or an inquiry of it is under way; wait for what it brings (%s), then decide again", key, status)
	case errors.Is(err, ledger.ErrEnded), errors.Is(err, ledger.ErrNotDead) && r.Ended():
		return fmt.Errorf("%s is %s and has ended: nothing was changed; %s. A further refund of this payment needs a new key", key, state(r), status)
	case errors.Is(err, ledger.ErrNotDead):
		return fmt.Errorf("%s is %s, no dead letter: it is still being worked at, so there is nothing to retry; %s", key, state(r), status)
	}
	return err
}
