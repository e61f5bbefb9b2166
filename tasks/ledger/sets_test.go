package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fill accepts n cancellations of as many payments, `same` at a time in the same millisecond, and
// answers their keys in the order of the set.
func (e *env) fill(n, same int) []string {
	e.Helper()
	type one struct {
		at int
		p  place
	}
	var all []one
	for i := 0; i < n; i += same {
		var entries []Entry
		for j := range min(same, n-i) {
			x := partial(fmt.Sprintf("refund-%d", i+j), fmt.Sprintf("pay-%d", (i+j)%97))
			x.Amount = 1
			entries = append(entries, x)
			all = append(all, one{i, locate(x.Key, x.MchtID, x.OrgTrdNo)})
		}
		for _, a := range e.AcceptMany(e.ctx, entries) {
			e.must(a.Err)
		}
		e.clock.Advance(time.Millisecond)
	}
	slices.SortFunc(all, func(a, b one) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return strings.Compare(a.p.member(), b.p.member())
	})
	keys := make([]string, n)
	for i, o := range all {
		keys[i] = o.p.key
	}
	return keys
}

// walk lists a set page by page.
func (e *env) walk(s Set, o Listing) (keys []string) {
	e.Helper()
	for {
		records, next, err := e.List(e.ctx, s, o)
		e.must(err)
		if len(records) > o.Limit {
			e.Fatalf("%d records on a page of %d", len(records), o.Limit)
		}
		for _, r := range records {
			keys = append(keys, r.Key)
		}
		if next == "" {
			return keys
		}
		if len(records) == 0 {
			e.Fatal("an empty page amid the set")
		}
		o.Cursor = next
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	for _, same := range []int{1, 7, 120} {
		t.Run(fmt.Sprintf("%d at a time", same), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			earliest := e.fill(120, same)
			latest := slices.Clone(earliest)
			slices.Reverse(latest)
			for _, limit := range []int{1, 3, 50, 119, 120, 121} {
				if d := cmp.Diff(earliest, e.walk(Open, Listing{Limit: limit})); d != "" {
					t.Errorf("pages of %d, earliest first (-want +got):\n%s", limit, d)
				}
				if d := cmp.Diff(latest, e.walk(Open, Listing{Limit: limit, Newest: true})); d != "" {
					t.Errorf("pages of %d, latest first (-want +got):\n%s", limit, d)
				}
			}
		})
	}
	t.Run("until", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		keys := e.fill(30, 3)
		until := start.Add(4 * time.Millisecond)
		if d := cmp.Diff(keys[:15], e.walk(Open, Listing{Limit: 4, Until: until})); d != "" {
			t.Errorf("earliest first (-want +got):\n%s", d)
		}
		want := slices.Clone(keys[:15])
		slices.Reverse(want)
		if d := cmp.Diff(want, e.walk(Open, Listing{Limit: 4, Until: until, Newest: true})); d != "" {
			t.Errorf("latest first (-want +got):\n%s", d)
		}
		if records, next, err := e.List(e.ctx, Open, Listing{Until: start.Add(-1)}); len(records) > 0 || next != "" || err != nil {
			t.Errorf("before the first: %d, %q, %v", len(records), next, err)
		}
	})
	t.Run("since", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		keys := e.fill(30, 3)
		since := start.Add(5 * time.Millisecond)
		if d := cmp.Diff(keys[15:], e.walk(Open, Listing{Limit: 4, Since: since})); d != "" {
			t.Errorf("earliest first (-want +got):\n%s", d)
		}
		if d := cmp.Diff(keys[15:18], e.walk(Open, Listing{Limit: 2, Since: since, Until: since})); d != "" {
			t.Errorf("of one moment (-want +got):\n%s", d)
		}
	})
	// A clock that was a year ahead for a moment: nobody would come for those again.
	t.Run("since finds what is due too far ahead", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		x, y := partial("ahead", "pay-1"), partial("in-order", "pay-2")
		e.reach(y, Sending)
		e.clock.Advance(365 * 24 * time.Hour)
		e.reach(x, Sending)
		e.clock.Set(start)
		if d := cmp.Diff([]string{"ahead"}, e.walk(Open, Listing{Limit: 4, Since: start.Add(e.Farthest())})); d != "" {
			t.Errorf("too far ahead (-want +got):\n%s", d)
		}
		e.begin(x, StepHeld) // asked after, it is capped
		if keys := e.walk(Open, Listing{Limit: 4, Since: start.Add(e.Farthest())}); len(keys) != 0 {
			t.Errorf("too far ahead still: %v", keys)
		}
		e.clock.Advance(lease)
		if g := e.begin(x, StepWait); g.Wait != verifyAfter {
			t.Errorf("wait %v", g.Wait)
		}
	})
	t.Run("by default 100 a page", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.fill(101, 101)
		if records, next, err := e.List(e.ctx, Open, Listing{}); len(records) != 100 || next == "" || err != nil {
			t.Errorf("%d records, %q, %v", len(records), next, err)
		}
	})
	t.Run("what leaves meanwhile hides nothing", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		keys := e.fill(60, 60)
		seen := make(map[string]bool)
		var o Listing
		for o.Limit = 5; ; {
			records, next, err := e.List(e.ctx, Open, o)
			e.must(err)
			for _, r := range records {
				if seen[r.Key] {
					t.Errorf("%s was shown twice", r.Key)
				}
				seen[r.Key] = true
				_, err := e.Resolve(e.ctx, r.Key, as(Rejected))
				e.must(err)
			}
			if o.Cursor = next; next == "" {
				break
			}
		}
		if len(seen) != len(keys) {
			t.Errorf("%d of %d were shown", len(seen), len(keys))
		}
	})
}

