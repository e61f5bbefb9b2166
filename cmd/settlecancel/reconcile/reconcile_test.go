package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

func TestAgreed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), on("2 12:00:00"), done("C1"))
	b.send(refund("r2", "P1"), on("2 13:00:00"), done("C2"))
	b.send(refund("r3", "P2", method("")), on("2 23:59:58"), done("C3"))
	b.send(refund("r4", "P3"), on("2 00:00:00"), done(""))                                                       // an inquiry told
	b.send(refund("r5", "P4"), on("2 10:00:00"), ends(ledger.AlreadyCancelled))                                  // somebody else that day
	b.send(refund("r6", "P5"), on("2 10:00:00"), ends(ledger.AlreadyCancelled))                                  // somebody else before
	b.send(refund("r7", "P6"), on("1 10:00:00"), done("C7"))                                                     // another day's
	b.send(refund("r8", "P7"), on("2 11:00:00"), ends(ledger.Rejected))                                          // nobody cancelled it
	b.send(refund("r9", "P8", func(x *tasks.Cancellation) { x.MchtID = "other" }), on("2 11:00:00"), done("C9")) // not configured
	b.lists.put(day, listed("C2", "P1", 500, on("2 13:00:00")), listed("C1", "P1", 500, on("2 12:00:00")),
		listed("C3", "P2", 500, on("2 23:59:58")), listed("C4", "P3", 500, on("2 00:00:01")), listed("C5", "P4", 500, on("2 09:00:00")))
	rows, s := b.run(later)
	b.want(rows, "agreed r1 cancelled C1", "agreed r2 cancelled C2", "agreed r3 cancelled C3", "agreed r4 cancelled C4",
		"agreed r5 already_cancelled C5", "already_cancelled r6 already_cancelled")
	if !s.Agrees() || s.Totals[Agreed] != (Total{Count: 5, KRW: 2500}) {
		t.Errorf("summary %+v", s)
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	noon := on("2 12:00:00")
	type lines = []string
	for _, tt := range []struct {
		name string
		send func(*bench)
		day  lines
		want []string
		note string // in the note of the last row
	}{
		{"not with us", func(*bench) {}, lines{listed("C1", "P1", 500, noon)}, lines{"not_with_us C1"}, "others than this ledger"},
		{"applied twice", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) },
			lines{listed("C1", "P1", 500, noon), listed("C2", "P1", 500, noon)}, lines{"agreed r1 cancelled C1", "not_with_us C2"}, ""},
		{"applied twice, no number told", func(b *bench) { b.send(refund("r1", "P1"), noon, done("")) },
			lines{listed("C1", "P1", 500, noon), listed("C2", "P1", 500, noon)}, lines{"agreed r1 cancelled C1", "not_with_us C2"}, ""},
		{"listed twice", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) },
			lines{listed("C1", "P1", 500, noon), listed("C1", "P1", 500, noon)}, lines{"agreed r1 cancelled C1", "differs C1"}, "listed twice"},
		{"listed twice, no number told", func(b *bench) { b.send(refund("r1", "P1"), noon, done("")) },
			lines{listed("C1", "P1", 500, noon), listed("C1", "P1", 500, noon)}, lines{"agreed r1 cancelled C1", "differs C1"}, "listed twice"},
		{"not at SettleBank", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) }, nil,
			lines{"not_at_settlebank r1 cancelled"}, "ask SettleBank"},
		{"not at SettleBank, no number told", func(b *bench) { b.send(refund("r1", "P1"), noon, done("")) }, nil,
			lines{"not_at_settlebank r1 cancelled"}, ""},
		{"another amount", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) }, lines{listed("C1", "P1", 499, noon)},
			lines{"differs r1 cancelled C1"}, "amounts differ"},
		{"another amount, no number told", func(b *bench) { b.send(refund("r1", "P1"), noon, done("")) }, lines{listed("C1", "P1", 499, noon)},
			lines{"differs r1 cancelled C1"}, "amounts differ"},
		{"another number", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) }, lines{listed("C9", "P1", 500, noon)},
			lines{"differs r1 cancelled C9"}, "another number"},
		{"another payment's number", func(b *bench) { b.send(refund("r1", "P1"), noon, done("C1")) }, lines{listed("C1", "P2", 500, noon)},
			lines{"not_at_settlebank r1 cancelled", "differs C1"}, "another payment"},
		{"rejected", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Rejected)) }, lines{listed("C1", "P1", 500, noon)},
			lines{"not_with_us r1 rejected C1"}, "not applied (rejected): resolve"},
		{"to be sent again", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Queued)) }, lines{listed("C1", "P1", 500, noon)},
			lines{"not_with_us r1 queued C1"}, "would be sent"},
		{"to be sent again, by its id", func(b *bench) { b.send(refund("r1", "P1"), noon, ends(ledger.Queued)) },
			lines{listed("C1", "P1", 500, noon, settlebank.CancelID("r1", 1))}, lines{"not_with_us r1 queued C1"}, "would be sent"},
		{"ended as rejected by a person", func(b *bench) {
			b.send(refund("r1", "P1"), noon, ends(ledger.Review))
			b.resolve("r1", noon.Add(time.Hour), ledger.Decision{Who: "kim", As: ledger.Rejected})
		}, lines{listed("C1", "P1", 500, noon)}, lines{"not_with_us r1 rejected C1"}, ""},
		{"ended by a person, nowhere listed", func(b *bench) {
			b.send(refund("r1", "P1"), on("1 12:00:00"), ends(ledger.Review))
			b.resolve("r1", noon, ledger.Decision{Who: "kim", As: ledger.Cancelled})
		}, nil, lines{"undecided r1 cancelled"}, "a person ended it"},
		{"dollars", func(b *bench) { b.send(refund("r1", "P1", currency("USD")), noon, done("C1")) }, lines{listed("C1", "P1", 5, noon)},
			lines{"undecided r1 cancelled C1"}, "currencies"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var last Row
			tt.send(b)
			b.lists.put(day, tt.day...)
			b.clock.Set(later)
			var rows []string
			s, err := b.rec.Run(t.Context(), Query{Date: day}, func(r Row) error {
				rows, last = append(rows, brief(r)), r
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			b.want(rows, tt.want...)
			if !strings.Contains(last.Note, tt.note) || last.Note == "" {
				t.Errorf("note %q lacks %q", last.Note, tt.note)
			}
			if s.Agrees() {
				t.Error("it is said to agree")
			}
		})
	}
}

