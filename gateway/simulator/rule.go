package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Rule says which requests suffer a fault, or around which of them somebody cancels a part
// elsewhere. An empty condition meets every request; CanAmt none but cancellations, OrgTrdNo no
// collation, and a fault none whose answer it cannot befall.
type Rule struct {
	Path     Path   `json:"path,omitempty"`
	MchtID   string `json:"mchtId,omitempty"`
	OrgTrdNo string `json:"orgTrdNo,omitempty"`
	CanAmt   int64  `json:"canAmt,omitempty"` // in plain

	Times       int     `json:"times,omitempty"`       // how many requests it hits; 0: for ever
	PerOriginal int     `json:"perOriginal,omitempty"` // how many of one original; 0: no bound
	Skip        int     `json:"skip,omitempty"`        // how many matching requests pass it by first, to the rules behind it
	Rate        float64 `json:"rate,omitempty"`        // the share of the others that it hits, drawn by the seed; 0: all

	Fault     Fault     `json:"fault,omitzero"`
	Elsewhere Elsewhere `json:"elsewhere,omitzero"` // instead of a fault; the rules behind it, and a fault of theirs, are tried all the same
}

// ready fills in what is left open; the error names every fault.
func (r Rule) ready() (Rule, error) {
	if !r.others() {
		r.Fault = r.Fault.withDefaults()
	}
	return r, r.check()
}

// check names every fault of a rule whose defaults are filled in.
func (r Rule) check() error {
	var faults []error
	switch r.Path {
	case "", PathCancel, PathInquiry, PathCollation:
	default:
		faults = append(faults, fmt.Errorf("path %q: must be cancel, inquiry or collation", r.Path))
	}
	if r.CanAmt != 0 && (r.Path == PathInquiry || r.Path == PathCollation) {
		faults = append(faults, errors.New("canAmt: only a cancellation has one"))
	}
	if r.OrgTrdNo != "" && r.Path == PathCollation {
		faults = append(faults, errors.New("orgTrdNo: a collation names none"))
	}
	if r.CanAmt < 0 {
		faults = append(faults, fmt.Errorf("canAmt %d: must not be below zero", r.CanAmt))
	}
	if r.Times < 0 {
		faults = append(faults, fmt.Errorf("times %d: must not be below zero", r.Times))
	}
	if r.Skip < 0 {
		faults = append(faults, fmt.Errorf("skip %d: must not be below zero", r.Skip))
	}
	if r.PerOriginal < 0 {
		faults = append(faults, fmt.Errorf("perOriginal %d: must not be below zero", r.PerOriginal))
	}
	if !(r.Rate >= 0 && r.Rate <= 1) {
		faults = append(faults, fmt.Errorf("rate %v: must be 0 to 1", r.Rate))
	}
	if r.others() {
		return errors.Join(append(faults, r.checkElsewhere())...)
	}
	if r.Fault.Kind == KindWrongCount && r.Path != PathCollation {
		faults = append(faults, errors.New("wrongCount: only a collation counts; path must be collation"))
	} else if r.Path != "" && !r.Fault.suits(r.Path, r.Path != PathCollation) {
		faults = append(faults, fmt.Errorf("%s: befalls no answer of path %s", r.Fault.Kind, r.Path))
	}
	return errors.Join(append(faults, r.Fault.check())...)
}

// RuleState is a rule and how often it was met.
type RuleState struct {
	ID int `json:"id"`
	Rule
	Seen int `json:"seen"` // matching requests, those it let pass by among them
	Used int `json:"used"` // requests it hit
}

// liveRule is a rule at work.
type liveRule struct {
	RuleState
	hits map[name]int // by original, where PerOriginal bounds them
}

// meets reports whether a request fulfils the rule's conditions.
func (r *Rule) meets(q *Request, c *call) bool {
	return (r.Path == "" || r.Path == c.path) &&
		(r.MchtID == "" || r.MchtID == q.MchtID) &&
		(r.OrgTrdNo == "" || r.OrgTrdNo == q.OrgTrdNo) &&
		(r.CanAmt == 0 || (c.path == PathCancel && r.CanAmt == q.CanAmt)) &&
		r.Fault.suits(c.path, c.echoes)
}

// hit reports whether a matching request is one that the rule hits, and counts it.
func (r *liveRule) hit(seed uint64, q *Request, c *call, nth uint64) bool {
	original := name{q.MchtID, q.OrgTrdNo}
	r.Seen++
	switch {
	case r.Seen <= r.Skip || r.spent():
		return false
	case r.PerOriginal > 0 && r.hits[original] == r.PerOriginal:
		return false
	case r.Rate > 0 && chance(seed, nth, "rule", strconv.Itoa(r.ID), string(c.path), q.MchtID, q.OrgTrdNo).Float64() >= r.Rate:
		return false
	}
	r.Used++
	if r.PerOriginal > 0 {
		r.hits[original]++
	}
	return true
}

// spent reports whether a rule has no uses left.
func (r *liveRule) spent() bool { return r.Times > 0 && r.Used >= r.Times }

// faults decides which request suffers what. Whoever calls it holds the lock of its state.
type faults struct {
	seed   uint64
	lastID int
	rules  []*liveRule // all, in order
	live   []*liveRule // those with uses left
	chaos  chaos
}

// script adds a rule that has been checked, behind the others.
func (f *faults) script(r Rule) int {
	f.lastID++
	state := &liveRule{RuleState{ID: f.lastID, Rule: r}, map[name]int{}}
	f.rules = append(f.rules, state)
	f.live = append(f.live, state)
	return state.ID
}

// remove takes a rule away and says whether it was there.
func (f *faults) remove(id int) bool {
	before := len(f.rules)
	same := func(r *liveRule) bool { return r.ID == id }
	f.rules, f.live = slices.DeleteFunc(f.rules, same), slices.DeleteFunc(f.live, same)
	return len(f.rules) < before
}

// pick returns the fault a request suffers, the first rule's that hits it, else a random one, the
// zero Fault if none; and what the rules before have others cancel of its transaction, which is nil
// where there is none.
func (f *faults) pick(r *Request, c *call, t *transaction, nth uint64) (Fault, []Elsewhere) {
	fault, others, wasSpent := Fault{}, []Elsewhere(nil), false
	for _, rule := range f.live {
		if !rule.meets(r, c) || (rule.others() && t == nil) || !rule.hit(f.seed, r, c, nth) {
			continue
		}
		wasSpent = wasSpent || rule.spent()
		if !rule.others() {
			fault = rule.Fault
			break
		}
		drawn := rule.Elsewhere
		drawn.Amount = drawn.amount(t, chance(f.seed, nth, "elsewhere", strconv.Itoa(rule.ID), r.MchtID, r.OrgTrdNo))
		others = append(others, drawn)
	}
	if wasSpent {
		f.live = slices.DeleteFunc(f.live, (*liveRule).spent)
	}
	if fault.Kind == "" {
		fault = f.chaos.draw(r, c, nth)
	}
	if fault.UpTo {
		random := chance(f.seed, nth, "delay", string(c.path), r.MchtID, r.OrgTrdNo)
		fault.Delay = 1 + time.Duration(random.Int64N(int64(fault.Delay)))
	}
	return fault, others
}
