package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

// waiting sums up cancellations.
type waiting struct {
	count, overdue int
	sum            map[string]int64 // smallest unit, by currency
	oldest         time.Duration
}

func newWaiting() *waiting {
	return &waiting{sum: map[string]int64{tasks.CurrencyKRW: 0, tasks.CurrencyUSD: 0}}
}

func (w *waiting) add(r ledger.Record, currency string, age time.Duration) {
	w.count++
	w.sum[currency] += r.Amount
	w.oldest = max(w.oldest, age)
}

// queue is what asynq and the ledger say of a queue.
type queue struct {
	paused bool
	tasks  map[string]int // by asynq's state
	late   time.Duration  // how long the oldest due cancellation has waited for its turn
}

// state is what one look found.
type state struct {
	up         bool // Redis answered; else nothing else is set
	at         time.Time
	took       time.Duration
	complete   bool // everything was looked at
	damaged    int
	open, dead int64 // all of them, looked at or not
	by         map[ledger.Status]*waiting
	merchants  map[string]*waiting // the open ones, by label
	queues     map[string]*queue
	paused     map[string]time.Duration // for how long, by label
	pauses     int
	sweeper    bool
	webhook    time.Time // of the oldest event that is still to be delivered, zero for none
	events     ledger.Backlog
	epochs     ledger.Epochs // whether Redis has forgotten confirmed writes

	due     []due           // what is due and not kept waiting on purpose
	holders map[string]bool // payments that a cancellation holds which is under way or in doubt
}

// due is an open cancellation whose next step is due.
type due struct {
	payment  string // "" where it holds its payment itself
	merchant string // label
	queue    *queue
	late     time.Duration
}

// waitStatuses are those in which a cancellation waits, for the machine or for a person.
var waitStatuses = []ledger.Status{ledger.Queued, ledger.Sending, ledger.Unknown, ledger.Rejected, ledger.Exhausted, ledger.Review}

// queueNames returns the queues of cancellations, and that of webhooks.
func queueNames() []string {
	return append(slices.Sorted(maps.Keys(tasks.Queues())), events.QueueWebhooks)
}

var queueStates = []string{"pending", "active", "scheduled", "retry", "archived", "completed"}

func newState(l labels) *state {
	st := &state{complete: true, by: map[ledger.Status]*waiting{}, merchants: map[string]*waiting{},
		queues: map[string]*queue{}, paused: map[string]time.Duration{}, holders: map[string]bool{}}
	for _, s := range waitStatuses {
		st.by[s] = newWaiting()
	}
	for _, m := range l.all() {
		st.merchants[m] = newWaiting()
	}
	for _, name := range queueNames() {
		st.queues[name] = &queue{tasks: map[string]int{}}
	}
	return st
}

// queue returns the queue of a record; of one that cannot be read, or is not ours, one that nobody
// looks at.
func (st *state) queue(r ledger.Record) *queue {
	if q, ok := st.queues[cmp.Or(r.Queue, tasks.QueueDefault)]; ok {
		return q
	}
	return &queue{}
}

// currency returns the currency of a record. One whose parameters cannot be read is damaged: nobody
// can carry it out.
func (st *state) currency(r ledger.Record) string {
	currency, ok := currencyLabel(r)
	if !ok {
		st.damaged++
	}
	return currency
}

func (st *state) addDead(r ledger.Record) {
	if w := st.by[r.Status]; w != nil && r.Dead() {
		w.add(r, st.currency(r), st.at.Sub(r.EndedAt))
	}
}

func (st *state) addOpen(r ledger.Record, merchant string, waits func(ledger.Record) bool) {
	w := st.by[r.Status]
	if w == nil || !r.Open() {
		return // it has moved on since its page was read
	}
	since := r.AcceptedAt
	if r.Status == ledger.Unknown {
		since = doubtSince(r)
	}
	currency := st.currency(r)
	w.add(r, currency, st.at.Sub(since))
	st.merchants[merchant].add(r, currency, st.at.Sub(since))
	d := due{payment: r.MchtID + ":" + r.OrgTrdNo, merchant: merchant, queue: st.queue(r), late: st.at.Sub(r.DueAt)}
	if r.Status != ledger.Queued {
		st.holders[d.payment] = true
		d.payment = ""
	}
	if d.late > 0 && !waits(r) {
		st.due = append(st.due, d)
	}
}

// judge tells what is late, once all are known: a cancellation that waits for another one of its
// payment is not.
func (st *state) judge() {
	for _, d := range st.due {
		if st.holders[d.payment] {
			continue
		}
		d.queue.late = max(d.queue.late, d.late)
		if d.late > overdueAfter {
			st.merchants[d.merchant].overdue++
		}
	}
	st.due, st.holders = nil, nil
}

// doubtSince tells when the request was begun whose outcome is not known, or when a person asked
// for its verification again.
func doubtSince(r ledger.Record) time.Time {
	since := r.AcceptedAt
	for _, a := range r.Attempts {
		if a.Kind == ledger.Request && a.StartedAt.After(since) {
			since = a.StartedAt
		}
	}
	for _, a := range r.Acts {
		if a.At.After(since) {
			since = a.At
		}
	}
	return since
}
