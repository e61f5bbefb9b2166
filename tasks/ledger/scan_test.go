package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger/redistest"
)

// scan walks everything page by page, and answers the keys in order, and how many pages there were.
func (e *env) scan(o Scanning) (keys []string, pages int) {
	e.Helper()
	for {
		records, next, err := e.Scan(e.ctx, o)
		e.must(err)
		if len(records) > o.Limit {
			e.Fatalf("%d records on a page of %d", len(records), o.Limit)
		}
		for _, r := range records {
			keys = append(keys, r.Key)
		}
		if pages++; next == "" {
			slices.Sort(keys)
			return keys, pages
		}
		o.Cursor = next
	}
}

// noise fills Redis with keys that are none of the ledger's.
func (e *env) noise(n int) {
	e.Helper()
	_, err := e.rdb.Pipelined(e.ctx, func(p redis.Pipeliner) error {
		for i := range n {
			p.Set(e.ctx, fmt.Sprintf("noise:{%d}:t:%d", i, i), "x", 0)
		}
		return nil
	})
	e.must(err)
}

// Everything is found, whatever has become of it and however many cancellations a payment has.
func TestScan(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	want := e.fill(200, 50)
	for i, status := range Statuses() {
		x := partial(fmt.Sprintf("in-%s", status), fmt.Sprintf("pay-of-%d", i))
		e.reach(x, status)
		want = append(want, x.Key)
	}
	e.noise(12_000)
	slices.Sort(want)
	for _, limit := range []int{1, 7, 1000} {
		keys, pages := e.scan(Scanning{Limit: limit})
		if d := cmp.Diff(want, keys); d != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, d)
		}
		if few := 12_000 / (scanWork + scanStep); pages < few {
			t.Errorf("pages of %d: %d of them for 12,000 keys, want at least %d", limit, pages, few)
		}
	}
	for _, status := range Statuses()[3:] {
		keys, _ := e.scan(Scanning{Limit: 2, Match: func(r Record) bool { return r.Status == status }})
		if d := cmp.Diff([]string{"in-" + string(status)}, keys); d != "" {
			t.Errorf("%s (-want +got):\n%s", status, d)
		}
	}
}

// What is there all the while is found, whatever else comes and goes.
func TestScanMeanwhile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	stay := e.fill(300, 100)
	found := map[string]bool{}
	o := Scanning{Limit: 5}
	for n := 0; ; n++ {
		records, next, err := e.Scan(e.ctx, o)
		e.must(err)
		for _, r := range records {
			found[r.Key] = true
		}
		if next == "" {
			break
		}
		o.Cursor = next
		if n < 15 { // the table grows, and shrinks again
			e.noise(n * 200)
		} else {
			e.must(e.rdb.Del(e.ctx, e.rdb.Keys(e.ctx, "noise:*").Val()...).Err())
			e.noise(1)
		}
	}
	for _, key := range stay {
		if !found[key] {
			t.Errorf("%s was missed", key)
		}
	}
}

func TestScanCluster(t *testing.T) {
	t.Parallel()
	rdb, _ := redistest.StartCluster(t, 3, 0)
	e := envOn(t, rdb, Options{})
	want := e.fill(120, 60)
	slices.Sort(want)
	for _, limit := range []int{7, 1000} {
		keys, _ := e.scan(Scanning{Limit: limit})
		if d := cmp.Diff(want, keys); d != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, d)
		}
	}
}

func TestScanErrors(t *testing.T) {
	t.Parallel()
	t.Run("ErrCursor", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		for _, cursor := range []string{"x", " ", "1", "-1 ", "1x ", "01 ", "18446744073709551616 ", " 1 ", "1\x00 "} {
			if _, _, err := e.Scan(e.ctx, Scanning{Cursor: cursor}); !errors.Is(err, ErrCursor) {
				t.Errorf("%q: %v", cursor, err)
			}
		}
		if _, _, err := e.List(e.ctx, Open, Listing{Cursor: "x"}); !errors.Is(err, ErrCursor) {
			t.Errorf("list: %v", err)
		}
	})
	t.Run("ErrDamaged", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		want := e.fill(20, 20)
		x, y := partial("broken", "broken"), partial("torn", "torn")
		e.accept(x)
		e.accept(y)
		e.must(e.rdb.Set(e.ctx, locate(x.Key, x.MchtID, x.OrgTrdNo).txnKey(), "not JSON", 0).Err())
		at := locate(y.Key, y.MchtID, y.OrgTrdNo).txnKey()
		raw := e.rdb.Get(e.ctx, at).Val()
		e.must(e.rdb.Set(e.ctx, at, strings.Replace(raw, `"queued"`, `"lost"`, 1), 0).Err())
		records, next, err := e.Scan(e.ctx, Scanning{})
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "torn") {
			t.Errorf("%v", err)
		}
		if len(records) != len(want) || next != "" {
			t.Errorf("%d records, want %d; next %q", len(records), len(want), next)
		}
	})
	t.Run("ErrClosed", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.must(e.rdb.Close())
		if _, _, err := e.Scan(e.ctx, Scanning{}); !errors.Is(err, redis.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}
