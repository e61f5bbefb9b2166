package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
)

// search walks all pages, and returns the keys as they came.
func (e *env) search(q Query) (keys []string) {
	e.Helper()
	for {
		records, next, err := e.Search(e.ctx, q)
		e.must(err)
		if len(records) > q.Limit {
			e.Fatalf("%d records on a page of %d", len(records), q.Limit)
		}
		for _, r := range records {
			keys = append(keys, r.Key)
		}
		if next == "" {
			return keys
		}
		q.Cursor = next
	}
}

// wantFound compares the keys that are found, in whatever order.
func (e *env) wantFound(q Query, want ...string) {
	e.Helper()
	if d := gocmp.Diff(want, e.search(q), sorted); d != "" {
		e.Errorf("%+v (-want +found):\n%s", q, d)
	}
}

// A span that ends at midnight costs nothing of the day that begins then, however much that day
// has.
func TestSearchOfDayReadsNoOther(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.accept(partial("first", "pay-first"))
	day := e.clock.Now()
	e.clock.Advance(24 * time.Hour)
	e.accept(partial("second", "pay-second"))
	next := dayOf(e.clock.Now().UnixMilli())
	midnight, err := time.ParseInLocation(dayLayout, next, settlebank.KST)
	e.must(err)
	read := &reads{}
	e.rdb.AddHook(read)
	e.wantFound(Query{Limit: 10, From: midnight.AddDate(0, 0, -1), Before: midnight}, "first")
	if !read.has(dayKey(0, dayOf(day.UnixMilli()))) || read.has(dayKey(0, next)) {
		t.Errorf("a search before %s reads\n%q", midnight, read.commands)
	}
}

// reads records the commands of pipelines.
type reads struct{ commands []string }

func (r *reads) has(key string) bool {
	return slices.ContainsFunc(r.commands, func(c string) bool { return strings.Contains(c, key) })
}

func (r *reads) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (r *reads) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (r *reads) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, c := range cmds {
			r.commands = append(r.commands, fmt.Sprint(c.Args()...))
		}
		return next(ctx, cmds)
	}
}

