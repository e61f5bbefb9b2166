package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

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

// chaos is Chaos made ready: what each kind of answer may draw from.
type chaos struct {
	Chaos
	from map[answerKind][]Fault
}

// answerKind tells answers apart by the faults that can befall them.
type answerKind struct {
	path   Path
	echoes bool
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
	out := chaos{Chaos: c, from: map[answerKind][]Fault{}}
	for i, f := range kinds {
		f = f.withDefaults()
		if err := f.check(); err != nil {
			wrong = append(wrong, fmt.Errorf("kinds %d: %w", i, err))
		}
		if f.Kind == KindWrongCount {
			wrong = append(wrong, fmt.Errorf("kinds %d: wrongCount: no collation suffers a random fault", i))
		}
		for _, kind := range []answerKind{{PathCancel, false}, {PathCancel, true}, {PathInquiry, false}, {PathInquiry, true}} {
			if f.suits(kind.path, kind.echoes) {
				out.from[kind] = append(out.from[kind], f)
			}
		}
	}
	return out, errors.Join(wrong...)
}

// draw returns a random fault for the nth request of its transaction and path.
func (c *chaos) draw(r *Request, of *call, nth uint64) Fault {
	from := c.from[answerKind{of.path, of.echoes}]
	spared := of.path == PathCollation || (of.path == PathInquiry && !c.Inquiries)
	if c.Rate == 0 || len(from) == 0 || spared {
		return Fault{}
	}
	random := chance(c.Seed, nth, string(of.path), r.MchtID, r.OrgTrdNo)
	if random.Float64() >= c.Rate {
		return Fault{}
	}
	return from[random.IntN(len(from))]
}

// chance returns random numbers for the nth time of what the parts name: the same ones whenever
// seed, nth and parts are the same.
func chance(seed, nth uint64, parts ...string) *rand.Rand {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for _, part := range parts {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	return rand.New(rand.NewPCG(seed, h^nth*0x9e3779b97f4a7c15))
}
