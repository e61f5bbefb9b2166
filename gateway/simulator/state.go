package simulator

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// state is everything that a reset forgets. Its lock is held for moments only: never while somebody
// waits, reads or writes.
type state struct {
	closed  chan struct{}           // closed by a reset
	conduct atomic.Pointer[Conduct] // never nil

	mu      sync.Mutex
	bank    bank
	journal journal
	faults  faults
	effects []Effect // only ever appended to
	notis   notiQueue
	counts  counts
	changed chan struct{} // closed at the next change, where watched
	watched bool
}

// counts is what Stats tells beyond what the rest of the state shows.
type counts struct {
	cancels, inquiries int64
	collations         int64
	amount             int64
	codes              map[string]int64
	faults             map[Kind]int64
	inProgress         int
	late               int
	cancelsPeak        int
	requestPeak        int
	overlaps           map[name]int
}

func newState(o *Options, c chaos) *state {
	st := &state{
		closed:  make(chan struct{}),
		bank:    newBank(),
		journal: journal{size: o.Journal},
		faults:  faults{seed: o.Seed, chaos: c},
		notis:   notiQueue{url: o.NotiURL, wake: make(chan struct{})},
		counts:  counts{codes: map[string]int64{}, faults: map[Kind]int64{}, overlaps: map[name]int{}},
		changed: make(chan struct{}),
	}
	for _, rule := range o.Rules {
		rule, _ = rule.ready() // which was checked
		st.faults.script(rule)
	}
	st.conduct.Store(&Conduct{o.Temper, o.Protocol})
	return st
}

// Stats is what the simulator counted since it began, or since its last reset.
type Stats struct {
	Requests        int64            `json:"requests"` // to gateway paths, those turned away on HTTP level among them
	Cancels         int64            `json:"cancels"`  // refunds and withdrawals among them
	Inquiries       int64            `json:"inquiries"`
	Collations      int64            `json:"collations"`
	Effects         int              `json:"effects"`         // cancellations applied
	CancelledAmount int64            `json:"cancelledAmount"` // their sum
	Originals       int              `json:"originals"`
	Codes           map[string]int64 `json:"codes"`       // answers by result code
	Faults          map[Kind]int64   `json:"faults"`      // requests by the fault they suffered
	InProgress      int              `json:"inProgress"`  // requests not ended yet
	LateApplies     int              `json:"lateApplies"` // cancellations of ended requests, still to be applied
	Notis           NotiStats        `json:"notis"`       // cancellation notifications

	// MaxConcurrent is the most cancel requests that were ever in progress at once for one
	// transaction. A request is in progress until its answer's last byte is about to leave, or its
	// client has gone.
	MaxConcurrent int `json:"maxConcurrent"`
	// MaxConcurrentRequests is the same with inquiries.
	MaxConcurrentRequests int `json:"maxConcurrentRequests"`
	// Overlaps are the transactions with more than one cancel request at once, worst first.
	Overlaps []Overlap `json:"overlaps"`
}

// Idle reports whether no request is in progress and nothing is still to be applied.
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
		Collations: st.counts.collations, Notis: st.notis.stats(), Effects: len(st.effects), CancelledAmount: st.counts.amount, Originals: len(st.bank.byTrdNo),
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
	CancelledAmount int64    `json:"cancelledAmount"`
	Remaining       int64    `json:"remaining"`
	Withdrawn       bool     `json:"withdrawn,omitempty"` // its virtual account number was
	NextRound       string   `json:"nextRound"`           // the cnclOrd that protocol 0A19 takes next
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
		Withdrawn: t.withdrawn, NextRound: t.nextRound(),
		Effects:    make([]Effect, 0, len(t.changes)),
		InProgress: t.traffic.cancelsNow, MaxConcurrent: t.traffic.cancelsPeak,
	}
	out.VAcntNo = ""
	for _, c := range t.changes {
		out.Effects = append(out.Effects, st.effects[c.effect])
	}
	return out, true
}

// enter counts a request in, at its transaction too where there is one, and returns which of its
// kind it is there.
func (st *state) enter(path Path, t *transaction) (nth uint64) {
	st.counts.inProgress++
	switch path {
	case PathCancel:
		st.counts.cancels++
	case PathInquiry:
		st.counts.inquiries++
	case PathCollation:
		st.counts.collations++
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

// cancel applies a cancellation if its id and the transaction allow it. Inquiries show it from
// visible on.
func (st *state) cancel(r *Request, t *transaction, want terms, m Merchant, e Effect, visible time.Time) verdict {
	v := st.bank.cancels.seen(want)
	if v != granted {
		return v
	}
	v = t.mayCancel(want, m, e.Time)
	st.bank.cancels.remember(want, v)
	if v != granted {
		return v
	}
	st.bank.adopt(t, want)
	e.Amount, e.Operation, e.MchtTrdNo, e.Request = want.amount, want.operation, want.id, r.Seq
	t.lastRound = max(t.lastRound, roundNumber(want.round)-1) // one that is told may leave some out
	st.apply(t, e, visible)
	r.Applied = true
	return granted
}

// apply enters an effect, of which time, number, amount and origin are given, into the books.
func (st *state) apply(t *transaction, e Effect, visible time.Time) Effect {
	e.Seq, e.MchtID, e.OrgTrdNo, e.Round = int64(len(st.effects))+1, t.MchtID, t.OrgTrdNo, len(t.changes)+1
	withdrawal := e.Operation == OperationWithdraw
	t.changes = append(t.changes, change{len(st.effects), e.Amount, withdrawal, visible})
	t.lastRound++
	t.cancelled += e.Amount
	t.withdrawn = t.withdrawn || withdrawal
	st.effects = append(st.effects, e)
	st.counts.amount += e.Amount
	if !withdrawal {
		st.notis.add(len(st.effects) - 1)
	}
	return e
}

// inquire looks a transaction up; what it shows is what there was at a moment. Whoever is lax does
// not mind an inquiry's id that comes again.
func (st *state) inquire(t *transaction, want terms, at time.Time) (verdict, result) {
	if want.id != "" && !want.lax && !st.bank.inquiries.use(name{want.mchtID, want.id}) {
		return repeatedID, result{}
	}
	if v := t.mayInquire(want); v != granted {
		return v, result{}
	}
	st.bank.adopt(t, want)
	res := result{original: t.Original}
	res.cancelled, res.all = t.shown(at)
	return granted, res
}
