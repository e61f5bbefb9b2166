package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

func (a app) deadletterCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "deadletter",
		Short: "Look at cancellations that SettleBank refused or nobody could settle, and decide on them",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.deadletterLsCommand(), a.deadletterShowCommand(), a.deadletterRetryCommand(), a.deadletterResolveCommand())
	return c
}

// deadletterPage is how many dead letters are read in one step.
const deadletterPage = 200

func (a app) deadletterLsCommand() *cobra.Command {
	asJSON, limit := false, 0
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the dead letters, the newest first, and their sum",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit must be 0 (all of them) or above")
			}
			return a.withClient(c.Context(), func(client *tasks.Client) error {
				list := lister{client: client, limit: limit}
				if asJSON {
					return list.json(c.Context(), a.out)
				}
				return list.text(c.Context(), a.out)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of records")
	c.Flags().IntVar(&limit, "limit", 0, "show so many at most; 0: all")
	return c
}

// lister lists dead letters in constant memory, however many there are.
type lister struct {
	client *tasks.Client
	limit  int // 0: all
}

// each calls show for every dead letter that is to be listed. Those that cannot be read do not keep the others from being
// listed; its error names them.
func (l lister) each(ctx context.Context, show func(tasks.Report) error) error {
	page := deadletterPage
	if l.limit > 0 {
		page = min(page, l.limit)
	}
	var damaged []error
	shown := 0
	for r, err := range l.client.Ledger().All(ctx, ledger.DeadLetters, ledger.Listing{Newest: true, Limit: page}) {
		var report tasks.Report
		if err == nil {
			if !r.Dead() {
				continue // somebody has decided on it meanwhile
			}
			if report, err = tasks.NewReport(r); err != nil {
				err = fmt.Errorf("%w: %w", ledger.ErrDamaged, err)
			}
		}
		if errors.Is(err, ledger.ErrDamaged) {
			damaged = append(damaged, err)
			continue
		}
		if err != nil {
			return err
		}
		if err := show(report); err != nil {
			return err
		}
		if shown++; shown == l.limit {
			break
		}
	}
	return errors.Join(damaged...)
}

// json prints one array. If the list breaks off, so does the array: then nobody takes it for complete.
func (l lister) json(ctx context.Context, out io.Writer) error {
	separator := "["
	err := l.each(ctx, func(c tasks.Report) error {
		raw, err := terminalJSON(c, false)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n%s", separator, raw)
		separator = ","
		return err
	})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	end := "\n]\n"
	if separator == "[" {
		end = "[]\n"
	}
	_, failed := io.WriteString(out, end)
	return errors.Join(err, failed)
}

func (l lister) text(ctx context.Context, out io.Writer) error {
	t := &table{out: out, right: map[int]bool{3: true}}
	count, sums := 0, map[string]int64{}
	err := l.each(ctx, func(c tasks.Report) error {
		if count == 0 {
			t.row("KEY", "STATUS", "CODE", "AMOUNT", "ORDER", "DIED", "MESSAGE")
		}
		count++
		sums[cmp.Or(c.Currency, tasks.CurrencyKRW)] += c.CanAmt
		t.row(c.IdempotencyKey, string(c.Status), c.Code, money(c.CanAmt, c.Currency), c.OrgMchtTrdNo, koreanOrNone(c.EndedAt), cut(c.Message, 60))
		if count%deadletterPage == 0 {
			return t.flush()
		}
		return nil
	})
	if flushed := t.flush(); flushed != nil {
		return flushed
	}
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	total, failed := l.total(ctx, count, sums)
	if failed == nil {
		_, failed = fmt.Fprintln(out, total)
	}
	return errors.Join(err, failed)
}

// total says how many are listed, of how many, and their sum in each currency.
func (l lister) total(ctx context.Context, count int, sums map[string]int64) (string, error) {
	if count == 0 {
		return "no dead letters", nil
	}
	said := plural(count, "dead letter")
	if count == l.limit {
		_, all, err := l.client.Ledger().Counts(ctx)
		if err != nil {
			return "", err
		}
		if all > int64(count) {
			said = fmt.Sprintf("%d of %d dead letters", count, all)
		}
	}
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		parts = append(parts, money(sums[currency], currency))
	}
	return said + ": " + strings.Join(parts, ", "), nil
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
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
