package reconcile

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// TestListFails: nobody believes half a list, and what it would have told is neither claimed nor
// settled.
func TestListFails(t *testing.T) {
	t.Parallel()
	noon := on("2 12:00:00")
	found, foreign, proof := listed("C1", "P1", 500, noon), listed("C8", "P8", 500, noon), listed("C2", "P2", 500, noon)
	for name, tt := range map[string]struct{ text, failure string }{
		"cut":            {"0000|ok|4|\n" + found + foreign + proof, "3 of its 4 lines came"},
		"within a line":  {"0000|ok|4|\n" + found + foreign + proof + found[:30], "cut short"},
		"too many":       {"0000|ok|2|\n" + found + foreign + proof, "says that it has 2 lines"},
		"foreign":        {"<html>busy</html>\n", "no list of SettleBank"},
		"refused":        {"ST92|hash|0|\n", "refused with ST92"},
		"system failure": {"ST10|system|0|\n", "refused with ST10"},
	} {
		t.Run("Err "+name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.send(refund("r1", "P1"), noon, done("C1"))
			b.send(refund("r2", "P2"), noon, ends(ledger.Review))
			b.lists.text[shop+" CA "+day] = tt.text
			b.lists.text[shop+" RA "+day] = listOf(strings.Replace(listed("C9", "P9", 500, noon), "|CA|", "|RA|", 1))
			rows, s := b.run(later)
			b.want(rows, "undecided r1 cancelled", "undecided r2 review", "not_with_us C9")
			if len(s.Failures) != 1 || !strings.Contains(s.Failures[0], tt.failure) || s.Agrees() {
				t.Errorf("failures %q", s.Failures)
			}
			if b.record("r2").Status != ledger.Review {
				t.Error("it was settled")
			}
		})
	}
	// What is asked for again is read from its start.
	t.Run("OKAgain", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), noon, done("C1"))
		b.send(refund("r2", "P2"), noon, ends(ledger.Review))
		name := shop + " CA " + day
		b.lists.text[name] = "0000|ok|4|\n" + found + foreign + proof
		b.lists.then = map[string]string{name: listOf(found, proof)}
		rows, s := b.run(later)
		b.want(rows, "agreed r1 cancelled C1", "settled r2 cancelled C2")
		if !s.Agrees() {
			t.Errorf("summary %+v", s)
		}
	})
	t.Run("OKNeighbourAgain", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), on("2 00:00:01"), done(""))
		name, line := shop+" CA 20240101", listed("C1", "P1", 500, on("1 23:59:59"))
		b.lists.text[name] = "0000|ok|2|\n" + line
		b.lists.then = map[string]string{name: listOf(line)}
		rows, s := b.run(later)
		b.want(rows, "agreed r1 cancelled C1")
		if !s.Agrees() {
			t.Errorf("summary %+v", s)
		}
	})
	t.Run("ErrNeighbour", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), noon, done("C1"))
		b.lists.text[shop+" CA 20240101"] = "ST10|system|0|\n"
		rows, s := b.run(later)
		b.want(rows, "undecided r1 cancelled")
		if len(s.Failures) != 1 || !strings.Contains(s.Failures[0], "20240101") {
			t.Errorf("failures %q", s.Failures)
		}
	})
}

