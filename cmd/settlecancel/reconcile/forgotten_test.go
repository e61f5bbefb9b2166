package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/tasktest"
)

// forgotten accepts a cancellation that waits for people because Redis forgot writes: nothing was
// ever sent, as far as the ledger knows.
func (b *bench) forgotten(x tasks.Cancellation, at time.Time) {
	b.Helper()
	b.clock.Set(at)
	tasktest.Accept(b, b.ledger, x)
	g := tasktest.Begin(b, b.ledger, x)
	unsent := ledger.Attempt{Class: ledger.Unsent}
	if _, err := b.ledger.Finish(b.Context(), g, unsent, ledger.Next{Status: ledger.Queued}); err != nil {
		b.Fatal(err)
	}
	g = tasktest.Begin(b, b.ledger, x)
	if _, err := b.ledger.Finish(b.Context(), g, ledger.Attempt{Class: "test"}, ledger.Next{Status: ledger.Review, Reason: ledger.ReasonForgotten}); err != nil {
		b.Fatal(err)
	}
}

// After Redis forgot, a list settles what was asked for again: its line is of before. Of two lines,
// of another amount, or of days before, none does.
func TestSettlesForgotten(t *testing.T) {
	t.Parallel()
	again := on("2 18:00:00")
	for name, c := range map[string]struct {
		lines []string
		more  bool // another one of the same amount was forgotten, too
		want  []string
	}{
		"its line":       {[]string{listed("C1", "P1", 500, on("2 12:00:00"))}, false, []string{"settled r1 cancelled C1"}},
		"another amount": {[]string{listed("C1", "P1", 400, on("2 12:00:00"))}, false, []string{"not_with_us C1", "undecided r1 review"}},
		"one of two":     {[]string{listed("C1", "P1", 500, on("2 12:00:00"))}, true, []string{"undecided C1", "undecided r1 review", "undecided r2 review"}},
		"both": {[]string{listed("C1", "P1", 500, on("2 12:00:00")), listed("C2", "P1", 500, on("2 12:00:01"))}, true,
			[]string{"settled r1 cancelled C1", "settled r2 cancelled C2"}},
		"none": {nil, false, []string{"undecided r1 review"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.forgotten(refund("r1", "P1"), again)
			if c.more {
				b.forgotten(refund("r2", "P1"), again)
			}
			b.lists.put(day, c.lines...)
			rows, _ := b.run(later)
			b.want(rows, c.want...)
		})
	}
	t.Run("a line of days before", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.forgotten(refund("r1", "P1"), on("3 13:00:00"))
		b.lists.put(day, listed("C1", "P1", 500, on("2 12:00:00")))
		rows, _ := b.run(later)
		b.want(rows, "not_with_us C1")
	})
}

// paidOn is listed, of a payment of that day.
func paidOn(paid, line string) string { return strings.Replace(line, "|20231215|", "|"+paid+"|", 1) }

// What is cancelled of a payment is taken over from the lists where each was read since it was
// paid.
func TestSeeds(t *testing.T) {
	t.Parallel()
	now := on("3 06:00:00")
	for name, c := range map[string]struct {
		paid  string
		edit  func(*tasks.Cancellation)
		lost  bool // the list of today cannot be had
		dry   bool
		basis ledger.BasisKind
		sum   int64
	}{
		"paid that day":        {"20240102", nil, false, false, ledger.BasisList, 370},
		"paid the day before":  {"20240101", nil, false, false, ledger.BasisList, 370},
		"paid long before":     {"20231215", nil, false, false, "", 0},
		"of another currency":  {"20240102", currency("USD"), false, false, "", 0},
		"a list is missing":    {"20240102", nil, true, false, "", 0},
		"in a dry run":         {"20240102", nil, false, true, "", 0},
		"no day of payment":    {"", nil, false, false, "", 0},
		"a day that is no day": {"20240199", nil, false, false, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			x := refund("r1", "P1")
			if c.edit != nil {
				c.edit(&x)
			}
			b.clock.Set(on("2 11:00:00"))
			tasktest.Accept(b, b.ledger, x)
			b.lists.put(day, paidOn(c.paid, listed("C1", "P1", 300, on("2 12:00:00"))))
			b.lists.put("20240103", paidOn(c.paid, listed("C2", "P1", 70, on("3 01:00:00"))))
			b.lists.put("20240101")
			if c.lost {
				b.lists.text[shop+" CA 20240103"] = "9999|broken|0|\n"
			}
			b.run(now, func(q *Query) { q.DryRun = c.dry })
			r := b.record("r1")
			if got := fmt.Sprint(r.Basis, r.ConfirmedCancelled); got != fmt.Sprint(c.basis, c.sum) {
				t.Errorf("basis and sum %q, want %q", got, fmt.Sprint(c.basis, c.sum))
			}
		})
	}
}
