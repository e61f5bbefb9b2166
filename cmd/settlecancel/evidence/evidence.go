// Package evidence decides what a cancellation that SettleBank tells of beside its answers, in a
// daily list or a notification, means for the ledger: which of our cancellations it is, if any.
//
// It is careful in one direction. That something was applied it concludes only for a cancellation
// of ours whose outcome is not known, of that payment, of that amount, around that time, and only
// if no other of ours can be what was told of. Where SettleBank tells the id of the request
// (protocol 0A19), it has to be one of ours: what another id did, somebody else did. That something
// was not applied it never concludes.
package evidence

import (
	"cmp"
	"slices"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Line is one cancellation of a payment as SettleBank tells of it.
type Line struct {
	TrdNo     string // its number at SettleBank: canTrdNo of an answer
	MchtTrdNo string // its number at the merchant: with protocol 0A19, the cancellation's own id
	OrgTrdNo  string // of the payment
	Amount    int64  // KRW
	At        time.Time
	// Own says that MchtTrdNo is the cancel request's own, as with protocol 0A19: with an id that
	// is none of ours, somebody else cancelled.
	Own bool
}

// How is what links a line to a record.
type How int

// The links, the surest first.
const (
	None    How = iota // no record of ours is what the line tells of
	Number             // the record has the line's number
	ID                 // the line carries the record's own id
	Amount             // the record is cancelled, and has the line's amount; which number it has was never told
	Applied            // the record's outcome is not known: it was applied
	Pending            // the record's request is under way: it may be this
	Several            // the outcome of several records is not known, and it is one of them, or of somebody else's
	Renamed            // as Amount, but SettleBank told another number for the record
	Differs            // as Amount, but the amounts differ
	Against            // the record is to be sent, or was given up as not applied: it would be this
	Again              // the same number was told before
)

// Link is what a line is. Record is its place among the records; -1 with None, Several and Again.
type Link struct {
	How    How
	Record int
}

// The times between which a line can be what became of a record.
const (
	// Skew is how far SettleBank's clock and that of Redis may be apart at the end of a day, so that
	// a line may stand in the list of the next one.
	Skew = 10 * time.Minute
	// Early is how long before its request SettleBank may date a cancellation. It is short: what
	// was cancelled minutes before a request, somebody else cancelled.
	Early = time.Minute
	// Delay is how long after a request, or after what ended its record, SettleBank may still date
	// the cancellation.
	Delay = 24 * time.Hour
	// Forgotten is how long before its acceptance a record may have been applied that waits for people
	// because Redis forgot writes: what was forgotten is its first acceptance, and its request.
	Forgotten = 24 * time.Hour
)

// Match links lines of one payment to the records of it. Each line and each record is linked once
// at most.
func Match(lines []Line, records []ledger.Record) []Link {
	m := matching{lines: lines, records: records, links: make([]Link, len(lines)), taken: make([]bool, len(records))}
	told := make(map[string]bool, len(lines))
	for i, l := range lines {
		m.links[i].Record = -1
		if told[l.TrdNo] {
			m.links[i].How = Again
		}
		told[l.TrdNo] = true
	}
	m.each(Number, func(l Line, r ledger.Record) bool { return l.TrdNo == NumberOf(r) })
	m.each(ID, func(l Line, r ledger.Record) bool { return bears(l.MchtTrdNo, r.Key) && NumberOf(r) == "" })
	unnumbered := func(r ledger.Record) bool { return cancelled(r) && NumberOf(r) == "" }
	m.pair(Amount, both(fits(unnumbered), func(l Line, r ledger.Record) bool { return mayBeOurs(l, r) || mayBeOthers(l, r) }))
	m.pair(Renamed, both(fits(cancelled), mayBeOurs))
	m.doubtful()
	m.single(Differs, func(l Line, r ledger.Record) bool { return unnumbered(r) && around(l, r) && mayBeOurs(l, r) })
	m.pair(Against, both(fits(func(r ledger.Record) bool {
		return r.Status == ledger.Queued || r.Status == ledger.Rejected || r.Status == ledger.Exhausted
	}), mayBeOurs))
	return m.links
}

// bears reports whether an id is one of those that the cancellation of that key has had.
func bears(id, key string) bool {
	of, _, ours := settlebank.ParseCancelID(id)
	return ours && of == key
}

// mayBeOurs reports whether, by its number at the merchant, a line can be what a record's own
// request did. A number that is the order's own tells nothing either way.
func mayBeOurs(l Line, r ledger.Record) bool {
	return !l.Own || bears(l.MchtTrdNo, r.Key) || silent(l, r)
}

// silent reports whether a line's number at the merchant tells nothing of whose it is.
func silent(l Line, r ledger.Record) bool {
	if l.MchtTrdNo == "" {
		return true
	}
	x, err := tasks.FromRecord(r)
	return err == nil && l.MchtTrdNo == x.OrgMchtTrdNo
}

// mayBeOthers reports whether a record may have ended by what another request did, and the line be
// that: no id of ours stands in it.
func mayBeOthers(l Line, r ledger.Record) bool {
	_, _, known := settlebank.ParseCancelID(l.MchtTrdNo)
	return !known && (r.Status == ledger.AlreadyCancelled || r.Closed && !byEvidence(r))
}

func cancelled(r ledger.Record) bool {
	return r.Status == ledger.Cancelled || r.Status == ledger.AlreadyCancelled
}

// Unsettled reports whether the record's request may have been applied, and that what becomes of it
// is open. So is one that is to be sent again because inquiries showed nothing of it: whoever tells
// that it was applied after all tells it in time.
func Unsettled(r ledger.Record) bool {
	switch r.Status {
	case ledger.Unknown, ledger.Review, ledger.Sending:
		return !r.Closed
	case ledger.Queued:
		return slices.ContainsFunc(r.Attempts, func(a ledger.Attempt) bool {
			return a.Kind == ledger.Request && (a.Class == string(gateway.Unknown) || a.Class == ledger.Lost)
		})
	}
	return false
}

func both(a, b func(Line, ledger.Record) bool) func(Line, ledger.Record) bool {
	return func(l Line, r ledger.Record) bool { return a(l, r) && b(l, r) }
}

// fits is of the kind asked for, of the line's amount, and around its time.
func fits(kind func(ledger.Record) bool) func(Line, ledger.Record) bool {
	return func(l Line, r ledger.Record) bool { return kind(r) && r.Amount == l.Amount && around(l, r) }
}

// around reports whether the line is of a time at which the record's request can have been applied.
func around(l Line, r ledger.Record) bool {
	from, to := Window(r)
	return !l.At.Before(from) && !l.At.After(to)
}

// Window returns the times between which SettleBank can have applied what the record asked for, a
// zero from for no bound. Somebody else reached the goal of an already cancelled one, at any time
// before; a person who ended one may speak of any time before too.
func Window(r ledger.Record) (from, to time.Time) {
	from, to = r.AcceptedAt, r.AcceptedAt
	first := true
	for _, a := range r.Attempts {
		if a.Kind == ledger.Inquiry {
			continue
		}
		if first && r.Dropped == 0 {
			from, first = a.StartedAt, false
		}
		if end := a.StartedAt.Add(a.Duration); end.After(to) {
			to = end
		}
	}
	if r.Ended() && r.EndedAt.After(to) {
		to = r.EndedAt
	}
	if r.Status == ledger.AlreadyCancelled || r.Closed && !byEvidence(r) {
		return time.Time{}, to.Add(Delay)
	}
	if r.Reason == ledger.ReasonForgotten {
		return r.AcceptedAt.Add(-Forgotten), to.Add(Delay)
	}
	return from.Add(-Early), to.Add(Delay)
}

// InKRW reports whether the record's amount is in KRW: in which unit SettleBank tells of others,
// its documents do not say.
func InKRW(r ledger.Record) bool {
	x, err := tasks.FromRecord(r)
	return err == nil && (x.Currency == "" || x.Currency == tasks.CurrencyKRW)
}

// matching is a Match under way.
type matching struct {
	lines   []Line
	records []ledger.Record
	links   []Link
	taken   []bool // records
}

func (m *matching) link(line, record int, how How) {
	m.links[line], m.taken[record] = Link{how, record}, true
}

// each links every line to the first record that is it for sure.
func (m *matching) each(how How, is func(Line, ledger.Record) bool) {
	for i, l := range m.lines {
		if m.links[i].How != None {
			continue
		}
		for j, r := range m.records {
			if !m.taken[j] && is(l, r) {
				m.link(i, j, how)
				break
			}
		}
	}
}

// pair links as many lines as possible, the earliest first, each to the record whose time ends
// first.
func (m *matching) pair(how How, may func(Line, ledger.Record) bool) {
	for _, i := range m.open() {
		best := -1
		for j, r := range m.records {
			if m.taken[j] || !may(m.lines[i], r) {
				continue
			}
			if best < 0 || endsBefore(r, m.records[best]) {
				best = j
			}
		}
		if best >= 0 {
			m.link(i, best, how)
		}
	}
}

func endsBefore(a, b ledger.Record) bool {
	_, endA := Window(a)
	_, endB := Window(b)
	return cmp.Or(endA.Compare(endB), cmp.Compare(a.Key, b.Key)) < 0
}

// open returns the lines without a link, the earliest first.
func (m *matching) open() []int {
	var open []int
	for i, l := range m.links {
		if l.How == None {
			open = append(open, i)
		}
	}
	slices.SortFunc(open, func(a, b int) int {
		return cmp.Or(m.lines[a].At.Compare(m.lines[b].At), cmp.Compare(m.lines[a].TrdNo, m.lines[b].TrdNo))
	})
	return open
}

// doubtful links what is left to records whose outcome is not known. Where a line could be one more
// record than those that are linked, nobody says which, and it is none.
func (m *matching) doubtful() {
	may := both(fits(Unsettled), mayBeOurs)
	m.pair(Applied, may)
	for unsure := true; unsure; {
		unsure = false
		for i, l := range m.links {
			// Where requests have ids of their own, a line without one of ours proves nothing.
			unproven := l.How == Applied && m.lines[i].Own && !bears(m.lines[i].MchtTrdNo, m.records[l.Record].Key)
			if unproven || l.How == Applied && m.another(m.lines[i], may) {
				m.links[i], m.taken[l.Record] = Link{Several, -1}, false
				unsure = true
			}
		}
	}
	for i, l := range m.links {
		if l.How == Applied && m.records[l.Record].Status == ledger.Sending {
			m.links[i].How = Pending
		}
	}
}

// another reports whether a line may be a record that no line is linked to.
func (m *matching) another(l Line, may func(Line, ledger.Record) bool) bool {
	for j, r := range m.records {
		if !m.taken[j] && may(l, r) {
			return true
		}
	}
	return false
}

// single links the one line that is left to the one record that it may be.
func (m *matching) single(how How, may func(Line, ledger.Record) bool) {
	open, could := m.open(), []int(nil)
	if len(open) != 1 {
		return
	}
	for j, r := range m.records {
		if !m.taken[j] && may(m.lines[open[0]], r) {
			could = append(could, j)
		}
	}
	if len(could) == 1 {
		m.link(open[0], could[0], how)
	}
}
