package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
)

// What was accepted on a Korean day, and what ended or died on it, is found there.
func TestDay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	midnight := time.Date(2023, 12, 16, 0, 0, 0, 0, settlebank.KST)
	e.clock.Set(midnight.Add(-time.Minute))
	x, y, z := partial("over-night", "pay-1"), partial("before", "pay-2"), partial("after", "pay-3")
	e.accept(x)
	e.reach(y, Cancelled)
	g := e.begin(x, StepSend)
	e.clock.Set(midnight)
	e.finish(g, rejectedCode)
	e.accept(z)
	e.clock.Advance(24 * time.Hour)
	_, err := e.Retry(e.ctx, x.Key, kim)
	e.must(err)
	e.finish(e.begin(x, StepSend), cancelled(x))
	day := func(day string) []string {
		found := map[string]bool{}
		for r, err := range e.Day(e.ctx, day) {
			e.must(err)
			found[r.Key] = true
		}
		return slices.Sorted(maps.Keys(found))
	}
	for name, want := range map[string][]string{"20231214": nil, "20231215": {"before", "over-night"}, "20231216": {"after", "over-night"}, "20231217": {"over-night"}, "x": nil} {
		if d := cmp.Diff(want, day(name)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	// A search goes by acceptance: each comes once.
	e.wantFound(Query{Limit: 1}, "before", "over-night", "after")
	for range e.Day(e.ctx, "20231215") {
		break // a caller may stop early
	}
}

// A day of many pages, of many accepted in one moment, is walked whole, and what cannot be read is
// named.
func TestDayOfMany(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const n = 1200
	e.fill(n, n)
	e.must(e.rdb.Set(e.ctx, placeOfEntry(partial("", "pay-4")).paymentKey(), "nonsense", 0).Err())
	found := map[string]int{}
	damaged := false
	for r, err := range e.Day(e.ctx, dayOf(start.UnixMilli())) {
		if err != nil {
			wantErr(t, err, ErrDamaged)
			damaged = damaged || strings.Contains(err.Error(), "pay-4")
			continue
		}
		found[r.Key]++
	}
	of4 := (n - 4 + 96) / 97
	if len(found) != n-of4 || !damaged {
		t.Errorf("%d of %d were found, of the damaged one was told: %v", len(found), n-of4, damaged)
	}
	for key, times := range found {
		if times != 1 {
			t.Errorf("%s came %d times", key, times)
		}
	}
}

// The entries of a day come in order, all of them, however they lie in the shards, and however many
// are read at once.
func TestDayReader(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const day = "20231215"
	for i := range 400 {
		shard := i * i % 11                                                                                                   // some have many, some none
		id := fmt.Sprintf("%d-%d", 1000+i/7, i%7+shard)                                                                       // many at one moment
		_ = e.rdb.XAdd(e.ctx, &redis.XAddArgs{Stream: dayKey(shard, day), ID: id, Values: []any{"k", fmt.Sprint("key-", i)}}) // or it is too old
	}
	want, err := e.dayPage(e.ctx, day, nil, 1000)
	e.must(err)
	if len(want) < 300 {
		t.Fatalf("only %d entries", len(want))
	}
	for _, size := range [][2]int{{1, 1}, {2, 7}, {3, 1000}, {64, 50}, {readAhead, 500}} {
		var got []dayEntry
		for d := (&dayReader{ledger: e.Ledger, day: day, batch: size[0]}); ; {
			page, err := d.page(e.ctx, size[1])
			e.must(err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(dayEntry{}, place{})); d != "" {
			t.Errorf("%v at once: %s", size, d)
		}
	}
}

// The counters say what a count of everything that was told says: by hour, merchant, method, status
// and code, over days and from any bound.
func TestCounters(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	want := map[Counter]*Counter{}
	for i := range 60 {
		x := partial(fmt.Sprint("refund-", i), fmt.Sprint("pay-", i))
		x.MchtID, x.Method, x.Amount = fmt.Sprint("m", i%2), []string{"CA", "VA", ""}[i%3], int64(1+i)
		if i%10 == 0 {
			x.Amount = 0
		}
		x.Foreign = i%7 == 0
		s := Statuses()[i%len(Statuses())]
		e.reach(x, s)
		if s == Exhausted {
			_, err := e.Retry(e.ctx, x.Key, kim)
			e.must(err)
			e.finish(e.begin(x, StepSend), Next{Status: Exhausted, Code: "a|b"})
		}
		for _, ev := range e.told() {
			r := ev.Record
			c := Counter{Hour: e.clock.Now().In(settlebank.KST).Truncate(time.Hour), MchtID: r.MchtID, Method: r.Method, Status: r.Status, Code: r.Code}
			if want[c] == nil {
				sum := c
				want[c] = &sum
			}
			want[c].Count++
			if x.Foreign {
				want[c].Foreign += r.Amount
			} else {
				want[c].Amount += r.Amount
			}
		}
		e.clock.Advance(50 * time.Minute) // over two days
	}
	for _, bound := range [][2]time.Time{{start, e.clock.Now()}, {start.Add(-1000 * time.Hour), e.clock.Now()}, {start.Add(10 * time.Hour), start.Add(30 * time.Hour)},
		{start.Add(10 * time.Hour).Truncate(time.Hour), start.Add(11 * time.Hour).Truncate(time.Hour)}, {start, start}} {
		counted, err := e.Counters(e.ctx, bound[0], bound[1])
		e.must(err)
		var recounted []Counter
		for _, c := range want {
			if !c.Hour.Before(bound[0].Truncate(time.Hour)) && c.Hour.Before(bound[1]) {
				recounted = append(recounted, *c)
			}
		}
		byName := func(a, b Counter) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
		slices.SortFunc(recounted, byName)
		slices.SortFunc(counted, byName)
		if d := cmp.Diff(recounted, counted, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("from %v to %v (-recounted +counted):\n%s", bound[0], bound[1], d)
		}
	}
}

// What is kept of no counter does no harm.
func TestCountersDamaged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.reach(stepEntry, Cancelled)
	key := countersKey(placeOfEntry(stepEntry).shard, dayOf(start.UnixMilli()))
	e.must(e.rdb.HSet(e.ctx, key, "x", "1", "9|m|CA|cancelled|", "y", "", "").Err())
	counters, err := e.Counters(e.ctx, start.Add(-24*time.Hour), start.Add(24*time.Hour))
	if err != nil || len(counters) != 1 || counters[0].Count != 1 {
		t.Errorf("%+v, %v", counters, err)
	}
}
