package ledger

import (
	"time"
)

// reference is what the ledger promises, said again in plain Go for the model-based test: a map of
// transactions, each with its holder and its cancellations. It knows no Redis, no JSON and no
// shards.
type reference struct {
	txns map[string]*refTxn
	c    map[string]*refCancellation
}

type refTxn struct {
	holder string    // key of the cancellation that has the transaction, "" for none
	grant  int       // its attempt
	until  time.Time // zero: held by the unknown outcome
	sum    int64
	round  int
}

type refCancellation struct {
	x        Entry
	txn      *refTxn
	status   Status
	due      time.Time
	spent    int
	check    Verification
	latest   int // grant of the latest request
	underWay bool
	closed   bool
	no       string
}

func newReference() *reference {
	return &reference{txns: make(map[string]*refTxn), c: make(map[string]*refCancellation)}
}

func (c *refCancellation) ended() bool {
	return c.closed || c.status == Cancelled || c.status == AlreadyCancelled
}

func (c *refCancellation) dead() bool {
	return !c.ended() && (c.status == Rejected || c.status == Exhausted || c.status == Review)
}

func (c *refCancellation) open() bool { return !c.ended() && !c.dead() }

// accept returns "accepted", "known" or "conflict".
func (m *reference) accept(x Entry, now time.Time) string {
	if c := m.c[x.Key]; c != nil {
		if c.x.OrgTrdNo != x.OrgTrdNo || c.x.Amount != x.Amount {
			return "conflict"
		}
		return "known"
	}
	t := m.txns[x.OrgTrdNo]
	if t == nil {
		t = &refTxn{round: 1}
		m.txns[x.OrgTrdNo] = t
	}
	m.c[x.Key] = &refCancellation{x: x, txn: t, status: Queued, due: now}
	return "accepted"
}

// begin returns the step, and how many others are in doubt where it is an inquiry.
func (m *reference) begin(x Entry, grant int, now time.Time) (Step, int) {
	c := m.c[x.Key]
	switch {
	case c == nil || c.x.OrgTrdNo != x.OrgTrdNo:
		return StepNotFound, 0
	case c.x.Amount != x.Amount:
		return StepConflict, 0
	case c.ended():
		return StepEnded, 0
	case c.dead():
		return StepDead, 0
	}
	t := c.txn
	if t.holder != "" && (t.holder != x.Key || t.until.After(now)) {
		return StepHeld, 0
	}
	if c.status == Sending {
		c.status, c.due, c.underWay, t.until = Unknown, t.until.Add(verifyAfter), false, time.Time{}
	} else if c.underWay {
		c.check.Failed++
		c.underWay = false
	}
	if c.due.After(now) {
		return StepWait, 0
	}
	c.due, c.underWay = now.Add(lease), true
	t.holder, t.grant, t.until = x.Key, grant, c.due
	if c.status == Queued {
		c.status, c.latest = Sending, grant
		return StepSend, 0
	}
	doubt := 0
	for _, o := range m.c {
		if o != c && o.txn == t && (o.status == Unknown || o.status == Review && !o.closed) {
			doubt++
		}
	}
	return StepInquire, doubt
}

// finish reports whether the outcome counts, as a new one or as one known already.
func (m *reference) finish(x Entry, grant int, inquiry bool, n Next, now time.Time) bool {
	c := m.c[x.Key]
	t := c.txn
	final := n.Status == Cancelled || n.Status == AlreadyCancelled
	mine := inquiry && c.status == Unknown && t.grant == grant && t.holder == x.Key && !t.until.IsZero()
	if !inquiry && c.latest == grant && !c.ended() {
		mine = c.status == Sending || c.status == Unknown && n.Status != Unknown || c.status == Queued && final
	}
	if !mine {
		if c.status == n.Status && !c.closed && c.no == n.CanTrdNo {
			return true
		}
		if !inquiry && c.status == Cancelled && n.Status == Cancelled && c.no == "" && n.CanTrdNo != "" {
			c.no = n.CanTrdNo
			return true
		}
		return false
	}
	c.status, c.check, c.underWay, c.due = n.Status, Verification{}, false, time.Time{}
	c.no = n.CanTrdNo
	t.sum += n.Credit
	t.round += n.Rounds
	if n.Status == Unknown {
		t.holder, t.until = x.Key, time.Time{}
	} else if t.holder == x.Key {
		t.holder = ""
	}
	if c.open() {
		c.due, c.check = now.Add(n.After), n.Verification
		c.spent += n.Spend
	}
	if c.ended() {
		c.latest, c.spent = 0, 0
	}
	return true
}

func (m *reference) retry(key string, now time.Time) error {
	c := m.c[key]
	switch {
	case c == nil:
		return ErrNotFound
	case !c.dead():
		return ErrNotDead
	}
	c.due, c.spent, c.check = now, 0, Verification{}
	if c.status != Review {
		c.status = Queued
		return nil
	}
	c.status = Unknown
	if c.txn.holder == "" {
		c.txn.holder, c.txn.until, c.txn.grant = key, time.Time{}, 0
	}
	return nil
}

func (m *reference) resolve(key string, s Status, now time.Time) error {
	c := m.c[key]
	switch {
	case c == nil:
		return ErrNotFound
	case c.ended():
		return ErrEnded
	}
	if t := c.txn; t.holder == key {
		if t.until.After(now) {
			return ErrBusy
		}
		t.holder = ""
	}
	c.status, c.closed, c.due, c.spent, c.check, c.underWay, c.latest = s, true, time.Time{}, 0, Verification{}, false, 0
	if s == Cancelled {
		c.txn.sum += c.x.Amount
		c.txn.round++
	}
	return nil
}