// Everything is found, whatever has become of it, whatever is asked for, in pages of any size.
func TestSearch(t *testing.T) {
	t.Parallel()
	e := envOn(t, shared.Client(t), Options{Retention: 240 * time.Hour})
	type one struct {
		key, order, payment string
		status              Status
		at                  time.Time
	}
	var all []one
	for i, s := range Statuses() {
		for j := range 3 {
			x := partial(fmt.Sprintf("%s-%d", s, j), fmt.Sprintf("pay-%d-%d", i, j))
			x.OrgMchtTrdNo = fmt.Sprint("ORDER-", (i+j)%4)
			e.reach(x, s)
			all = append(all, one{x.Key, x.OrgMchtTrdNo, x.OrgTrdNo, s, e.clock.Now()})
			e.clock.Advance(5 * time.Hour) // over six days
		}
	}
	pick := func(is func(one) bool) (keys []string) {
		for _, o := range all {
			if is(o) {
				keys = append(keys, o.key)
			}
		}
		return keys
	}
	everything := pick(func(one) bool { return true })
	day := map[string]string{}
	for _, o := range all {
		day[o.key] = dayOf(o.at.UnixMilli())
	}
	from, before := all[4].at, all[15].at
	for _, limit := range []int{1, 4, 1000} {
		e.wantFound(Query{Limit: limit}, everything...)
		// Within a day they come by the clock of Redis, which does not go by that of the test.
		if keys := e.search(Query{Limit: limit}); !slices.IsSortedFunc(keys, func(a, b string) int { return cmp.Compare(day[b], day[a]) }) {
			t.Errorf("pages of %d, not the newest day first: %v", limit, keys)
		}
		e.wantFound(Query{Limit: limit, From: from, Before: before}, pick(func(o one) bool { return !o.at.Before(from) && o.at.Before(before) })...)
		e.wantFound(Query{Limit: limit, Statuses: []Status{Rejected, Cancelled}}, pick(func(o one) bool { return o.status == Rejected || o.status == Cancelled })...)
		e.wantFound(Query{Limit: limit, OrgMchtTrdNo: "ORDER-1"}, pick(func(o one) bool { return o.order == "ORDER-1" })...)
		e.wantFound(Query{Limit: limit, OrgMchtTrdNo: "ORDER-1", Statuses: []Status{Queued}}, pick(func(o one) bool { return o.order == "ORDER-1" && o.status == Queued })...)
		e.wantFound(Query{Limit: limit, OrgMchtTrdNo: "ORDER-1", From: from, Before: before},
			pick(func(o one) bool { return o.order == "ORDER-1" && !o.at.Before(from) && o.at.Before(before) })...)
		e.wantFound(Query{Limit: limit, MchtID: "nxca_jt_bi", OrgTrdNo: "pay-1-1"}, pick(func(o one) bool { return o.payment == "pay-1-1" })...)
		e.wantFound(Query{Limit: limit, MchtIDs: []string{"other", "nxca_jt_bi"}, OrgTrdNo: "pay-1-1"}, pick(func(o one) bool { return o.payment == "pay-1-1" })...)
		e.wantFound(Query{Limit: limit, Match: func(r Record) bool { return r.Key == "review-2" }}, "review-2")
	}
	for _, q := range []Query{{MchtID: "other"}, {OrgMchtTrdNo: "ORDER-9"}, {OrgMchtTrdNo: "ORDER-"}, {MchtID: "other", OrgTrdNo: "pay-1-1"}, {OrgTrdNo: "pay-1-1"},
		{MchtID: "nxca_jt_bi", OrgTrdNo: "pay-1-1", OrgMchtTrdNo: "ORDER-9"}, {Before: start}, {From: e.clock.Now()}} {
		q.Limit = 10
		e.wantFound(q)
	}
	if records, _, err := e.Search(e.ctx, Query{}); err != nil || len(records) != len(all) {
		t.Errorf("by default a page has 100: %d, %v", len(records), err)
	}
}

// What is there all the while is found once, though others come and end between the pages; in order
// of acceptance also where many were accepted at once.
func TestSearchMeanwhile(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]Query{
		"day":     {Limit: 7},
		"order":   {Limit: 7, OrgMchtTrdNo: "ORDER20231215143022"},
		"payment": {Limit: 7, MchtID: "nxca_jt_bi", OrgTrdNo: "pay-0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			entry := func(key string, i int) Entry {
				payment := fmt.Sprint("pay-", i%5)
				if name == "payment" {
					payment = "pay-0"
				}
				x := partial(key, payment)
				x.Amount = 1
				return x
			}
			var stay []string
			for i := range 40 {
				x := entry(fmt.Sprint("stay-", i), i)
				e.accept(x)
				stay = append(stay, x.Key)
				if i%8 == 0 {
					e.clock.Advance(time.Millisecond)
				}
			}
			found := map[string]int{}
			for n := 0; ; n++ {
				records, next, err := e.Search(e.ctx, q)
				e.must(err)
				for _, r := range records {
					found[r.Key]++
				}
				if q.Cursor = next; next == "" {
					break
				}
				e.clock.Advance(time.Millisecond)
				e.accept(entry(fmt.Sprint("new-", n), n))
				_, err = e.Resolve(e.ctx, stay[n], as(Rejected))
				e.must(err)
			}
			for _, key := range stay {
				if found[key] != 1 {
					t.Errorf("%s was found %d times", key, found[key])
				}
			}
		})
	}
}