// TestSettles: what a line decides is resolved, with its number in the record; a second run finds
// it agreed.
func TestSettles(t *testing.T) {
	t.Parallel()
	noon := on("2 12:00:00")
	for _, status := range []ledger.Status{ledger.Unknown, ledger.Review} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.send(refund("r1", "P1"), noon, ends(status))
			b.lists.put(day, listed("C1", "P1", 500, noon))

			rows, s := b.run(later, dry)
			b.want(rows, "settled r1 "+string(status)+" C1")
			if s.Agrees() || b.record("r1").Status != status {
				t.Errorf("a dry run changed %+v, or agrees: %+v", b.record("r1"), s)
			}
			rows, s = b.run(later)
			b.want(rows, "settled r1 cancelled C1")
			if !s.Agrees() || s.Totals[Settled] != (Total{Count: 1, KRW: 500}) {
				t.Errorf("summary %+v", s)
			}
			r := b.record("r1")
			want := ledger.Act{At: later.UTC(), Who: "reconcile", What: "proof",
				Note: "SettleBank tells of the cancellation: trdNo C1, 500 KRW, 2024-01-02 12:00:00 KST"}
			if len(r.Acts) != 1 || !cmp.Equal(want, r.Acts[0], cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }), cmpopts.IgnoreFields(ledger.Act{}, "ID", "Ms")) ||
				r.Status != ledger.Cancelled || r.ConfirmedCancelled != 500 {
				t.Errorf("record %+v", r)
			}
			rows, s = b.run(later)
			b.want(rows, "agreed r1 cancelled C1")
			if !s.Agrees() {
				t.Errorf("summary %+v", s)
			}
		})
	}
}

