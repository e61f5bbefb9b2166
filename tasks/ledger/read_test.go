package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// A payment's cancellations come in the order of their acceptance, and with what the payment knows.
func TestTransaction(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	entry := func(key, mchtID, orgTrdNo string) Entry {
		x := partial(key, orgTrdNo)
		x.MchtID = mchtID
		return x
	}
	for _, x := range []Entry{entry("c", "m", "t:1"), entry("a", "m", "t:1"), entry("b", "m", "t:1"), entry("other", "m", "t"), entry("foreign", "n", "t:1")} {
		e.accept(x)
		if x.Key != "a" { // a and b are accepted at the same time
			e.clock.Advance(time.Second)
		}
	}
	c := entry("c", "m", "t:1")
	e.finish(e.begin(c, StepSend), cancelled(c))
	records, err := e.Transaction(e.ctx, "m", "t:1")
	e.must(err)
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %s %s %s sum %d of %d round %d", r.Key, r.MchtID, r.OrgTrdNo, r.Status, r.ConfirmedCancelled, r.PaymentAmount, r.Round))
	}
	want := []string{"c m t:1 cancelled sum 500 of 1000 round 2", "a m t:1 queued sum 500 of 1000 round 2", "b m t:1 queued sum 500 of 1000 round 2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("payment (-want +got):\n%s", d)
	}
	for _, names := range [][2]string{{"m", "unknown"}, {"", ""}, {"m", "t:1 "}, {"m:t", "1x"}} {
		if records, err := e.Transaction(e.ctx, names[0], names[1]); len(records) != 0 || err != nil {
			t.Errorf("%q: %v, %v", names, records, err)
		}
	}
	at := locate("", "m", "t:1").paymentKey()
	raw := e.rdb.Get(e.ctx, at).Val()
	for _, damaged := range []string{strings.Replace(raw, `"st":"cancelled"`, `"st":"nonsense"`, 1), "{"} {
		e.must(e.rdb.Set(e.ctx, at, damaged, 0).Err())
		if records, err := e.Transaction(e.ctx, "m", "t:1"); !errors.Is(err, ErrDamaged) || len(records) != 0 {
			t.Errorf("damaged: %d, %v", len(records), err)
		}
	}
}

// A record is what it was when it was read: what is done with the payment after does not show in
// it.
func TestRecordsStandStill(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := stepEntry
	e.accept(x)
	g := e.begin(x, StepSend)
	before := g.Record.Attempts[0]
	e.finish(g, cancelled(x))
	if d := cmp.Diff(before, g.Record.Attempts[0]); d != "" {
		t.Errorf("the record of the grant changed (-before +after):\n%s", d)
	}
}

// A newer program has stored something: this one says so, wherever it meets it, and reads the
// others.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x, y := partial("newer", "pay-1"), partial("ours", "pay-2")
	e.accept(x)
	e.accept(y)
	at := placeOfEntry(x).paymentKey()
	raw := strings.Replace(e.rdb.Get(e.ctx, at).Val(), fmt.Sprintf(`"f":%d`, format), fmt.Sprintf(`"f":%d`, format+1), 1)
	e.must(e.rdb.Set(e.ctx, at, raw, 0).Err())
	for what, do := range map[string]func() error{
		"get":     func() error { _, err := e.Get(e.ctx, x.Key); return err },
		"accept":  func() error { _, _, err := e.Accept(e.ctx, x); return err },
		"another": func() error { _, _, err := e.Accept(e.ctx, partial("another", "pay-1")); return err },
		"begin":   func() error { _, err := e.Begin(e.ctx, x); return err },
		"resolve": func() error { _, err := e.Resolve(e.ctx, x.Key, as(Rejected)); return err },
		"list":    func() error { _, _, err := e.List(e.ctx, Open, Listing{}); return err },
		"search":  func() error { _, _, err := e.Search(e.ctx, Query{}); return err },
		"payment": func() error { _, err := e.Transaction(e.ctx, x.MchtID, x.OrgTrdNo); return err },
	} {
		if err := do(); !errors.Is(err, errNewer) || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "pay-1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := e.rdb.Get(e.ctx, at).Val(); got != raw {
		t.Errorf("it was changed: %s", got)
	}
	records, _, _ := e.Search(e.ctx, Query{})
	if len(records) != 1 || records[0].Key != "ours" {
		t.Errorf("beside it: %v", records)
	}
}

// An answer of another shape than store.lua's is an error, never a guess.
func TestForeignAnswer(t *testing.T) {
	t.Parallel()
	for _, values := range []any{[]any{}, []any{"ok"}, []any{"ok", int64(1), int64(1), int64(1)}, "OK", int64(1)} {
		cmd := redis.NewCmd(t.Context())
		cmd.SetVal(values)
		if a, err := readAnswer(cmd); err == nil {
			t.Errorf("%v was read as %+v", values, a)
		}
	}
}
