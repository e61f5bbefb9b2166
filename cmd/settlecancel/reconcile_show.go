package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"

	"settlecancel/cmd/settlecancel/reconcile"
	"settlecancel/tasks"
)

// differences writes for people: counts and sums, then what differs.
type differences struct {
	out  io.Writer
	most int    // that are shown; 0: all
	file string // that has the others
	rows []reconcile.Row
	more int
}

// Row keeps what differs. What is settled is told too, because it changed something.
func (d *differences) Row(r reconcile.Row) error {
	switch {
	case r.Category == reconcile.Agreed || r.Category == reconcile.Before:
	case d.most > 0 && len(d.rows) == d.most:
		d.more++
	default:
		d.rows = append(d.rows, r)
	}
	return nil
}

// words say what a category is.
func words(c reconcile.Category) string {
	switch c {
	case reconcile.Settled:
		return "settled by the list"
	case reconcile.Before:
		return "already cancelled before"
	case reconcile.NotWithUs:
		return "at SettleBank, not with us"
	case reconcile.NotAtSettleBank:
		return "with us, not at SettleBank"
	case reconcile.Differs:
		return "differ"
	}
	return string(c) // agreed, undecided
}

// Close prints all of it.
func (d *differences) Close(s reconcile.Summary) error {
	title := s.Date + ", Korean time"
	if s.DryRun {
		title += "; a dry run: nothing is resolved"
	}
	fmt.Fprintln(d.out, title)
	counts := &table{out: d.out, right: map[int]bool{1: true, 2: true}}
	for _, category := range reconcile.Categories() {
		t := s.Totals[category]
		sum := money(t.KRW, tasks.CurrencyKRW)
		if t.USD > 0 {
			sum += " " + money(t.USD, tasks.CurrencyUSD)
		}
		counts.row(words(category), thousands(int64(t.Count)), sum)
	}
	if err := counts.flush(); err != nil {
		return err
	}
	if err := d.table(); err != nil {
		return err
	}
	if len(s.Failures) > 0 {
		fmt.Fprintln(d.out)
	}
	for _, f := range s.Failures {
		fmt.Fprintf(d.out, "not looked at: %s\n", clean(f))
	}
	return nil
}

func (d *differences) table() error {
	if len(d.rows) == 0 {
		return nil
	}
	fmt.Fprintln(d.out)
	t := &table{out: d.out, right: map[int]bool{5: true, 6: true}}
	t.row("WHAT", "MERCHANT", "KEY", "STATUS", "PAYMENT", "OURS", "SETTLEBANK'S", "NUMBER", "NOTE")
	for _, r := range d.rows {
		ours, theirs := "", ""
		if r.Key != "" {
			ours = money(r.Amount, r.Currency)
		}
		if r.ListedTrdNo != "" {
			theirs = thousands(r.ListedAmount)
		}
		t.row(string(r.Category), r.MchtID, r.Key, string(r.Status), r.OrgTrdNo, ours, theirs, cmp.Or(r.ListedTrdNo, r.CanTrdNo), r.Note)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if d.more == 0 {
		return nil
	}
	where := "--limit 0 or --out FILE shows all"
	if d.file != "" {
		where = d.file + " has all"
	}
	_, err := fmt.Fprintf(d.out, "and %s more: %s\n", strconv.Itoa(d.more), clean(where))
	return err
}
