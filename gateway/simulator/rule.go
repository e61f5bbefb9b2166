package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Rule says which requests suffer a fault. An empty condition meets every request; CanAmt none but
// cancellations, OrgTrdNo no collation, and a fault of KindWrongEcho none whose answer has no hash
// to repeat.
type Rule struct {
	Path     Path   `json:"path,omitempty"`
	MchtID   string `json:"mchtId,omitempty"`
	OrgTrdNo string `json:"orgTrdNo,omitempty"`
	CanAmt   int64  `json:"canAmt,omitempty"` // in plain
	Times    int    `json:"times,omitempty"`  // how many requests it hits; 0: for ever
	Skip     int    `json:"skip,omitempty"`   // how many matching requests pass it by first, to the rules behind it
	Fault    Fault  `json:"fault"`
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
	if r.Fault.Kind == KindWrongEcho && r.Path == PathCollation {
		faults = append(faults, errors.New("wrongEcho: a collation repeats no hash"))
	}
	if r.Fault.Kind == KindWrongCount && r.Path != PathCollation {
		faults = append(faults, errors.New("wrongCount: only a collation counts; path must be collation"))
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

// meets says whether a request fulfils the rule's conditions.
func (r *Rule) meets(q *Request, c *call) bool {
	return (r.Path == "" || r.Path == c.path) &&
		(r.MchtID == "" || r.MchtID == q.MchtID) &&
		(r.OrgTrdNo == "" || r.OrgTrdNo == q.OrgTrdNo) &&
		(r.CanAmt == 0 || (c.path == PathCancel && r.CanAmt == q.CanAmt)) &&
		(r.Fault.Kind != KindWrongEcho || c.echoes)
}

// Chaos is random faults. Whether a request suffers one, and which, depends on the seed, the
// transaction and how many requests of its kind that transaction had before: so a run shows each
// transaction the same whatever the others do. No collation suffers one.
type Chaos struct {
	Rate      float64 `json:"rate"`            // of cancellations, 0 to 1
	Seed      uint64  `json:"seed"`            // any
	Kinds     []Fault `json:"kinds,omitempty"` // what to draw from; nil: DefaultFaults
	Inquiries bool    `json:"inquiries"`       // inquiries suffer too, at the same rate
}

// DefaultFaults is a mix of everything that a client can come through with every cancellation
// carried out once: no refusal that is for good, no lie that cannot be seen through. What is
// applied late, or shown late, is so by at most 50 ms: a client must wait longer than that before
// it believes an inquiry.
func DefaultFaults() []Fault {
	const late = 50 * time.Millisecond
	return []Fault{
		{Kind: KindCode, Code: "CA01"},
		{Kind: KindCode, Code: "MP95"},
		{Kind: KindCode, Code: "9999"},
		{Kind: KindCode, Code: "9999", Apply: ApplyYes},
		{Kind: KindCode, Code: "ST60", Apply: ApplyYes},
		{Kind: KindDrop},
		{Kind: KindDrop, Apply: ApplyYes},
		{Kind: KindDrop, Apply: ApplyLate, Delay: late},
		{Kind: KindHang},
		{Kind: KindHang, Apply: ApplyYes},
		{Kind: KindHang, Apply: ApplyLate, Delay: late},
		{Kind: KindStatus, Status: 429},
		{Kind: KindStatus, Status: 502},
		{Kind: KindStatus, Status: 502, Apply: ApplyYes},
		{Kind: KindRedirect},
		{Kind: KindRedirect, Apply: ApplyYes},
		{Kind: KindForeign},
		{Kind: KindForeign, Apply: ApplyYes},
		{Kind: KindFlood, Apply: ApplyYes},
		{Kind: KindDelayBefore, Delay: late},
		{Kind: KindDelayAfter, Delay: late},
		{Kind: KindTruncated},
		{Kind: KindCut},
		{Kind: KindDrip, Delay: time.Millisecond},
		{Kind: KindStale, Delay: late},
		{Kind: KindWrongEcho},
	}
}

// faults decides which request suffers what. Whoever calls it holds the lock of its state.
type faults struct {
	lastID int
	rules  []*RuleState // all, in order
	live   []*RuleState // those with uses left
	chaos  chaos
}

// chaos is Chaos made ready: what each request may draw from.
type chaos struct {
	Chaos
	all      []Fault
	echoless []Fault // all but what is about an answer's hash
}

// ready checks random faults and sorts them; the error names every fault.
func (c Chaos) ready() (chaos, error) {
	var wrong []error
	if !(c.Rate >= 0 && c.Rate <= 1) {
		wrong = append(wrong, fmt.Errorf("rate %v: must be 0 to 1", c.Rate))
	}
	kinds := c.Kinds
	if kinds == nil {
		kinds = DefaultFaults()
	}
	out := chaos{Chaos: c}
	for i, f := range kinds {
		f = f.withDefaults()
		if err := f.check(); err != nil {
			wrong = append(wrong, fmt.Errorf("kinds %d: %w", i, err))
		}
		if f.Kind == KindWrongCount {
			wrong = append(wrong, fmt.Errorf("kinds %d: wrongCount: no collation suffers a random fault", i))
		}
		out.all = append(out.all, f)
		if f.Kind != KindWrongEcho {
			out.echoless = append(out.echoless, f)
		}
	}
	return out, errors.Join(wrong...)
}

// script adds a rule that has been checked, behind the others.
func (f *faults) script(r Rule) int {
	f.lastID++
	state := &RuleState{ID: f.lastID, Rule: r}
	f.rules = append(f.rules, state)
	f.live = append(f.live, state)
	return state.ID
}

// remove takes a rule away and says whether it was there.
func (f *faults) remove(id int) bool {
	before := len(f.rules)
	same := func(r *RuleState) bool { return r.ID == id }
	f.rules, f.live = slices.DeleteFunc(f.rules, same), slices.DeleteFunc(f.live, same)
	return len(f.rules) < before
}

// pick returns the fault a request suffers: the first rule's that it meets, else a random one; the
// zero Fault if none.
func (f *faults) pick(r *Request, c *call, nth uint64) Fault {
	for i, rule := range f.live {
		if !rule.meets(r, c) {
			continue
		}
		rule.Seen++
		if rule.Seen <= rule.Skip {
			continue
		}
		rule.Used++
		if rule.Used == rule.Times {
			f.live = slices.Delete(f.live, i, i+1)
		}
		return rule.Fault
	}
	return f.chaos.draw(r, c, nth)
}

// draw returns a random fault for the nth request of its transaction and path.
func (c *chaos) draw(r *Request, of *call, nth uint64) Fault {
	from := c.echoless
	if of.echoes {
		from = c.all
	}
	spared := of.path == PathCollation || (of.path == PathInquiry && !c.Inquiries)
	if c.Rate == 0 || len(from) == 0 || spared {
		return Fault{}
	}
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, part := range [...]string{string(of.path), r.MchtID, r.OrgTrdNo} {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	random := rand.New(rand.NewPCG(c.Seed, h^nth*0x9e3779b97f4a7c15))
	if random.Float64() >= c.Rate {
		return Fault{}
	}
	return from[random.IntN(len(from))]
}
