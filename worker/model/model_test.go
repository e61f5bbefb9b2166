package model

import (
	"maps"
	"os"
	"sync"
	"testing"

	"settlecancel/tasks/ledger"
)

// small are the bounds of every test run. Each is walked whole.
func small() []Bounds {
	return []Bounds{
		{Name: "a part", Amounts: []int64{300}, Elsewhere: []int64{70}, Faults: 2, RetryMax: 1},
		{Name: "a part, after an equal one of others", Amounts: []int64{300}, Before: 300, Faults: 2, RetryMax: 1},
		{Name: "0A19: a part, after an equal one of others", Amounts: []int64{300}, Before: 300, Rounds: true, Faults: 1, RetryMax: 1},
		{Name: "a part, and people", Amounts: []int64{300}, Faults: 2, People: 2, Wrong: true, Impatient: true, RetryMax: 1},
		{Name: "a whole", Amounts: []int64{1000}, Elsewhere: []int64{70}, Faults: 2, People: 1, RetryMax: 1},
		{Name: "two equal parts", Amounts: []int64{300, 300}, Faults: 2, RetryMax: 1},
		{Name: "two equal parts, and people", Amounts: []int64{300, 300}, Faults: 1, People: 2, Wrong: true, Evidence: 1, RetryMax: 1},
		{Name: "two unequal parts", Amounts: []int64{300, 700}, Elsewhere: []int64{70}, Faults: 1, RetryMax: 1},
		{Name: "a part and a whole", Amounts: []int64{300, 1000}, Faults: 1, People: 1, Wrong: true, RetryMax: 1},
		{Name: "0A19: two equal parts", Amounts: []int64{300, 300}, Rounds: true, Elsewhere: []int64{70}, Faults: 1, RetryMax: 1},
		{Name: "0A19: a whole", Amounts: []int64{1000}, Rounds: true, Elsewhere: []int64{70}, Faults: 2, RetryMax: 1},
		{Name: "no inquiry: two parts", Amounts: []int64{300, 300}, Blind: true, Faults: 2, People: 1, RetryMax: 1},
		{Name: "no inquiry: a whole", Amounts: []int64{1000}, Blind: true, Faults: 3, People: 1, RetryMax: 1},
		{Name: "Redis forgets: a part", Amounts: []int64{300}, Forgets: 1, Forgotten: 3, Faults: 2, RetryMax: 1},
		{Name: "Redis forgets: a part, and a list shows it", Amounts: []int64{300}, Forgets: 1, Forgotten: 3, Faults: 1, Evidence: 1, RetryMax: 1},
		{Name: "Redis forgets: a whole", Amounts: []int64{1000}, Forgets: 1, Forgotten: 3, Faults: 2, RetryMax: 1},
		{Name: "Redis forgets: two parts", Amounts: []int64{300, 300}, Forgets: 1, Forgotten: 2, Faults: 1, RetryMax: 1},
		{Name: "said again: a part", Amounts: []int64{300}, Forgets: 1, Forgotten: 3, Remembers: true, Faults: 2, RetryMax: 1},
		{Name: "said again: a part, and a list shows it", Amounts: []int64{300}, Forgets: 1, Forgotten: 3, Remembers: true, Faults: 1, Evidence: 1, RetryMax: 1},
		{Name: "said again: a whole", Amounts: []int64{1000}, Forgets: 1, Forgotten: 3, Remembers: true, Faults: 2, RetryMax: 1},
		{Name: "said again: two parts", Amounts: []int64{300, 300}, Forgets: 1, Forgotten: 2, Remembers: true, Faults: 1, RetryMax: 1},
		{Name: "said again: a part, no inquiry", Amounts: []int64{300}, Blind: true, Forgets: 1, Forgotten: 3, Remembers: true, Faults: 1, RetryMax: 1},
		{Name: "Redis forgets: a part, no inquiry", Amounts: []int64{300}, Blind: true, Forgets: 1, Forgotten: 3, Faults: 1, RetryMax: 1},
		{Name: "Redis forgets: a whole, no inquiry", Amounts: []int64{1000}, Blind: true, Forgets: 1, Forgotten: 3, Faults: 1, RetryMax: 1},
		{Name: "however late: a part", Amounts: []int64{300}, Unbounded: true, Faults: 2, People: 1, Evidence: 1, RetryMax: 1},
		{Name: "however late: two equal parts", Amounts: []int64{300, 300}, Unbounded: true, Faults: 1, People: 1, RetryMax: 1},
		{Name: "all is cancelled elsewhere", Amounts: []int64{1000}, Elsewhere: []int64{1000}, Faults: 2, RetryMax: 1},
		{Name: "all is cancelled elsewhere, no inquiry", Amounts: []int64{1000}, Elsewhere: []int64{1000}, Blind: true, Faults: 1, RetryMax: 1},
		{Name: "the precondition fails", Amounts: []int64{300}, SoFar: new(int64), Elsewhere: []int64{70}, Faults: 1, RetryMax: 1},
	}
}

