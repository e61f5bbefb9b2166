package simulator

import "slices"

// recentIDs remembers the ids of the last requests, so that none is used twice. It forgets the
// older half once maxRecentIDs are held, so a simulator that runs for weeks does not grow.
type recentIDs struct{ young, old map[name]struct{} }

const maxRecentIDs = 1 << 16

// use reports whether an id is new, and remembers it.
func (r *recentIDs) use(id name) bool {
	if r.has(id) {
		return false
	}
	if r.young == nil || len(r.young) >= maxRecentIDs/2 {
		r.young, r.old = make(map[name]struct{}), r.young
	}
	r.young[id] = struct{}{}
	return true
}

func (r *recentIDs) has(id name) bool {
	_, young := r.young[id]
	_, old := r.old[id]
	return young || old
}

// cancelIDs remembers the ids of cancellations that were applied, by which the gateway refuses a
// duplicate. A refused one may be used again: the page asks for the same request to be sent again
// later.
type cancelIDs struct {
	applied map[name][]essence
}

// essence is what makes two requests the same one, sent again.
type essence struct {
	operation Operation
	orgTrdNo  string
	round     int // 0: blank
	amount    int64
}

func essenceOf(t terms) essence {
	return essence{t.operation, t.orgTrdNo, roundNumber(t.round), t.amount}
}

// seen decides on the id of a cancellation alone. In real temper, one id may serve all the parts of
// one payment.
func (c *cancelIDs) seen(t terms) verdict {
	applied := c.applied[name{t.mchtID, t.id}]
	switch {
	case t.id == "" || len(applied) == 0:
		return granted
	case slices.Contains(applied, essenceOf(t)):
		return alreadyApplied
	case t.lax && applied[0].orgTrdNo == t.orgTrdNo:
		return granted
	default:
		return repeatedID
	}
}

// remember files an id that was applied.
func (c *cancelIDs) remember(t terms, v verdict) {
	if t.id != "" && v == granted {
		id := name{t.mchtID, t.id}
		c.applied[id] = append(c.applied[id], essenceOf(t))
	}
}
