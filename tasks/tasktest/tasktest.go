// Package tasktest brings cancellations where a test wants them, by the steps that a worker takes.
package tasktest

import (
	"fmt"
	"testing"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Sealer returns a sealer of keys with these ids; the same id is the same key.
func Sealer(t testing.TB, ids ...string) *tasks.Sealer {
	t.Helper()
	var keys []tasks.SealKey
	for _, id := range ids {
		keys = append(keys, tasks.SealKey{ID: id, Secret: fmt.Appendf(nil, "%-32s", id)})
	}
	s, err := tasks.NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Record returns what the ledger knows of a cancellation.
func Record(t testing.TB, l *ledger.Ledger, key string) ledger.Record {
	t.Helper()
	r, err := l.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Entry returns what the ledger is told of x.
func Entry(t testing.TB, x tasks.Cancellation) ledger.Entry {
	t.Helper()
	e, err := x.Entry()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Accept has the ledger accept x; no queue hears of it.
func Accept(t testing.TB, l *ledger.Ledger, x tasks.Cancellation) {
	t.Helper()
	if _, _, err := l.Accept(t.Context(), Entry(t, x)); err != nil {
		t.Fatal(err)
	}
}

// Begin stores the intent of what is next for x: a request, or the inquiry after one whose outcome
// is unknown.
func Begin(t testing.TB, l *ledger.Ledger, x tasks.Cancellation) ledger.Grant {
	t.Helper()
	want := ledger.StepSend
	if Record(t, l, x.IdempotencyKey).Status == ledger.Unknown {
		want = ledger.StepInquire
	}
	g, err := l.Begin(t.Context(), Entry(t, x))
	if err != nil || g.Step != want {
		t.Fatalf("begin %s: step %d, %v; want step %d", x.IdempotencyKey, g.Step, err, want)
	}
	return g
}

// Attempt makes an attempt at x that is answered with a and leads to n. One that leads to Sending
// is under way.
func Attempt(t testing.TB, l *ledger.Ledger, x tasks.Cancellation, a ledger.Attempt, n ledger.Next) {
	t.Helper()
	g := Begin(t, l, x)
	if n.Status == ledger.Sending {
		return
	}
	if _, err := l.Finish(t.Context(), g, a, n); err != nil {
		t.Fatal(err)
	}
}