// TestRepetitions: a list is asked for again where that may help, after longer and longer pauses.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ST10|system|0|\n": "2s 4s 8s", "0000|ok|1|\n": "2s 4s 8s", "ST92|hash|0|\n": "", "<p>\n": "",
	} {
		var pauses []string
		b := newBench(t, func(o *Options) {
			o.Wait = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d.String()); return nil }
		})
		b.lists.text[shop+" CA "+day] = text
		_, s := b.run(later, func(q *Query) { q.MchtIDs = []string{shop} })
		if got := strings.Join(pauses, " "); got != want || len(s.Failures) != 1 {
			t.Errorf("%q: pauses %q, want %q; failures %q", text, got, want, s.Failures)
		}
	}
	// A host that is away is not waited for with every list.
	pauses := 0
	away := newBench(t, func(o *Options) {
		o.Wait = func(context.Context, time.Duration) error { pauses++; return nil }
	})
	away.lists.text[day] = "ST10|system|0|\n"
	if _, s := away.run(later); pauses != away.rec.opts.Tries-1 || len(s.Failures) != 2 {
		t.Errorf("%d pauses, failures %q", pauses, s.Failures)
	} else if want := "list of " + shop + "/" + strings.Join(listNames(), ",") + " for " + day + ": refused with ST10"; !strings.Contains(s.Failures[0]+s.Failures[1], want) {
		t.Errorf("failures %q lack %q", s.Failures, want)
	}
	b := newBench(t, func(o *Options) {
		o.Wait = func(context.Context, time.Duration) error { return context.Canceled }
	})
	b.lists.text[shop+" CA "+day] = "ST10|system|0|\n"
	if _, _, err := b.try(later); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error %v", err)
	}
}

// TestDamaged: a payment whose records cannot be read is not decided on; the others are.
func TestDamaged(t *testing.T) {
	t.Parallel()
	noon := on("2 12:00:00")
	b := newBench(t)
	b.send(refund("r1", "P1"), noon, done("C1"))
	b.send(refund("r2", "P2"), noon, ends(ledger.Review))
	keys, err := b.rdb.Keys(t.Context(), "*:p:*:P2").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	if err := b.rdb.Set(t.Context(), keys[0], "damaged", 0).Err(); err != nil {
		t.Fatal(err)
	}
	b.lists.put(day, listed("C1", "P1", 500, noon), listed("C2", "P2", 500, noon))
	rows, s := b.run(later)
	b.want(rows, "agreed r1 cancelled C1", "undecided C2")
	if len(s.Failures) != 3 || !strings.Contains(fmt.Sprint(s.Failures), "cannot be read") {
		t.Errorf("failures %q", s.Failures)
	}
}

// TestFailuresTogether: one line for what is lost for one cause, whatever port it was asked from.
func TestFailuresTogether(t *testing.T) {
	t.Parallel()
	r := &run{lost: make(map[lostLists]*failure)}
	for _, x := range []struct{ mchtID, method, date, cause string }{
		{shop, "CA", day, "read tcp 10.0.0.1:1001->10.0.0.9:443: reset"},
		{shop, "RA", day, "read tcp 10.0.0.1:1002->10.0.0.9:443: reset"},
		{shop, "MP", day, "HTTP status 502"},
		{shop, "VA", "20240101", "HTTP status 502"},
		{"nxca_jt_il", "VA", day, "HTTP status 502"},
		{shop, "TC", day, "HTTP status 502"},
	} {
		e := &gateway.CollationError{Request: gateway.CollationRequest{MchtID: x.mchtID, Method: x.method, Date: x.date}, Message: x.cause}
		r.failList(e)
	}
	want := []string{
		"gateway: list of nxca_jt_bi/CA,RA for 20240102: read tcp 10.0.0.9:443: reset",
		"gateway: list of nxca_jt_bi/MP,TC for 20240102: HTTP status 502",
		"gateway: list of nxca_jt_bi/VA for 20240101: HTTP status 502",
		"gateway: list of nxca_jt_il/VA for 20240102: HTTP status 502",
	}
	if diff := cmp.Diff(want, r.summary.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestFailuresBounded(t *testing.T) {
	t.Parallel()
	r := &run{}
	for i := range 500 {
		r.fail(fmt.Errorf("failure %d\nof %s", i, strings.Repeat("x", 1000)))
	}
	f := r.summary.Failures
	if len(f) != maxFailures+1 || f[maxFailures] != "and more" || len(f[0]) != 400 || strings.Contains(f[0], "\n") {
		t.Errorf("%d failures, the last %q", len(f), f[len(f)-1])
	}
}
