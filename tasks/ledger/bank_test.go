package ledger

import "time"

// bank is the gateway of the model-based test, and the policy of the workers that talk to it. It
// cannot tell a repeated partial cancellation from a second one: it carries out what it is sent.
type bank struct {
	now  func() time.Time
	done []effect
}

type effect struct {
	key, payment string
	amount       int64
	at           time.Time // may lie ahead, after the answer that nobody got
}

func newBank(now func() time.Time) *bank { return &bank{now: now} }

// effects counts how often a cancellation was applied, or will be without anybody doing more.
func (b *bank) effects(key string) (n int) {
	for _, e := range b.done {
		if e.key == key {
			n++
		}
	}
	return n
}

// cancel carries a request out, or not, and answers what its worker writes: it may have heard
// nothing.
func (b *bank) cancel(g Grant, how string) Next {
	r, delay := g.Record, time.Duration(0)
	unknown := Next{Status: Unknown, After: verifyAfter, Verification: Verification{Reason: "unknown"}}
	switch how {
	case "not applied":
		return unknown
	case "busy":
		if r.Spent >= 2 {
			return Next{Status: Exhausted}
		}
		return Next{Status: Queued, After: 5 * time.Second, Spend: 1}
	case "refused":
		return Next{Status: Rejected}
	case "applied later":
		delay = 30 * time.Second
	}
	b.done = append(b.done, effect{r.Key, r.OrgTrdNo, r.Amount, b.now().Add(delay)})
	if how == "ok" {
		return Next{Status: Cancelled, Credit: r.Amount, Rounds: 1, CanTrdNo: "C-" + r.Key}
	}
	return unknown
}

// verify returns what follows an inquiry, which may fail, and which shows the state of a while ago.
func (b *bank) verify(g Grant, answers bool, lag time.Duration) Next {
	r := g.Record
	n := Next{Status: Unknown, After: verifyAfter, Verification: r.Verification}
	if !answers {
		if n.Verification.Failed++; n.Verification.Failed > 2 {
			n.Status = Review
		}
		return n
	}
	var shown int64
	for _, e := range b.done {
		if e.payment == r.OrgTrdNo && !e.at.After(b.now().Add(-lag)) {
			shown += e.amount
		}
	}
	n.Verification.Failed = 0
	switch {
	case shown == r.Sum:
		if n.Verification.NotApplied++; n.Verification.NotApplied == 2 {
			return Next{Status: Queued}
		}
	case g.Doubt == 0 && shown == r.Sum+r.Amount:
		return Next{Status: Cancelled, Credit: r.Amount, Rounds: 1}
	default:
		n.Status = Review
	}
	return n
}
