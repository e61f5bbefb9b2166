package policy

import (
	"slices"
	"testing"

	"settlecancel/tasks/ledger"
)

func others(amounts ...int64) (all []ledger.Doubt) {
	for i, a := range amounts {
		all = append(all, ledger.Doubt{Key: string(rune('A' + i)), Amount: a})
	}
	return all
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		c    Comparison
		want Verdict
	}{
		"part, what was known before":            {Comparison{Confirmed: 300, Amount: 200, Shown: 300}, NotApplied},
		"part, and this one more":                {Comparison{Confirmed: 300, Amount: 200, Shown: 500}, Applied},
		"part that takes the rest":               {Comparison{Confirmed: 300, Amount: 700, Shown: 1000, AllCancelled: true}, Applied},
		"part, less than was known":              {Comparison{Confirmed: 300, Amount: 200, Shown: 0}, Undecided},
		"part, another sum":                      {Comparison{Confirmed: 300, Amount: 200, Shown: 400}, Undecided},
		"part, all by somebody else":             {Comparison{Amount: 200, Shown: 1000, AllCancelled: true}, Undecided},
		"part, called cancelled":                 {Comparison{Amount: 200, Shown: 200, AllCancelled: true}, Applied},
		"whole, all":                             {Comparison{Amount: 1000, Whole: true, Shown: 1000, AllCancelled: true}, Applied},
		"whole, all by its sum alone":            {Comparison{Amount: 1000, Whole: true, Shown: 1000}, Applied},
		"whole, nothing":                         {Comparison{Amount: 1000, Whole: true}, NotApplied},
		"whole, a part, called cancelled":        {Comparison{Amount: 1000, Whole: true, Shown: 300, AllCancelled: true}, NotApplied},
		"whole, a part, others in doubt":         {Comparison{Amount: 1000, Whole: true, Shown: 300, Others: others(300)}, NotApplied},
		"whole, a part, in another unit":         {Comparison{Amount: 1000, Whole: true, Foreign: true, Shown: 10}, Undecided},
		"whole, the part that was known":         {Comparison{Confirmed: 300, Amount: 1000, Whole: true, Shown: 300, AllCancelled: true}, NotApplied},
		"whole, all, others in doubt":            {Comparison{Amount: 1000, Whole: true, Shown: 1000, Others: others(300)}, Applied},
		"withdrawn":                              {Comparison{AllCancelled: true}, Applied},
		"not withdrawn":                          {Comparison{}, NotApplied},
		"unbased part, more":                     {Comparison{Amount: 300, Blind: true, Shown: 300}, Undecided},
		"unbased part, what was known":           {Comparison{Amount: 300, Blind: true}, NotApplied},
		"unbased whole, all":                     {Comparison{Amount: 1000, Whole: true, Blind: true, Shown: 1000}, Applied},
		"an equal one in doubt, one applied":     {Comparison{Amount: 300, Shown: 300, Others: others(300)}, Undecided},
		"an equal one in doubt, both applied":    {Comparison{Amount: 300, Shown: 600, Others: others(300)}, Applied},
		"an equal one in doubt, nothing applied": {Comparison{Amount: 300, Shown: 0, Others: others(300)}, NotApplied},
		"another in doubt, this one applied":     {Comparison{Amount: 300, Shown: 300, Others: others(200)}, Applied},
		"another in doubt, that one applied":     {Comparison{Amount: 300, Shown: 200, Others: others(200)}, NotApplied},
		"another in doubt, both applied":         {Comparison{Amount: 300, Shown: 500, Others: others(200)}, Applied},
		"two in doubt add up to this one":        {Comparison{Amount: 300, Shown: 300, Others: others(100, 200)}, Undecided},
		"two in doubt, and this one":             {Comparison{Amount: 300, Shown: 600, Others: others(100, 200)}, Applied},
		"two in doubt, one of them":              {Comparison{Amount: 300, Shown: 100, Others: others(100, 200)}, NotApplied},
		"nothing explains it":                    {Comparison{Amount: 300, Shown: 250, Others: others(100, 200)}, Undecided},
		"as many as are told apart":              {Comparison{Amount: 1, Shown: 1, Others: others(slices.Repeat([]int64{100}, maxOthers)...)}, Applied},
		"more than can be told apart":            {Comparison{Amount: 1, Shown: 1, Others: others(slices.Repeat([]int64{100}, maxOthers+1)...)}, Undecided},
	} {
		if got := Compare(c.c); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// What people say is believed for their siblings only where nothing else explains the sum.
func TestClaims(t *testing.T) {
	t.Parallel()
	claimed := others(300, 200)
	claimed[0].Claimed = true
	twice := others(300, 300)
	twice[0].Claimed = true
	both := others(300, 200)
	both[0].Claimed, both[1].Claimed = true, true
	for name, c := range map[string]struct {
		difference int64
		others     []ledger.Doubt
		want       []string
	}{
		"as was said":                    {300, claimed, []string{"A"}},
		"as nobody said":                 {200, claimed, nil},
		"both, and one was not said":     {500, claimed, nil},
		"both were said":                 {500, both, []string{"A", "B"}},
		"an equal one explains it, too":  {300, twice, nil},
		"nothing explains it":            {250, both, nil},
		"more than can be told apart":    {300, append(slices.Clone(claimed), others(slices.Repeat([]int64{7}, maxOthers)...)...), nil},
		"nothing was said, nothing more": {100, nil, nil},
	} {
		if got := claims(c.difference, c.others); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