// TestSettleBesides: of two cancellations of a payment, the one that has its own line does not
// stand in the other's way.
func TestSettleBesides(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), on("2 12:00:00"), done("C1"))
	b.send(refund("r2", "P1"), on("2 12:10:00"), ends(ledger.Review))
	b.send(refund("r3", "P1", amount(300)), on("2 12:20:00"), ends(ledger.Review))
	b.lists.put(day, listed("C1", "P1", 500, on("2 12:00:00")), listed("C2", "P1", 500, on("2 12:10:00")), listed("C3", "P1", 300, on("2 12:20:00")))
	rows, s := b.run(later)
	b.want(rows, "agreed r1 cancelled C1", "settled r2 cancelled C2", "settled r3 cancelled C3")
	if r := b.record("r3"); !s.Agrees() || r.ConfirmedCancelled != 1300 {
		t.Errorf("summary %+v, sum %d", s, r.ConfirmedCancelled)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	check := func(q Query) error { return q.Check([]string{shop}, later) }
	err := check(Query{Date: "20240230", MchtIDs: []string{"nobody", shop}, Methods: []string{"CA", "XX"}})
	for _, want := range []string{`"20240230" is no day`, `merchant "nobody"`, `method "XX"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	if err := check(Query{Date: "20240105"}); err == nil || !strings.Contains(err.Error(), "future") {
		t.Errorf("error %v", err)
	}
	if err := check(Query{Date: "20240104"}); err != nil {
		t.Error(err)
	}
	if _, _, err := b.try(later, func(q *Query) { q.Date = "" }); err == nil {
		t.Error("no date is one")
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a Reconciler of nothing is one")
	}
	if got := Yesterday(time.Date(2024, 1, 2, 14, 59, 59, 0, time.UTC)); got != "20240101" {
		t.Errorf("yesterday is %s", got)
	}
	if got := Yesterday(time.Date(2024, 1, 2, 15, 0, 0, 0, time.UTC)); got != "20240102" {
		t.Errorf("yesterday is %s", got)
	}
}

// TestAsks: only the lists asked for are read, the neighbours only where something is open.
func TestAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), on("2 12:00:00"), done("C1"))
	b.lists.put(day, listed("C1", "P1", 500, on("2 12:00:00")))
	only := func(q *Query) { q.MchtIDs, q.Methods = []string{shop}, []string{"RA", "CA", "CA"} }
	b.run(later, only)
	b.want(b.lists.asked, shop+" CA 20240102", shop+" RA 20240102")
	b.lists.asked = nil
	b.lists.put(day)
	rows, _ := b.run(later, only)
	b.want(rows, "not_at_settlebank r1 cancelled")
	b.want(b.lists.asked, shop+" CA 20240102", shop+" RA 20240102", shop+" CA 20240101", shop+" CA 20240103")
	b.lists.asked = nil
	b.run(later)
	if len(b.lists.asked) != 2*len(listNames())+2 {
		t.Errorf("asked %q", b.lists.asked)
	}
	// A record whose method is not known may stand in a list that was not asked for.
	b.send(refund("r2", "P2", method("")), on("2 12:00:00"), done("C2"))
	rows, _ = b.run(later, only)
	b.want(rows, "not_at_settlebank r1 cancelled", "undecided r2 cancelled")
	// One of another method is not compared.
	rows, s := b.run(later, func(q *Query) { q.Methods = []string{"RA"} })
	b.want(rows, "undecided r2 cancelled")
	if s.Agrees() {
		t.Error("it agrees")
	}
}

// TestErrSink: who takes no row any more ends it all.
func TestErrSink(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), on("2 12:00:00"), done("C1"))
	b.send(refund("r2", "P2"), on("2 12:00:00"), ends(ledger.Review))
	full := errors.New("the disk is full")
	for name, lines := range map[string][]string{
		"found": {listed("C1", "P1", 500, on("2 12:00:00"))}, "open": nil,
		"settled": {listed("C2", "P2", 500, on("2 12:00:00"))}, "listed twice": {listed("C1", "P9", 500, on("2 12:00:00"))},
	} {
		b.lists.put(day, lines...)
		b.clock.Set(later)
		if _, err := b.rec.Run(t.Context(), Query{Date: day, DryRun: true}, func(Row) error { return full }); !errors.Is(err, full) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(full)
	if _, err := b.rec.Run(ctx, Query{Date: day}, func(Row) error { return nil }); !errors.Is(err, full) && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
