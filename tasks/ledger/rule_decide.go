package ledger

import (
	"fmt"
	"slices"
	"time"
)

// Decision is what a person decides on a cancellation.
type Decision struct {
	Who  string
	Note string
	As   Status // Cancelled, RefundedElsewhere or Rejected; of Resolve
	id   string // of the call, by which a repeat is known
}

// Effect is what a decision will do. The functions that say it are those that the decision follows.
type Effect struct {
	Allowed  bool
	Next     Status
	Verifies bool      // the gateway is asked before anything is sent
	Sends    bool      // a request may be sent
	Ends     bool      // nothing is sent any more
	Warnings []Warning // what the person should know before
}

// Warning is something that a person should know before deciding.
type Warning string

// The warnings.
const (
	// WarnMayBeApplied: the cancellation may have been applied.
	WarnMayBeApplied Warning = "may_be_applied"
	// WarnNotAskable: it may have been applied, and the gateway cannot be asked; it will be back in
	// review.
	WarnNotAskable Warning = "not_askable"
	// WarnNotCredited: other cancellations of the payment that are in doubt will wait for people until
	// the gateway has shown the sum.
	WarnNotCredited Warning = "not_credited"
	// WarnMoneyElsewhere: nothing is cancelled at the gateway; the customer must have been paid in
	// another way.
	WarnMoneyElsewhere Warning = "money_elsewhere"
	// WarnStillOpen: the machine still works at it; this ends it.
	WarnStillOpen Warning = "still_open"
)

// AfterRetry returns what Retry will do to a cancellation.
func AfterRetry(r Record) Effect {
	e := Effect{Allowed: r.Dead(), Next: Queued, Sends: true}
	if r.Status == Review || r.Doubted {
		e.Next, e.Verifies = Unknown, r.Inquirable
		e.Warnings = append(e.Warnings, WarnMayBeApplied)
		if !r.Inquirable && !r.Full {
			e.Sends = false
			e.Warnings = append(e.Warnings, WarnNotAskable)
		}
	}
	return e
}

// AfterResolve returns what Resolve will do to a cancellation.
func AfterResolve(r Record, as Status) Effect {
	e := Effect{Allowed: !r.Ended() && slices.Contains(Resolutions(), as), Next: as, Ends: true}
	if r.Open() {
		e.Warnings = append(e.Warnings, WarnStillOpen)
	}
	switch {
	case as == Cancelled:
		e.Warnings = append(e.Warnings, WarnNotCredited)
	case r.Doubtful:
		e.Warnings = append(e.Warnings, WarnMayBeApplied)
	}
	if as == RefundedElsewhere {
		e.Warnings = append(e.Warnings, WarnMoneyElsewhere)
	}
	return e
}

// Resolutions returns the states that Resolve can end a cancellation in.
func Resolutions() []Status { return []Status{Cancelled, RefundedElsewhere, Rejected} }

// Retry takes a dead letter back to work. One that may have been applied is verified again, never
// simply sent.
func (p *Payment) Retry(at Moment, r Rules, key string, d Decision) error {
	c := p.Find(key)
	if c == nil {
		return ErrNotFound
	}
	if !c.dead() {
		if !c.ended() && c.acted(d.id) {
			return nil
		}
		return fmt.Errorf("it is %s: %w", c.Status, ErrNotDead)
	}
	c.Status = AfterRetry(p.record(c, at, r)).Next
	c.Due, c.Ended, c.Spent, c.Asked = at.Now, 0, 0, 0
	c.Verify, c.Code, c.Message, c.Reason = Verification{}, "", "", ""
	c.act(act(at, d, "retry"))
	p.touch(c)
	return nil
}

// Resolve ends a cancellation by a person's word, unless a request of it is on the wire. It credits
// nothing: what the person says counts for this one, and for its siblings once the gateway shows
// it.
func (p *Payment) Resolve(at Moment, r Rules, key string, d Decision) error {
	c := p.Find(key)
	switch {
	case c == nil:
		return ErrNotFound
	case c.ended():
		if c.Closed && c.acted(d.id) {
			return nil
		}
		return fmt.Errorf("it is %s: %w", c.Status, ErrEnded)
	}
	if err := p.takeFrom(at, r, c); err != nil {
		return err
	}
	p.close(at, c, d)
	return nil
}

// takeFrom takes c from the attempt that works at it, where its lease has ended. With ErrBusy p may
// have changed all the same: a lease by a clock that was ahead ends like any other from then on.
func (p *Payment) takeFrom(at Moment, r Rules, c *Cancellation) error {
	p.capTimes(at, r)
	if p.Lease == nil || p.Lease.Key != c.Key {
		return nil
	}
	if p.Lease.Expires > at.Now {
		return fmt.Errorf("%w, until %v from now at the latest", ErrBusy, time.Duration(p.Lease.Expires-at.Now)*time.Millisecond)
	}
	p.Lease = nil
	if c.cutShort(at.Now, Lost) && c.Status == Sending {
		c.doubt()
	}
	return nil
}

func (p *Payment) close(at Moment, c *Cancellation, d Decision) {
	c.Status, c.Closed, c.Ended = d.As, true, at.Now-c.Accepted
	c.forget()
	if d.As == Cancelled {
		c.Settled = false // until the gateway has shown that sum
		p.Round++
	}
	c.act(act(at, d, "resolve "+string(d.As)))
	p.touch(c)
	p.tell(c)
}

func act(at Moment, d Decision, what string) Act {
	return Act{Ms: at.Now, Who: d.Who, What: what, Note: d.Note, ID: d.id}
}

// Evidence is what the gateway told of a cancellation beside its answers: in a daily list, or in a
// notification. It is proof that the cancellation was applied.
type Evidence struct {
	Who      string // what told it
	Note     string
	CanTrdNo string // the cancellation's number at the gateway
	id       string
}

// Prove ends a cancellation as cancelled by the gateway's own word, and credits its amount,
// whatever its state was, unless a person or the gateway ended it.
func (p *Payment) Prove(at Moment, r Rules, key string, e Evidence) error {
	c := p.Find(key)
	switch {
	case c == nil:
		return ErrNotFound
	case c.ended() && !c.claimed():
		if c.acted(e.id) {
			return nil
		}
		return fmt.Errorf("it is %s: %w", c.Status, ErrEnded)
	}
	if err := p.takeFrom(at, r, c); err != nil {
		return err
	}
	c.Status, c.CanTrdNo = Cancelled, e.CanTrdNo
	c.act(Act{Ms: at.Now, Who: e.Who, What: "proof", Note: e.Note, ID: e.id})
	p.Sum += c.Amount
	p.Round++
	p.touch(c)
	p.end(at, c)
	return nil
}

// Seed takes over the cancelled sum that a daily list shows, for a payment of which nothing is
// known from the gateway yet and nothing is in doubt. It reports whether it did.
func (p *Payment) Seed(at Moment, sum int64, rounds int) bool {
	if p.Based(at) || p.Lease != nil || len(p.Doubts("")) > 0 || sum < p.Sum {
		return false
	}
	p.Sum, p.Round = sum, max(p.Round, rounds)
	p.Basis, p.dirty = Basis{Kind: BasisList, At: at.Now, Epoch: at.Epoch}, true
	return true
}
