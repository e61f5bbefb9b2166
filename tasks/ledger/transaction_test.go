package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

func TestTransaction(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	rdb := server.Client(t)
	ctx := t.Context()
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	l := ledger.New(rdb, ledger.Options{Now: func() time.Time { return now }})
	entry := func(key, mchtID, orgTrdNo string) ledger.Entry {
		return ledger.Entry{Key: key, MchtID: mchtID, OrgTrdNo: orgTrdNo, Amount: 100, Params: []byte(`{}`)}
	}
	for _, e := range []ledger.Entry{entry("c", "m", "t:1"), entry("a", "m", "t:1"), entry("b", "m", "t:1"), entry("other", "m", "t"), entry("foreign", "n", "t:1")} {
		if _, _, err := l.Accept(ctx, e); err != nil {
			t.Fatal(err)
		}
		if e.Key != "a" { // a and b are accepted at the same time
			now = now.Add(time.Second)
		}
	}
	g, err := l.Begin(ctx, entry("c", "m", "t:1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Finish(ctx, g, ledger.Attempt{Class: "ok"}, ledger.Next{Status: ledger.Cancelled, Credit: 100, Rounds: 1, CanTrdNo: "n1"}); err != nil {
		t.Fatal(err)
	}

	t.Run("OK", func(t *testing.T) {
		records, err := l.Transaction(ctx, "m", "t:1")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range records {
			got = append(got, fmt.Sprintf("%s %s %s %s sum %d round %d", r.Key, r.MchtID, r.OrgTrdNo, r.Status, r.Sum, r.Round))
		}
		want := []string{"c m t:1 cancelled sum 100 round 2", "a m t:1 queued sum 100 round 2", "b m t:1 queued sum 100 round 2"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
	t.Run("OKNone", func(t *testing.T) {
		for _, names := range [][2]string{{"m", "unknown"}, {"", ""}, {"m", "t:1 "}, {"m:t", "1x"}} {
			if records, err := l.Transaction(ctx, names[0], names[1]); len(records) != 0 || err != nil {
				t.Errorf("%q: %v, %v", names, records, err)
			}
		}
	})
	t.Run("ErrDamaged", func(t *testing.T) {
		keys, err := rdb.Keys(ctx, "settlecancel:*:t:m:t:1").Result()
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		raw := rdb.Get(ctx, keys[0]).Val()
		rdb.Set(ctx, keys[0], strings.Replace(raw, `"s":"cancelled"`, `"s":"nonsense"`, 1), 0)
		records, err := l.Transaction(ctx, "m", "t:1")
		if !errors.Is(err, ledger.ErrDamaged) || len(records) != 2 {
			t.Errorf("one record damaged: %d others, %v", len(records), err)
		}
		rdb.Set(ctx, keys[0], "{", 0)
		records, err = l.Transaction(ctx, "m", "t:1")
		if !errors.Is(err, ledger.ErrDamaged) || len(records) != 0 {
			t.Errorf("all damaged: %d others, %v", len(records), err)
		}
	})
	t.Run("ErrRedis", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := l.Transaction(gone, "m", "t:1"); !errors.Is(err, context.Canceled) {
			t.Errorf("without an answer: %v", err)
		}
	})
}
