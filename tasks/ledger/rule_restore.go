package ledger

import "slices"

// Restore takes over what was known of a cancellation, and Redis has forgotten: was is the payment
// as a process was told that it is stored. It returns ErrBusy while a request is on the wire that
// was granted since. Said of what Redis has not forgotten, it changes nothing: what has ended stays
// as it is, nothing is removed within days, and who knows of the latest request knows of all before
// it.
func (p *Payment) Restore(at Moment, r Rules, was *Payment, key string) error {
	lost, c := was.Find(key), p.Find(key)
	switch {
	case lost == nil:
		return nil
	case c == nil:
		c = &Cancellation{Accepted: lost.Accepted}
		p.Cancellations = append(p.Cancellations, c)
	case c.ended() || !lost.ended() && lost.SentAt <= c.SentAt:
		return nil
	}
	if l := p.Lease; l != nil && l.Key == key {
		if l.Granted >= at.EpochAt && l.Expires > at.Now && c.Status == Sending {
			return ErrBusy
		}
		p.Lease = nil
	}
	p.replace(at, r, c, lost)
	if p.Amount == 0 {
		p.Amount = was.Amount
	}
	p.Round = max(p.Round, was.Round)
	if c.ended() {
		// Whether what was learned of the sum since holds c cannot be told: the gateway is asked anew.
		p.Sum, p.Basis = max(p.Sum, was.Sum), Basis{}
	}
	p.touch(c)
	return nil
}

// replace makes c what it was.
func (p *Payment) replace(at Moment, r Rules, c, lost *Cancellation) {
	stored := *c
	*c = *lost
	c.was, c.wasDue = stored.was, stored.wasDue
	c.Attempts, c.Acts = slices.Clone(lost.Attempts), slices.Clone(lost.Acts)
	for _, a := range stored.Attempts {
		if a.StartedAt.UnixMilli() >= at.EpochAt {
			c.addAttempt(a)
		}
	}
	if c.cutShort(at.Now, Lost) && c.Status == Sending { // its worker may still bring the outcome
		c.doubt()
		c.Status, c.Reason = Unknown, ReasonLost
		c.Due = max(at.Now+millis(r.VerifyAfter), c.SentAt+millis(r.Request))
	}
	c.act(Act{Ms: at.Now, What: "restored", Note: "Redis had forgotten it; a process still knew"})
	if c.Events = max(lost.Events, stored.Events); !c.open() {
		if lost.Events > stored.Events {
			c.Events-- // it is told under the number that it had
		}
		p.tell(c)
	}
}