// large are the bounds that `make model` walks, too.
func large() []Bounds {
	return []Bounds{
		{Name: "a part", Amounts: []int64{300}, Elsewhere: []int64{70, 110}, Faults: 3, People: 1, Wrong: true, RetryMax: 2},
		{Name: "a whole", Amounts: []int64{1000}, Elsewhere: []int64{70}, Faults: 3, People: 1, Wrong: true, RetryMax: 2},
		{Name: "two equal parts", Amounts: []int64{300, 300}, Elsewhere: []int64{70}, Faults: 2, RetryMax: 1},
		{Name: "two equal parts, and people", Amounts: []int64{300, 300}, Faults: 2, People: 2, Wrong: true, RetryMax: 1},
		{Name: "two equal parts, people and lists", Amounts: []int64{300, 300}, Faults: 2, People: 1, Evidence: 1, Wrong: true, RetryMax: 1},
		{Name: "two unequal parts", Amounts: []int64{300, 700}, Elsewhere: []int64{70}, Faults: 2, RetryMax: 1},
		{Name: "a part and a whole", Amounts: []int64{300, 1000}, Elsewhere: []int64{70}, Faults: 2, RetryMax: 1},
		{Name: "a part and a whole, and people", Amounts: []int64{300, 1000}, Faults: 2, People: 2, Wrong: true, RetryMax: 1},
		{Name: "three parts", Amounts: []int64{200, 200, 500}, Faults: 1, People: 1, Wrong: true, RetryMax: 1},
		{Name: "two parts and a whole", Amounts: []int64{200, 300, 1000}, Faults: 1, People: 1, Wrong: true, RetryMax: 1},
		{Name: "0A19: two equal parts", Amounts: []int64{300, 300}, Rounds: true, Faults: 2, RetryMax: 1},
		{Name: "0A19: a whole", Amounts: []int64{1000}, Rounds: true, Elsewhere: []int64{70}, Faults: 3, RetryMax: 2},
		{Name: "0A19: two unequal parts, one elsewhere", Amounts: []int64{300, 700}, Rounds: true, Elsewhere: []int64{70}, Faults: 2, RetryMax: 1},
		{Name: "no inquiry: two parts", Amounts: []int64{300, 300}, Blind: true, Faults: 3, People: 2, RetryMax: 1},
		{Name: "no inquiry: a whole", Amounts: []int64{1000}, Blind: true, Faults: 5, People: 2, RetryMax: 2},
		{Name: "Redis forgets: a part", Amounts: []int64{300}, Elsewhere: []int64{70}, Forgets: 2, Forgotten: 6, Faults: 2, RetryMax: 1},
		{Name: "Redis forgets: a whole", Amounts: []int64{1000}, Elsewhere: []int64{70}, Forgets: 2, Forgotten: 6, Faults: 2, RetryMax: 1},
		{Name: "Redis forgets: two parts", Amounts: []int64{300, 300}, Forgets: 1, Forgotten: 6, Faults: 2, RetryMax: 1},
		{Name: "however late: a part", Amounts: []int64{300}, Elsewhere: []int64{70}, Unbounded: true, Faults: 3, People: 2, RetryMax: 2},
		{Name: "however late: two equal parts", Amounts: []int64{300, 300}, Unbounded: true, Faults: 2, People: 2, RetryMax: 1},
	}
}

// TestModel walks the rules within the small bounds, with MODEL=large within the large ones as
// well.
func TestModel(t *testing.T) {
	all := small()
	if os.Getenv("MODEL") == "large" {
		all = append(all, large()...)
	}
	var mu sync.Mutex
	seen := map[ledger.Transition]bool{}
	t.Run("bounds", func(t *testing.T) {
		for _, b := range all {
			t.Run(b.Name, func(t *testing.T) {
				t.Parallel()
				b.Payment = 1000
				m := New(b)
				r := m.Walk()
				t.Logf("%9d states, %9d steps, depth %d, longest run %d steps, %v", r.States, r.Steps, r.Depth, r.Longest, r.Took)
				for _, v := range r.Violations {
					t.Errorf("%s", v)
				}
				mu.Lock()
				defer mu.Unlock()
				maps.Copy(seen, m.Seen)
			})
		}
	})
	for _, want := range ledger.Transitions() {
		if !seen[want] {
			t.Errorf("the chart has %+v, and no run comes there", want)
		}
		delete(seen, want)
	}
	for got := range seen {
		t.Errorf("the chart lacks {%q, %q, %q}", got.From, got.To, got.By)
	}
}
