package reconcile

import (
	"cmp"
	"fmt"
	"io"
	"strconv"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
)

// NewText returns a Writer for people: counts and sums, then at most so many differences, 0: all.
// file is where all of them stand, "" where that is nowhere.
func NewText(t terminal.Terminal, most int, file string) Writer {
	return &differences{screen: t, out: t.Out, most: most, file: file}
}

// differences writes for people: counts and sums, then what differs.
type differences struct {
	screen terminal.Terminal
	out    io.Writer
	most   int    // that are shown; 0: all
	file   string // that has the others
	rows   []Row
	more   int
}

// Row keeps what differs. What is settled is told too, because it changed something.
func (d *differences) Row(r Row) error {
	switch {
	case r.Category == Agreed || r.Category == Before:
	case d.most > 0 && len(d.rows) == d.most:
		d.more++
	default:
		d.rows = append(d.rows, r)
	}
	return nil
}

// words say what a category is.
func words(c Category) string {
	switch c {
	case Settled:
		return "settled by the list"
	case Before:
		return "already cancelled before"
	case NotWithUs:
		return "at SettleBank, not with us"
	case NotAtSettleBank:
		return "with us, not at SettleBank"
	case Differs:
		return "differ"
	}
	return string(c) // agreed, undecided
}

// Close prints all of it.
func (d *differences) Close(s Summary) error {
	title := s.Date + ", Korean time"
	if s.DryRun {
		title += "; a dry run: nothing is resolved"
	}
	fmt.Fprintln(d.out, title)
	counts := d.screen.Table()
	counts.Right = map[int]bool{1: true, 2: true}
	for _, category := range Categories() {
		t := s.Totals[category]
		sum := terminal.Money(t.KRW, tasks.CurrencyKRW)
		if t.USD > 0 {
			sum += " " + terminal.Money(t.USD, tasks.CurrencyUSD)
		}
		counts.Row(words(category), terminal.Thousands(int64(t.Count)), sum)
	}
	if err := counts.Flush(); err != nil {
		return err
	}
	if err := d.table(); err != nil {
		return err
	}
	if len(s.Failures) > 0 {
		fmt.Fprintln(d.out)
	}
	for _, f := range s.Failures {
		fmt.Fprintf(d.out, "not looked at: %s\n", terminal.Clean(f))
	}
	return nil
}

func (d *differences) table() error {
	if len(d.rows) == 0 {
		return nil
	}
	fmt.Fprintln(d.out)
	t := d.screen.Table(8)
	t.Right, t.Wrap = map[int]bool{5: true, 6: true}, true
	t.Row("WHAT", "MERCHANT", "KEY", "STATUS", "PAYMENT", "OURS", "SETTLEBANK'S", "NUMBER", "NOTE")
	for _, r := range d.rows {
		ours, theirs := "", ""
		if r.Key != "" {
			ours = terminal.Money(r.Amount, r.Currency)
		}
		if r.ListedTrdNo != "" {
			theirs = terminal.Thousands(r.ListedAmount)
		}
		t.Row(string(r.Category), r.MchtID, r.Key, string(r.Status), r.OrgTrdNo, ours, theirs, cmp.Or(r.ListedTrdNo, r.CanTrdNo), r.Note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if d.more == 0 {
		return nil
	}
	where := "--limit 0 or --out FILE shows all"
	if d.file != "" {
		where = d.file + " has all"
	}
	_, err := fmt.Fprintf(d.out, "and %s more: %s\n", strconv.Itoa(d.more), terminal.Clean(where))
	return err
}