// A dead letter that is older than what the indexes keep is found by its order all the same: one
// that died long ago, and one that was taken back since and died again.
func TestSearchOldDeadLetters(t *testing.T) {
	t.Parallel()
	e := envOn(t, shared.Client(t), Options{Retention: 30 * 24 * time.Hour})
	const month = 30 * 24 * time.Hour
	entry := func(key string) Entry { x := partial(key, "pay-"+key); x.OrgMchtTrdNo = "ORDER-1"; return x }
	x, y, z := entry("long-ago"), entry("again"), entry("refund-3")
	e.reach(x, Rejected)
	e.reach(y, Rejected)
	e.clock.Advance(3 * month)
	_, err := e.Retry(e.ctx, y.Key, kim)
	e.must(err)
	e.finish(e.begin(y, StepSend), leading(y, Exhausted))
	// Redis's own clock does not move: what would have expired by now is deleted.
	for i := range shards {
		e.must(e.rdb.Del(e.ctx, orderKey(i, monthOf(start.UnixMilli()), "ORDER-1")).Err())
	}
	e.accept(z)
	for _, limit := range []int{1, 10} {
		e.wantFound(Query{Limit: limit, OrgMchtTrdNo: "ORDER-1"}, "long-ago", "again", "refund-3")
		e.wantFound(Query{Limit: limit, OrgMchtTrdNo: "ORDER-1", Statuses: []Status{Rejected}}, "long-ago")
	}
	e.clock.Advance(3 * month)
	for i := range shards {
		e.must(e.rdb.Del(e.ctx, orderKey(i, monthOf(start.Add(3*month).UnixMilli()), "ORDER-1")).Err())
	}
	e.wantFound(Query{Limit: 10, OrgMchtTrdNo: "ORDER-1", Statuses: []Status{Rejected, Exhausted}}, "long-ago", "again")
}

// What cannot be read is named, and hides nothing else.
func TestSearchDamaged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for i := range 10 {
		e.accept(partial(fmt.Sprint("refund-", i), fmt.Sprint("pay-", i)))
	}
	e.must(e.rdb.Set(e.ctx, placeOfEntry(partial("", "pay-4")).paymentKey(), "nonsense", 0).Err())
	e.must(e.rdb.Del(e.ctx, placeOfEntry(partial("", "pay-5")).paymentKey()).Err())
	for name, q := range map[string]Query{"day": {Limit: 3}, "order": {Limit: 3, OrgMchtTrdNo: "ORDER20231215143022"}} {
		found, damaged := 0, 0
		for {
			records, next, err := e.Search(e.ctx, q)
			if errors.Is(err, ErrDamaged) {
				damaged++
			} else {
				e.must(err)
			}
			found += len(records)
			if q.Cursor = next; next == "" {
				break
			}
		}
		if found != 8 || damaged == 0 {
			t.Errorf("by %s: %d found, %d told of the damage", name, found, damaged)
		}
	}
}

// A cursor that no search answered is refused.
func TestSearchCursor(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, cursor := range []string{"x", "1", " ", "20231215", "20231215 1-1 x", "20231315 1-1 3", "20231215 11 3", "20231215 1-1 3 4", "20231215  1-1 3"} {
		for _, q := range []Query{{Cursor: cursor}} {
			_, _, err := e.Search(e.ctx, q)
			wantErr(t, err, ErrCursor)
		}
	}
	for _, cursor := range []string{"x", "1", " ", "+1 x", "1.5 x"} {
		for _, q := range []Query{{Cursor: cursor, OrgMchtTrdNo: "o"}, {Cursor: cursor, MchtID: "m", OrgTrdNo: "o"}} {
			_, _, err := e.Search(e.ctx, q)
			wantErr(t, err, ErrCursor)
		}
	}
}

func FuzzParseDayCursor(f *testing.F) {
	for _, s := range []string{"", "20231215 1702600000000-0 3", "20231215 0-0 -1", "x", "20231315 1-1 3", "20231215 1 3", "20231215 1-1 03", "20231215 1-1 3\n", "00000000 - 0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseDayCursor(s)
		switch {
		case s == "":
			if e != nil || err != nil {
				t.Errorf("no cursor: %v, %v", e, err)
			}
		case err != nil:
			if !errors.Is(err, ErrCursor) || e != nil {
				t.Errorf("%q: %v, %v", s, e, err)
			}
		case e.cursor() != s:
			t.Errorf("%q reads as %q", s, e.cursor())
		}
	})
}
