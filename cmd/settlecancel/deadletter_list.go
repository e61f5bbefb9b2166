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

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// deadletterPage is how many dead letters are read in one step.
const deadletterPage = 200

// lister lists dead letters in constant memory, however many there are.
type lister struct {
	client *tasks.Client
	filter tasks.Filter
	limit  int // 0: all
}

// each calls show for every dead letter that is to be listed, the newest first. Those that cannot
// be read do not keep the others from being listed; its error names them, whether the filter would
// take them or not.
func (l lister) each(ctx context.Context, show func(report.Record) error) error {
	page := deadletterPage
	if l.limit > 0 && l.filter == (tasks.Filter{}) {
		page = min(page, l.limit)
	}
	var damaged []error
	count := 0
	for r, err := range l.client.Ledger().All(ctx, ledger.DeadLetters, ledger.Listing{Newest: true, Until: l.filter.Before, Limit: page}) {
		var shown report.Record
		if err == nil {
			if !r.Dead() {
				continue // somebody has decided on it meanwhile
			}
			if r.EndedAt.Before(l.filter.From) {
				break // and so did all that follow
			}
			if shown, err = report.New(r); err != nil {
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
		if !l.filter.Takes(r) {
			continue
		}
		if err := show(shown); err != nil {
			return err
		}
		if count++; count == l.limit {
			break
		}
	}
	return errors.Join(damaged...)
}

func (l lister) json(ctx context.Context, out io.Writer) error {
	return printArray(out, func(show func(report.Record) error) error { return l.each(ctx, show) })
}

func (l lister) text(ctx context.Context, out io.Writer) error {
	t := newDeadletterTable(out)
	var listed tally
	err := l.each(ctx, func(c report.Record) error {
		listed.add(c)
		t.add(c)
		if listed.Count%deadletterPage == 0 {
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
	total, failed := l.total(ctx, listed)
	if failed == nil {
		_, failed = fmt.Fprintln(out, total)
	}
	return errors.Join(err, failed)
}

// total says how many are listed, of how many, and their sum in each currency.
func (l lister) total(ctx context.Context, listed tally) (string, error) {
	filtered := l.filter != (tasks.Filter{})
	switch {
	case listed.Count == 0 && filtered:
		return noneSelected, nil
	case listed.Count == 0:
		return "no dead letters", nil
	case listed.Count < l.limit || l.limit == 0:
		return listed.String(), nil
	case filtered:
		return "the newest " + listed.String(), nil // how many more there are, only reading them all would tell
	}
	_, all, err := l.client.Ledger().Counts(ctx)
	if err != nil || all <= int64(listed.Count) {
		return listed.String(), err
	}
	return fmt.Sprintf("%d of %d dead letters: %s", listed.Count, all, listed.Sums), nil
}

const noneSelected = "no dead letters match"

// deadletterTable shows dead letters, a line each.
type deadletterTable struct {
	table
	begun bool
}

func newDeadletterTable(out io.Writer) *deadletterTable {
	return &deadletterTable{table: table{out: out, right: map[int]bool{3: true}}}
}

func (t *deadletterTable) add(c report.Record) {
	if !t.begun {
		t.row("KEY", "STATUS", "CODE", "AMOUNT", "ORDER", "DIED", "MESSAGE")
		t.begun = true
	}
	t.row(c.IdempotencyKey, string(c.Status), c.Code, money(c.CanAmt, c.Currency), c.OrgMchtTrdNo, koreanOrNone(c.EndedAt), cut(c.Message, 60))
}

// tally is how many dead letters there are, and how much money that is.
type tally struct {
	Count int  `json:"count"`
	Sums  sums `json:"sums"`
}

func (t *tally) add(c report.Record) {
	if t.Sums == nil {
		t.Sums = sums{}
	}
	t.Count++
	t.Sums[cmp.Or(c.Currency, tasks.CurrencyKRW)] += c.CanAmt
}

func (t tally) String() string { return plural(t.Count, "dead letter") + ": " + t.Sums.String() }

// sums are amounts by currency, in its smallest unit.
type sums map[string]int64

func (s sums) String() string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, money(s[currency], currency))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
