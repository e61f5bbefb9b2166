package reconcile

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// meddled is a ledger in which something happens between the reading of a payment and what follows.
type meddled struct {
	Ledger
	read    error
	resolve func() (ledger.Record, error)
}

func (m meddled) Transaction(ctx context.Context, mchtID, orgTrdNo string) ([]ledger.Record, error) {
	if m.read != nil {
		return nil, m.read
	}
	return m.Ledger.Transaction(ctx, mchtID, orgTrdNo)
}

func (m meddled) Prove(context.Context, string, ledger.Evidence) (ledger.Record, error) {
	return m.resolve()
}

// TestRaces: what the worker or a person does while a day is compared.
func TestRaces(t *testing.T) {
	t.Parallel()
	away := errors.New("connection refused")
	for name, tt := range map[string]struct {
		record ledger.Record
		err    error
		want   string // "" for the error
		note   string
	}{
		"settled meanwhile":  {ledger.Record{Status: ledger.Cancelled}, ledger.ErrEnded, "agreed r1 cancelled C1", ""},
		"rejected meanwhile": {ledger.Record{Status: ledger.Rejected}, ledger.ErrEnded, "undecided r1 rejected C1", "compare again"},
		"gone meanwhile":     {ledger.Record{}, ledger.ErrNotFound, "undecided r1  C1", "compare again"},
		"taken meanwhile":    {ledger.Record{}, ledger.ErrBusy, "undecided r1 review C1", "an attempt holds it"},
		"Redis is away":      {ledger.Record{}, away, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.send(refund("r1", "P1"), on("2 12:00:00"), ends(ledger.Review))
			b.lists.put(day, listed("C1", "P1", 500, on("2 12:00:00")))
			b.rec.opts.Ledger = meddled{Ledger: b.ledger, resolve: func() (ledger.Record, error) { return tt.record, tt.err }}
			b.clock.Set(later)
			var row Row
			_, err := b.rec.Run(t.Context(), Query{Date: day}, func(r Row) error { row = r; return nil })
			if (tt.want == "") != errors.Is(err, away) {
				t.Fatalf("error %v", err)
			}
			if got := brief(row); tt.want != "" && (got != tt.want || !strings.Contains(row.Note, tt.note)) {
				t.Errorf("row %q with note %q, want %q", got, row.Note, tt.want)
			}
		})
	}
	t.Run("ErrTransaction", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.lists.put(day, listed("C1", "P1", 500, on("2 12:00:00")))
		b.rec.opts.Ledger = meddled{Ledger: b.ledger, read: away}
		if _, _, err := b.try(later); !errors.Is(err, away) {
			t.Errorf("error %v", err)
		}
	})
	// What is ended while the lists are read is no longer undecided.
	t.Run("ended while lists are read", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), on("2 12:00:00"), ends(ledger.Review))
		b.send(refund("r2", "P2"), on("2 12:00:00"), ends(ledger.Review))
		decide := map[string]ledger.Status{"r1": ledger.Rejected, "r2": ledger.Cancelled}
		b.rec.opts.Gateway = deciding{b.rec.opts.Gateway, func() {
			for key, as := range decide {
				b.resolve(key, later, ledger.Decision{Who: "kim", As: as})
				delete(decide, key)
			}
		}}
		rows, _ := b.run(later)
		b.want(rows, "undecided r2 cancelled")
	})
}

// deciding does something before a list is asked for.
type deciding struct {
	Gateway
	first func()
}

func (d deciding) Collation(ctx context.Context, r gateway.CollationRequest) iter.Seq2[gateway.CollationRecord, error] {
	d.first()
	return d.Gateway.Collation(ctx, r)
}
