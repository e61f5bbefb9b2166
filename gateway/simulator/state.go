package simulator

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// state is everything that a reset forgets. Its lock is held for moments only: never while somebody waits, reads or
// writes.
type state struct {
	closed chan struct{} // closed by a reset

	mu      sync.Mutex
	bank    bank
	journal journal
	faults  faults
	effects []Effect // only ever appended to
	counts  counts
	changed chan struct{} // closed at the next change, where watched
	watched bool
}

// counts is what Stats tells beyond what the rest of the state shows.
type counts struct {
	cancels, inquiries int64
	amount             int64
	codes              map[string]int64
	faults             map[Kind]int64
	inProgress         int
	late               int
	cancelsPeak        int
	requestPeak        int
	overlaps           map[name]int
}

func newState(journalSize int, c chaos) *state {
	return &state{
		closed:  make(chan struct{}),
		bank:    newBank(),
		journal: journal{size: journalSize},
		faults:  faults{chaos: c},
		counts:  counts{codes: map[string]int64{}, faults: map[Kind]int64{}, overlaps: map[name]int{}},
		changed: make(chan struct{}),
	}
}

// Stats is what the simulator counted since it began, or since its last reset.
type Stats struct {
	Requests        int64            `json:"requests"` // to gateway paths, those turned away on HTTP level among them
	Cancels         int64            `json:"cancels"`
	Inquiries       int64            `json:"inquiries"`
	Effects         int              `json:"effects"`         // cancellations applied
	CancelledAmount int64            `json:"cancelledAmount"` // their sum, KRW
	Originals       int              `json:"originals"`
	Codes           map[string]int64 `json:"codes"`       // answers by result code
	Faults          map[Kind]int64   `json:"faults"`      // requests by the fault they suffered
	InProgress      int              `json:"inProgress"`  // requests not ended yet
	LateApplies     int              `json:"lateApplies"` // cancellations of ended requests, still to be applied

	// MaxConcurrent is the most cancel requests that were ever in progress at once for one transaction. A request is
	// in progress until its answer's last byte is about to leave, or its client has gone.
	MaxConcurrent int `json:"maxConcurrent"`
	// MaxConcurrentRequests is the same with inquiries.
	MaxConcurrentRequests int `json:"maxConcurrentRequests"`
	// Overlaps are the transactions with more than one cancel request at once, worst first.
	Overlaps []Overlap `json:"overlaps"`
}

// Idle says whether no request is in progress and nothing is still to be applied.
func (s Stats) Idle() bool { return s.InProgress == 0 && s.LateApplies == 0 }

// Overlap is a transaction that had several cancel requests in progress at once.
type Overlap struct {
	MchtID        string `json:"mchtId"`
	OrgTrdNo      string `json:"orgTrdNo"`
	MaxConcurrent int    `json:"maxConcurrent"`
}

// stats is called with the lock held, as are all methods of state but those that say otherwise.
func (st *state) stats() Stats {
	overlaps := make([]Overlap, 0, len(st.counts.overlaps))
	for n, peak := range st.counts.overlaps {
		overlaps = append(overlaps, Overlap{n.mchtID, n.number, peak})
	}
	slices.SortFunc(overlaps, func(a, b Overlap) int {
		return cmp.Or(cmp.Compare(b.MaxConcurrent, a.MaxConcurrent), cmp.Compare(a.MchtID, b.MchtID),
			cmp.Compare(a.OrgTrdNo, b.OrgTrdNo))
	})
	return Stats{
		Requests: st.journal.last, Cancels: st.counts.cancels, Inquiries: st.counts.inquiries,
		Effects: len(st.effects), CancelledAmount: st.counts.amount, Originals: len(st.bank.byTrdNo),
		Codes: maps.Clone(st.counts.codes), Faults: maps.Clone(st.counts.faults),
		InProgress: st.counts.inProgress, LateApplies: st.counts.late,
		MaxConcurrent: st.counts.cancelsPeak, MaxConcurrentRequests: st.counts.requestPeak, Overlaps: overlaps,
	}
}

