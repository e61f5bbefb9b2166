package dashboard

import (
	"cmp"
	"maps"
	"slices"

	"settlecancel/tasks/ledger"
)

// codeSum is the sum of the dead letters that one result code left of one merchant.
type codeSum struct {
	Code    string // "" is none
	MchtID  string
	Message string // of the oldest
	sum
}

// tally is what waits and what lies, counted.
type tally struct {
	By        map[ledger.Status]sum
	Codes     []codeSum // the most frequent first
	MoreCodes int       // how many of them are not shown
	Doubtful  []item
	Newest    []item
}

// How much of it the overview shows.
const (
	doubtfulShown = 5
	newestShown   = 5
	codesShown    = 8
)

type codeOf struct{ code, mchtID string }

func (s snapshot) tally() tally {
	t := tally{By: map[ledger.Status]sum{}}
	codes := map[codeOf]*codeSum{}
	for _, i := range slices.Concat(s.open, s.dead) {
		by := t.By[i.Status]
		by.add(i)
		t.By[i.Status] = by
		if i.Status == ledger.Unknown || i.Status == ledger.Review {
			t.Doubtful = append(t.Doubtful, i)
		}
	}
	for _, i := range s.dead {
		name := codeOf{i.Code, i.MchtID}
		if codes[name] == nil {
			codes[name] = &codeSum{Code: i.Code, MchtID: i.MchtID, Message: i.Message}
		}
		codes[name].add(i)
	}
	t.sort(codes)
	t.Newest = slices.Clone(s.dead[max(0, len(s.dead)-newestShown):])
	slices.Reverse(t.Newest)
	return t
}

// sort puts first what needs a person first: of the doubtful those for review, then the oldest.
func (t *tally) sort(codes map[codeOf]*codeSum) {
	review := func(i item) int {
		if i.Status == ledger.Review {
			return 0
		}
		return 1
	}
	slices.SortFunc(t.Doubtful, func(a, b item) int {
		return cmp.Or(cmp.Compare(review(a), review(b)), a.Since.Compare(b.Since), cmp.Compare(a.Key, b.Key))
	})
	t.Doubtful = slices.Clone(t.Doubtful[:min(len(t.Doubtful), doubtfulShown)])
	for _, c := range codes {
		t.Codes = append(t.Codes, *c)
	}
	slices.SortFunc(t.Codes, func(a, b codeSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code), cmp.Compare(a.MchtID, b.MchtID))
	})
	t.MoreCodes = max(0, len(t.Codes)-codesShown)
	t.Codes = t.Codes[:min(len(t.Codes), codesShown)]
}

// values returns what exists of a field among items, sorted.
func values(items []item, field func(item) string) []string {
	set := map[string]bool{}
	for _, i := range items {
		set[field(i)] = true
	}
	return slices.Sorted(maps.Keys(set))
}
