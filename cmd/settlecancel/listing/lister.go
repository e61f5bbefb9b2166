package listing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// pageSize is how many cancellations are read in one step.
const pageSize = 500

// lister lists cancellations in constant memory, however many there are.
type lister struct {
	ledger *ledger.Ledger
	query  ledger.Query
	limit  int // 0: all
}

// each calls show for every cancellation that is asked for. Those that cannot be read do not keep
// the others from being listed; its error, an ErrDamaged, names them.
func (l lister) each(ctx context.Context, show func(report.Record) error) error {
	var damaged []error
	for left := l.limit; ; {
		l.query.Limit = pageSize
		if l.limit > 0 {
			l.query.Limit = min(pageSize, left)
		}
		found, next, err := l.ledger.Search(ctx, l.query)
		if errors.Is(err, ledger.ErrDamaged) {
			damaged = append(damaged, err)
		} else if err != nil {
			return err
		}
		for _, r := range found {
			shown, err := report.New(r)
			if err != nil {
				damaged = append(damaged, fmt.Errorf("%w: %w", ledger.ErrDamaged, err))
				continue
			}
			if err := show(shown); err != nil {
				return err
			}
		}
		if left -= len(found); next == "" || l.limit > 0 && left <= 0 {
			return errors.Join(damaged...)
		}
		l.query.Cursor = next
	}
}

func (l lister) json(ctx context.Context, out io.Writer) error {
	return terminal.PrintArray(out, func(show func(report.Record) error) error { return l.each(ctx, show) })
}

func (l lister) csv(ctx context.Context, out io.Writer) error {
	return records.WriteCSV(out, records.Columns(), func(show func(report.Record) error) error { return l.each(ctx, show) })
}

func (l lister) text(ctx context.Context, screen terminal.Terminal) error {
	t := screen.Table()
	t.Right, t.Paint = map[int]bool{3: true}, records.InColumn(screen, 1)
	listed := tallies{}
	count := 0
	err := l.each(ctx, func(c report.Record) error {
		if count++; count == 1 {
			t.Row("KEY", "STATUS", "CODE", "AMOUNT", "ORDER", "MERCHANT", "ACCEPTED", "ENDED")
		}
		listed.add(c)
		t.Row(c.IdempotencyKey, records.Word(c), c.Code, terminal.Money(c.CanAmt, c.Currency), c.OrgMchtTrdNo, c.MchtID,
			terminal.Korean(c.AcceptedAt), terminal.KoreanOrNone(c.EndedAt))
		if count%pageSize == 0 {
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
	_, failed := fmt.Fprint(screen.Out, l.total(count, listed))
	return errors.Join(err, failed)
}

// total says how many are listed, and how much money that is by status.
func (l lister) total(count int, listed tallies) string {
	switch {
	case count == 0:
		return "no cancellations found (what has ended is kept for LEDGER_RETENTION)\n"
	case count == l.limit:
		return fmt.Sprintf("the newest %s; there may be more (--limit 0 lists all)\n%s", terminal.Plural(count, "cancellation"), listed)
	}
	return terminal.Plural(count, "cancellation") + "\n" + listed.String()
}

// tallies count what is listed by status, as the table shows it.
type tallies map[string]*records.Tally

func (t tallies) add(c report.Record) {
	word := records.Word(c)
	if t[word] == nil {
		t[word] = &records.Tally{}
	}
	t[word].Add(c)
}

// String returns a line for each status.
func (t tallies) String() string {
	var text strings.Builder
	for _, s := range ledger.Statuses() {
		for _, closed := range []bool{false, true} {
			word := records.Word(report.Record{Status: s, Closed: closed})
			if of := t[word]; of != nil && (!closed || word != string(s)) {
				fmt.Fprintf(&text, "  %d %s: %s\n", of.Count, word, of.Sums)
			}
		}
	}
	return text.String()
}