// watch returns the counts, and a channel that is closed once they have changed. It takes the lock.
func (st *state) watch() (Stats, <-chan struct{}) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.watched = true
	return st.stats(), st.changed
}

// touched tells those who wait for a change.
func (st *state) touched() {
	if st.watched {
		close(st.changed)
		st.changed, st.watched = make(chan struct{}), false
	}
}

// effectsSoFar returns the effects without a copy, to be read only. It takes the lock.
func (st *state) effectsSoFar() []Effect {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.effects[:len(st.effects):len(st.effects)]
}

// OriginalState is an original, what was cancelled of it, and who is at it.
type OriginalState struct {
	Original
	CancelledAmount int64    `json:"cancelledAmount"` // KRW
	Remaining       int64    `json:"remaining"`       // KRW
	Effects         []Effect `json:"effects"`
	InProgress      int      `json:"inProgress"`    // cancel requests at this moment
	MaxConcurrent   int      `json:"maxConcurrent"` // the most cancel requests ever at once
}

// original takes the lock.
func (st *state) original(mchtID, orgTrdNo string) (OriginalState, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	t := st.bank.byTrdNo[name{mchtID, orgTrdNo}]
	if t == nil {
		return OriginalState{}, false
	}
	out := OriginalState{
		Original: t.Original, CancelledAmount: t.cancelled, Remaining: t.Amount - t.cancelled,
		Effects:    make([]Effect, 0, len(t.changes)),
		InProgress: t.traffic.cancelsNow, MaxConcurrent: t.traffic.cancelsPeak,
	}
	for _, c := range t.changes {
		out.Effects = append(out.Effects, st.effects[c.effect])
	}
	return out, true
}

// enter counts a request in, at its transaction too where there is one, and returns which of its kind it is there.
func (st *state) enter(path Path, t *transaction) (nth uint64) {
	st.counts.inProgress++
	if path == PathCancel {
		st.counts.cancels++
	} else {
		st.counts.inquiries++
	}
	if t == nil {
		return uint64(st.journal.last)
	}
	now := &t.traffic
	now.requestsNow++
	st.counts.requestPeak = max(st.counts.requestPeak, now.requestsNow)
	if path == PathInquiry {
		now.inquiries++
		return now.inquiries
	}
	now.cancels++
	now.cancelsNow++
	now.cancelsPeak = max(now.cancelsPeak, now.cancelsNow)
	st.counts.cancelsPeak = max(st.counts.cancelsPeak, now.cancelsNow)
	if now.cancelsPeak > 1 {
		st.counts.overlaps[name{t.MchtID, t.OrgTrdNo}] = now.cancelsPeak
	}
	return now.cancels
}

// cancel applies a cancellation if the transaction allows it. Inquiries show it from visible on.
func (st *state) cancel(r *Request, t *transaction, want terms, canTrdNo string, now, visible time.Time) verdict {
	if v := t.mayCancel(want); v != granted {
		return v
	}
	t.changes = append(t.changes, change{effect: len(st.effects), amount: want.amount, visible: visible})
	t.cancelled += want.amount
	st.effects = append(st.effects, Effect{
		Seq: int64(len(st.effects)) + 1, Time: now, MchtID: t.MchtID, OrgTrdNo: t.OrgTrdNo,
		Amount: want.amount, CanTrdNo: canTrdNo, Request: r.Seq,
	})
	st.counts.amount += want.amount
	r.Applied = true
	return granted
}

// inquire looks a transaction up; what it shows is what there was at a moment.
func (st *state) inquire(t *transaction, want terms, at time.Time) (verdict, Original, int64) {
	if want.inquiryID != "" && !st.bank.ids.use(name{want.mchtID, want.inquiryID}) {
		return repeatedID, Original{}, 0
	}
	if v := t.mayInquire(want); v != granted {
		return v, Original{}, 0
	}
	if t.adopts {
		t.Method, t.adopts = want.method, false
	}
	return granted, t.Original, t.shown(at)
}
