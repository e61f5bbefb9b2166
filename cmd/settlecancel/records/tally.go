package records

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/report"
)

// Tally is how many cancellations there are, and how much money that is.
type Tally struct {
	Count int  `json:"count"`
	Sums  Sums `json:"sums"`
}

// Add counts one more.
func (t *Tally) Add(c report.Record) {
	if t.Sums == nil {
		t.Sums = Sums{}
	}
	t.Count++
	t.Sums[cmp.Or(c.Currency, tasks.CurrencyKRW)] += c.CanAmt
}

// Of says how many there are of a thing, and their sums.
func (t Tally) Of(thing string) string {
	return terminal.Plural(t.Count, thing) + ": " + t.Sums.String()
}

// Sums are amounts by currency, in its smallest unit.
type Sums map[string]int64

// String returns the sums as people write them, one after the other.
func (s Sums) String() string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, terminal.Money(s[currency], currency))
	}
	return strings.Join(parts, ", ")
}