func TestAll(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	keys := e.fill(25, 5)
	var got []string
	for r, err := range e.All(e.ctx, Open, Listing{Limit: 10}) {
		e.must(err)
		got = append(got, r.Key)
	}
	if d := cmp.Diff(keys, got); d != "" {
		t.Errorf("all (-want +got):\n%s", d)
	}
	for range e.All(e.ctx, Open, Listing{Limit: 10}) {
		break // a caller may stop early
	}
	for _, err := range e.All(e.ctx, Open, Listing{Cursor: "nonsense"}) {
		wantErr(t, err, ErrCursor)
	}
}

// Both sets, their counts and their orders follow what happens.
func TestSets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var open, dead []string
	for _, s := range Statuses() {
		x := partial(string(s), "pay-"+string(s))
		e.reach(x, s)
		e.clock.Advance(time.Second)
		r, err := e.Get(e.ctx, x.Key)
		e.must(err)
		if r.Open() {
			open = append(open, x.Key)
		}
		if r.Dead() {
			dead = append(dead, x.Key)
		}
	}
	for s, want := range map[Set][]string{Open: {"queued", "sending", "unknown"}, DeadLetters: {"rejected", "exhausted", "review"}} {
		if d := cmp.Diff(want, e.walk(s, Listing{Limit: 2})); d != "" {
			t.Errorf("set %d (-want +got):\n%s", s, d)
		}
	}
	if o, d, err := e.Counts(e.ctx); int(o) != len(open) || int(d) != len(dead) || err != nil {
		t.Errorf("counts %d, %d, %v; want %d, %d", o, d, err, len(open), len(dead))
	}
	if empty := newEnv(t); len(empty.walk(Open, Listing{Limit: 1})) > 0 {
		t.Error("an empty ledger lists something")
	}
}

// One damaged record hides none of the others.
func TestListDamaged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.fill(10, 10)
	e.must(e.rdb.Set(e.ctx, locate("", "nxca_jt_bi", "pay-4").paymentKey(), document(`{"k":"refund-4","st":"gone"}`), 0).Err())
	e.must(e.rdb.Set(e.ctx, locate("", "nxca_jt_bi", "pay-7").paymentKey(), `nonsense`, 0).Err())
	e.must(e.rdb.Del(e.ctx, locate("", "nxca_jt_bi", "pay-8").paymentKey()).Err())
	e.must(e.rdb.Set(e.ctx, locate("", "nxca_jt_bi", "pay-9").paymentKey(), document(`{"k":"another","st":"queued"}`), 0).Err())
	for _, limit := range []int{1, 3, 100} {
		var records, damaged int
		for _, err := range e.All(e.ctx, Open, Listing{Limit: limit}) {
			if err == nil {
				records++
				continue
			}
			wantErr(t, err, ErrDamaged)
			damaged += strings.Count(err.Error(), "payment nxca_jt_bi:")
			if !strings.Contains(err.Error(), "pay-4") && !strings.Contains(err.Error(), "pay-7") {
				t.Errorf("error %v names none of the damaged", err)
			}
		}
		if records != 6 || damaged != 2 {
			t.Errorf("pages of %d: %d records, %d damaged", limit, records, damaged)
		}
	}
	for _, key := range []string{"refund-4", "refund-7"} {
		_, err := e.Get(e.ctx, key)
		wantErr(t, err, ErrDamaged)
	}
	for _, key := range []string{"refund-8", "refund-9"} {
		_, err := e.Get(e.ctx, key)
		wantErr(t, err, ErrNotFound)
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "1702600000000 refund-1 m:o", "-5 a b", "NaN x", "Inf x", "1e3 x", "0x10 x", "+1 x", "007 x", "1.5 x",
		"9007199254740993 x", "1", " x", "1  ", "99999999999999999999 x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseCursor(s)
		switch {
		case s == "":
			if m != nil || err != nil {
				t.Errorf("no cursor: %v, %v", m, err)
			}
		case err != nil:
			if !errors.Is(err, ErrCursor) || m != nil {
				t.Errorf("%q: %v, %v", s, m, err)
			}
		case m.cursor() != s:
			t.Errorf("%q reads as %q", s, m.cursor())
		}
	})
}

// A cursor that no list answered is refused, and none lets a list fail otherwise.
func TestCursor(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.fill(3, 3)
	for _, s := range []string{"x", "NaN x", "Inf x", "+Inf x", "1e3 x", "0x10 x", "+1 x", "007 x", "1.5 x", "1", " x", "9007199254740993 x"} {
		_, _, err := e.List(e.ctx, Open, Listing{Cursor: s})
		wantErr(t, err, ErrCursor)
	}
	for s, want := range map[string]int{"0 a": 3, "-1 ": 3, "99999999999999 z": 0} {
		if keys := e.walk(Open, Listing{Cursor: s, Limit: 2}); len(keys) != want {
			t.Errorf("from %q: %d, want %d", s, len(keys), want)
		}
	}
}
