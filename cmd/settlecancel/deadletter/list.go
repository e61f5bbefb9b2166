package deadletter

import (
	"context"
	"errors"
	"fmt"
	"io"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// PageSize is how many dead letters are read in one step.
const PageSize = 200

// lister lists dead letters in constant memory, however many there are.
type lister struct {
	client *tasks.Client
	filter Filter
	limit  int // 0: all
}

// each calls show for every dead letter that is to be listed, the newest first. Those that cannot
// be read do not keep the others from being listed; its error names them, whether the filter would
// take them or not.
func (l lister) each(ctx context.Context, show func(report.Record) error) error {
	return l.records(ctx, func(_ ledger.Record, c report.Record) error { return show(c) })
}

// records is each, and gives the ledger's record along.
func (l lister) records(ctx context.Context, show func(ledger.Record, report.Record) error) error {
	page := PageSize
	if l.limit > 0 && l.filter == (Filter{}) {
		page = min(page, l.limit)
	}
	var damaged []error
	shown := 0
	for r, err := range l.client.Ledger().All(ctx, ledger.DeadLetters, ledger.Listing{Newest: true, Until: l.filter.Before, Limit: page}) {
		var seen report.Record
		if err == nil {
			if !r.Dead() {
				continue // somebody has decided on it meanwhile
			}
			if r.EndedAt.Before(l.filter.From) {
				break // and so did all that follow
			}
			if seen, err = report.New(r); err != nil {
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
		if !l.filter.Matches(r) {
			continue
		}
		if err := show(r, seen); err != nil {
			return err
		}
		if shown++; shown == l.limit {
			break
		}
	}
	return errors.Join(damaged...)
}

func (l lister) csv(ctx context.Context, out io.Writer) error {
	return records.WriteCSV(out, records.DeadColumns(), func(show func(report.Record) error) error { return l.each(ctx, show) })
}

func (l lister) json(ctx context.Context, out io.Writer) error {
	return terminal.PrintArray(out, func(show func(report.Record) error) error { return l.each(ctx, show) })
}

func (l lister) text(ctx context.Context, screen terminal.Terminal) error {
	t := newLetterTable(screen)
	var listed records.Tally
	err := l.each(ctx, func(c report.Record) error {
		listed.Add(c)
		t.add(c)
		if listed.Count%PageSize == 0 {
			return t.Flush()
		}
		return nil
	})
	if flushed := t.Flush(); flushed != nil {
		return flushed
	}
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	total, failed := l.total(ctx, listed)
	if failed == nil {
		_, failed = fmt.Fprintln(screen.Out, total)
	}
	return errors.Join(err, failed)
}

// total says how many are listed, of how many, and their sum in each currency.
func (l lister) total(ctx context.Context, listed records.Tally) (string, error) {
	filtered := l.filter != (Filter{})
	switch {
	case listed.Count == 0 && filtered:
		return noneSelected, nil
	case listed.Count == 0:
		return "no dead letters", nil
	case listed.Count < l.limit || l.limit == 0:
		return listed.Of("dead letter"), nil
	case filtered:
		return "the newest " + listed.Of("dead letter"), nil // how many more there are, only reading them all would tell
	}
	_, all, err := l.client.Ledger().Counts(ctx)
	if err != nil || all <= int64(listed.Count) {
		return listed.Of("dead letter"), err
	}
	return fmt.Sprintf("%d of %d dead letters: %s", listed.Count, all, listed.Sums), nil
}

const noneSelected = "no dead letters match"

// letterTable shows dead letters, a line each.
type letterTable struct {
	*terminal.Table
	begun bool
}

func newLetterTable(t terminal.Terminal) *letterTable {
	table := t.Table(6)
	table.Right, table.Paint = map[int]bool{3: true}, records.InColumn(t, 1)
	return &letterTable{Table: table}
}

func (t *letterTable) add(c report.Record) {
	if !t.begun {
		t.Row("KEY", "STATUS", "CODE", "AMOUNT", "ORDER", "DIED", "MESSAGE")
		t.begun = true
	}
	t.Row(c.IdempotencyKey, string(c.Status), c.Code, terminal.Money(c.CanAmt, c.Currency), c.OrgMchtTrdNo, terminal.KoreanOrNone(c.EndedAt), terminal.Cut(c.Message, 60))
}
