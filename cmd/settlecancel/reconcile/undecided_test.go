package reconcile

import (
	"strings"
	"testing"
	"time"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/tasktest"
)

// TestUndecided: what a list does not decide stays as it is.
func TestUndecided(t *testing.T) {
	t.Parallel()
	noon := on("2 12:00:00")
	for _, tt := range []struct {
		name string
		send func(*bench)
		day  []string
		at   time.Time
		want []string
		note string
	}{
		{"not listed, the next day is not over", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Review)) }, nil,
			on("3 23:59:59"), []string{"undecided r1 review"}, "when the day after is over"},
		{"not listed", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Review)) }, nil,
			later, []string{"undecided r1 review"}, "resolve --as rejected"},
		{"not listed, being verified", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Unknown)) }, nil,
			later, []string{"undecided r1 unknown"}, "being verified"},
		{"one of two", func(b *bench) {
			b.send(refund("r1", "P1"), noon, ends(ledger.Review))
			b.send(refund("r2", "P1"), noon, ends(ledger.Review))
		}, []string{listed("C1", "P1", 500, noon)}, later, []string{"undecided C1", "undecided r1 review", "undecided r2 review"}, ""},
		{"listed before it was sent", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Review)) },
			[]string{listed("C1", "P1", 500, noon.Add(-time.Hour))}, later, []string{"not_with_us C1", "undecided r1 review"}, ""},
		{"of another amount", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Review)) },
			[]string{listed("C1", "P1", 400, noon)}, later, []string{"not_with_us C1", "undecided r1 review"}, ""},
		{"its id, another amount", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Review)) },
			[]string{listed("C1", "P1", 400, noon, "CNCL-r1")}, later, []string{"undecided r1 review C1"}, "another amount"},
		{"dollars", func(b *bench) { b.send(refund("r1", "P1", currency("USD")), noon, ends(ledger.Review)) },
			[]string{listed("C1", "P1", 500, noon)}, later, []string{"undecided r1 review C1"}, "currencies"},
		{"cancelled, the day is not over", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) }, nil,
			on("2 23:59:59"), []string{"undecided r1 cancelled"}, "not over"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tt.send(b)
			b.lists.put(day, tt.day...)
			before := b.record("r1").Status
			b.clock.Set(tt.at)
			var rows []string
			var last Row
			s, err := b.rec.Run(t.Context(), Query{Date: day}, func(r Row) error {
				rows, last = append(rows, brief(r)), r
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			b.want(rows, tt.want...)
			if !strings.Contains(last.Note, tt.note) || s.Agrees() || b.record("r1").Status != before {
				t.Errorf("note %q, summary %+v, record %s", last.Note, s, b.record("r1").Status)
			}
		})
	}
}

// TestUnderWay: what an attempt holds is left alone, and said so.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	x := refund("r1", "P1")
	b.send(x, on("4 05:00:00"), ledger.Next{Status: ledger.Unknown, After: time.Minute})
	b.clock.Set(later)
	tasktest.Begin(t, b.ledger, x) // an inquiry
	y := refund("r2", "P2")
	tasktest.Accept(t, b.ledger, y)
	tasktest.Begin(t, b.ledger, y)
	b.lists.put("20240104", listed("C1", "P1", 500, on("4 05:00:00")), listed("C2", "P2", 500, later))
	rows, s := b.run(later.Add(time.Second), func(q *Query) { q.Date = "20240104" })
	b.want(rows, "undecided r1 unknown C1", "undecided r2 sending C2")
	if s.Agrees() || b.record("r1").Status != ledger.Unknown {
		t.Errorf("summary %+v, record %+v", s, b.record("r1"))
	}
}
