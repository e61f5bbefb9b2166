package reconcile

import (
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// TestMidnight: SettleBank and the ledger may date a cancellation on different days; the days
// around are looked at before either is said to lack it.
func TestMidnight(t *testing.T) {
	t.Parallel()
	const before, after = "20240101", "20240103"
	late, early := on("2 23:59:59"), on("2 00:00:01")
	review := ends(ledger.Review)
	person := ledger.Decision{Who: "kim", Note: "seen in the console", As: ledger.Cancelled}
	for _, tt := range []struct {
		name  string
		send  func(*bench)
		lists map[string][]string
		want  []string
		agree bool
	}{
		{"sent before, answered after: the line's day", func(b *bench) { b.send(refund("r1", "P1"), late, done("C1")) },
			map[string][]string{day: {listed("C1", "P1", 500, late)}}, []string{"agreed r1 cancelled C1"}, true},
		{"sent before, answered after: no number told", func(b *bench) { b.send(refund("r1", "P1"), late, done("")) },
			map[string][]string{day: {listed("C1", "P1", 500, late)}}, []string{"agreed r1 cancelled C1"}, true},
		{"answered today, listed yesterday", func(b *bench) { b.send(refund("r1", "P1"), on("1 23:59:59"), done("C1")) },
			map[string][]string{before: {listed("C1", "P1", 500, on("1 23:59:59"))}}, []string{"agreed r1 cancelled C1"}, true},
		{"answered today, listed tomorrow", func(b *bench) { b.send(refund("r1", "P1"), late.Add(-time.Second), done("C1")) },
			map[string][]string{after: {listed("C1", "P1", 500, on("3 00:00:02"))}}, []string{"agreed r1 cancelled C1"}, true},
		{"answered today, listed yesterday, no number told", func(b *bench) { b.send(refund("r1", "P1"), early, done("")) },
			map[string][]string{before: {listed("C1", "P1", 500, on("1 23:59:59"))}}, []string{"agreed r1 cancelled C1"}, true},
		{"applied on both sides of midnight", func(b *bench) { b.send(refund("r1", "P1"), late.Add(-time.Second), done("C2")) },
			map[string][]string{day: {listed("C1", "P1", 500, late)}, after: {listed("C2", "P1", 500, on("3 00:00:10"))}},
			[]string{"not_with_us C1", "agreed r1 cancelled C2"}, false},
		{"applied on both sides of midnight, no number told", func(b *bench) { b.send(refund("r1", "P1"), late.Add(-time.Second), done("")) },
			map[string][]string{day: {listed("C1", "P1", 500, late)}, after: {listed("C2", "P1", 500, on("3 00:00:10"))}},
			[]string{"agreed r1 cancelled C1"}, true}, // TestAppliedAcrossMidnight: the day after tells of C2
		{"another's line of yesterday is no business of today", func(*bench) {},
			map[string][]string{day: {listed("C1", "P1", 500, late)}, before: {listed("C0", "P1", 500, on("1 12:00:00"))}},
			[]string{"not_with_us C1"}, false},
		{"settled by what is listed tomorrow", func(b *bench) { b.send(refund("r1", "P1"), late, review) },
			map[string][]string{after: {listed("C1", "P1", 500, on("3 00:00:01"))}}, []string{"settled r1 cancelled C1"}, true},
		{"tomorrow's own is left to tomorrow", func(b *bench) {
			b.send(refund("r1", "P1"), on("3 00:10:00"), review)
			b.send(refund("r2", "P1", amount(1)), late, review)
		},
			map[string][]string{after: {listed("C1", "P1", 500, on("3 00:10:00"))}}, []string{"undecided r2 review"}, false},
		{"any age", func(b *bench) { b.send(refund("r1", "P1"), on("1 12:00:00"), review) },
			map[string][]string{day: {listed("C1", "P1", 500, on("2 11:00:00"))}}, []string{"settled r1 cancelled C1"}, true},
		{"ended by a person, sent two days before", func(b *bench) {
			b.send(refund("r1", "P1"), time.Date(2023, 12, 31, 12, 0, 0, 0, settlebank.KST), review)
			b.resolve("r1", on("2 12:00:00"), person)
		}, map[string][]string{"20231231": {listed("C1", "P1", 500, time.Date(2023, 12, 31, 12, 0, 1, 0, settlebank.KST))}},
			[]string{"agreed r1 cancelled C1"}, true},
		{"sent on the day, ended by a person much later", func(b *bench) {
			b.send(refund("r1", "P1"), on("2 12:00:00"), review)
			b.resolve("r1", on("4 05:00:00"), person)
		}, map[string][]string{day: {listed("C1", "P1", 500, on("2 12:00:01"))}}, []string{"agreed r1 cancelled C1"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tt.send(b)
			for date, lines := range tt.lists {
				b.lists.put(date, lines...)
			}
			rows, s := b.run(later)
			b.want(rows, tt.want...)
			if s.Agrees() != tt.agree {
				t.Errorf("agrees: %t", s.Agrees())
			}
		})
	}
}

// TestAppliedAcrossMidnight: of two lines and one record, the record is one line, whichever day is
// compared.
func TestAppliedAcrossMidnight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), on("2 23:59:58"), done(""))
	b.lists.put(day, listed("C1", "P1", 500, on("2 23:59:59")))
	b.lists.put("20240103", listed("C2", "P1", 500, on("3 00:00:10")))
	rows, _ := b.run(later)
	next, s := b.run(later, func(q *Query) { q.Date = "20240103" })
	b.want(append(rows, next...), "agreed r1 cancelled C1", "not_with_us C2")
	if s.Agrees() {
		t.Error("it agrees")
	}
}

// TestTomorrowRefused: in the morning, the list of the day that has begun may not be had yet.
func TestTomorrowRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), on("2 12:00:00"), done("C1"))
	b.send(refund("r2", "P2"), on("2 23:55:00"), done("C2"))
	b.lists.put(day)
	b.lists.text["20240103"] = "ST09|not yet|0|\n"
	rows, s := b.run(on("3 06:00:00"))
	b.want(rows, "not_at_settlebank r1 cancelled", "undecided r2 cancelled")
	if len(s.Failures) != 0 {
		t.Errorf("failures %q", s.Failures)
	}
}

// TestManyDays: what people ended may have been sent on more days than are looked at.
func TestManyDays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	undecided := 0
	for i := range 20 {
		key := "r" + string(rune('a'+i))
		b.send(refund(key, "P"+key), on("1 12:00:00").AddDate(0, 0, -2*i), ends(ledger.Review))
		b.resolve(key, on("2 12:00:00"), ledger.Decision{Who: "kim", As: ledger.Cancelled})
	}
	rows, _ := b.run(later)
	for _, r := range rows {
		if strings.HasPrefix(r, "undecided") {
			undecided++
		}
	}
	days := map[string]bool{}
	for _, asked := range b.lists.asked {
		days[asked[len(asked)-8:]] = true
	}
	if undecided != 20 || len(days) != maxDays+1 {
		t.Errorf("%d of %d rows are undecided, %d days were looked at", undecided, len(rows), len(days))
	}
}
