package ledger

import (
	"sync/atomic"
	"time"
)

// Step is what Begin allows.
type Step int

// The steps.
const (
	StepSend     Step = iota + 1 // the intent is stored: send one request, then Finish
	StepInquire                  // ask the gateway for Grant.Purpose, then Finish
	StepHeld                     // another attempt has the payment: come back after Grant.Wait
	StepWait                     // not due: come back after Grant.Wait
	StepEnded                    // nothing is left to do
	StepDead                     // a dead letter: only a person moves it
	StepNotFound                 // never accepted
	StepConflict                 // accepted with other parameters
	StepBarred                   // what is next cannot be done now: see Barred
)

// Purpose is what an inquiry is for.
type Purpose int

// The purposes.
const (
	ToVerify Purpose = iota + 1 // what became of a request whose outcome is not known
	ToResend                    // whether an earlier request was applied after all, right before the next one
	ToBase                      // how much of the payment is cancelled, before its first part
)

// Grant is the answer of Begin.
type Grant struct {
	Step     Step
	Purpose  Purpose       // of StepInquire
	Wait     time.Duration // of StepHeld and StepWait
	Record   Record        // of StepSend, StepInquire, StepEnded and StepDead
	Doubts   []Doubt       // of StepSend and StepInquire: other cancellations of the payment that may be applied
	Numbers  []string      // of StepSend: numbers of the payment's other cancellations at the gateway
	Twin     bool          // of StepSend: another one of the same amount may have a number that is not known
	Cautious bool          // a sum that the ledger cannot explain may be of a cancellation that it has forgotten
	Deadline time.Time     // nothing may be sent after it; compare with time.Now
	Expiry   time.Time     // the lease lasts until then at least
	Latest   time.Time     // a request must have ended by then, or it may be inquired after while it is on the wire

	token   string
	place   place
	payment *atomic.Pointer[Payment] // as it was stored with the grant; nil once a rule was applied to it
	at      Moment
}

// Reread returns g without what it knows of the payment, which is read again then.
func (g Grant) Reread() Grant {
	g.payment = nil
	return g
}

// Beginning is what Begin is told.
type Beginning struct {
	Entry
	Token string // of the attempt, for which the payment is leased
	Barred
}

// Barred says what cannot be done for a merchant now, because it would fail. The zero value bars
// nothing.
type Barred struct {
	Requests  bool
	Inquiries bool // a basis is done without then; what has to be verified counts it as a failure
}

// heldMost is the longest that a cancellation which waits for another one is told to stay away. Who
// gives the payment back wakes the next one; this is for when that got lost.
const heldMost = 5 * time.Minute

// Begin decides what may be done for a cancellation now, and stores the intent. One request at a
// time is on the wire for a payment, and none while the outcome of another one is being verified.
func (p *Payment) Begin(at Moment, r Rules, b Beginning) Grant {
	c := p.Find(b.Key)
	if c == nil {
		return Grant{Step: StepNotFound}
	}
	if !p.same(c, b.Entry) {
		return Grant{Step: StepConflict}
	}
	switch {
	case c.ended():
		return Grant{Step: StepEnded, Record: p.record(c, at, r)}
	case c.dead():
		return Grant{Step: StepDead, Record: p.record(c, at, r)}
	}
	p.capTimes(at, r)
	if l := p.Lease; l != nil && l.Expires > at.Now {
		if l.Key != c.Key || l.Token != b.Token {
			return p.held(at, c)
		}
		return p.grant(at, r, c) // said again, because a reply got lost: the same grant
	}
	p.lose(at, r)
	if o := p.verified(); o != nil && o != c {
		return p.held(at, c)
	}
	p.calm(at, r, c)
	if c.Due > at.Now {
		return Grant{Step: StepWait, Wait: time.Duration(c.Due-at.Now) * time.Millisecond}
	}
	purpose := p.purpose(at, r, c, b.Barred)
	if purpose != ToVerify && b.Requests || purpose == ToBase && b.Inquiries {
		return Grant{Step: StepBarred}
	}
	return p.lease(at, r, c, b.Token, purpose)
}

// calm puts c off after Redis has forgotten writes: a request may be on the wire of which the
// ledger knows nothing any more, and no inquiry can tell before it has ended.
func (p *Payment) calm(at Moment, r Rules, c *Cancellation) {
	until := at.EpochAt + millis(r.Request+r.VerifyAfter)
	if at.EpochAt > 0 && at.Now < until && c.Due < until {
		c.Due = until
		p.touch(c)
	}
}

// verified returns the cancellation whose unknown outcome keeps the others waiting, or nil.
func (p *Payment) verified() *Cancellation {
	for _, c := range p.Cancellations {
		if c.Status == Unknown {
			return c
		}
	}
	return nil
}

// held tells c to wait. Its place in the line says how long: a thousand who wait must not ask a
// thousand times a second.
func (p *Payment) held(at Moment, c *Cancellation) Grant {
	ahead := 0
	for _, o := range p.Cancellations {
		if o == c {
			break
		}
		if o.open() {
			ahead++
		}
	}
	wait := time.Duration(max(ahead, 1)) * time.Second
	if o := p.verified(); o != nil && o != c {
		wait = max(wait, time.Duration(o.Due-at.Now)*time.Millisecond)
	}
	return Grant{Step: StepHeld, Wait: min(wait, heldMost)}
}

// lose ends the attempt of a worker whose lease has ended. Nobody can say how far a request came.
func (p *Payment) lose(at Moment, r Rules) {
	l := p.Lease
	if l == nil {
		return
	}
	p.Lease = nil
	c := p.Find(l.Key)
	if c == nil || c.underWay() == nil {
		return
	}
	c.cutShort(l.Expires, Lost)
	if c.Status != Sending {
		c.Verify.Failed++ // it was an inquiry
	} else {
		c.doubt()
		c.Status, c.Reason = Unknown, ReasonLost
		// A worker that is only slow may hold its request on the wire for as long as one can be.
		c.Due = max(l.Expires+millis(r.VerifyAfter), c.SentAt+millis(r.Request))
	}
	p.touch(c)
}

// doubt notes that the outcome of the latest request is not known.
func (c *Cancellation) doubt() {
	c.Doubts++
	c.Settled, c.Asked = false, 0
	c.Blind = c.Blind || c.SentBlind
	c.Verify = Verification{Resent: c.Verify.Resent, Steps: c.Verify.Steps}
}

// lease hands p to an attempt at c.
func (p *Payment) lease(at Moment, r Rules, c *Cancellation, token string, purpose Purpose) Grant {
	i := Intent{Key: c.Key, Token: token, At: at.Now, Lasts: millis(r.Lease), Inquiry: purpose != 0}
	i.Blind = !i.Inquiry && !p.Based(at)
	alone := !p.changed()
	p.intend(c, i)
	p.touch(c)
	if alone {
		p.intent = &i
	}
	return p.grant(at, r, c)
}

// keysComeAgain is how long after Redis was found to have forgotten writes a key that comes may be
// one that it has forgotten: who was told that it is accepted asks for it again once he misses its
// outcome. Where the gateway cannot be asked, that is for people.
const keysComeAgain = 24 * time.Hour

// purpose returns what must be asked before c may be sent, or 0. A basis that cannot be asked for
// is done without, but never where Redis has forgotten writes.
func (p *Payment) purpose(at Moment, r Rules, c *Cancellation, barred Barred) Purpose {
	part := c.Amount > 0 && !p.Whole(c)
	forgotten := r.Cautious(at) && c.Amount > 0 && !p.Based(at) // it may have been sent, and the ledger not know it
	switch {
	case c.Status == Unknown:
		return ToVerify
	case c.Doubts > 0 && p.Inquirable(c, r) && at.Now >= c.Asked+millis(freshFor):
		return ToResend
	case forgotten && (p.Inquirable(c, r) || c.Accepted < at.EpochAt+millis(keysComeAgain)):
		return ToBase
	case part && !p.Based(at) && p.Inquirable(c, r) && !c.Verify.Based && !barred.Inquiries:
		return ToBase
	}
	return 0
}

// grant returns what the lease allows. It is the same however often it is asked for.
func (p *Payment) grant(at Moment, r Rules, c *Cancellation) Grant {
	g := Grant{Step: StepSend, Record: p.record(c, at, r), Doubts: p.Doubts(c.Key), Cautious: r.Cautious(at)}
	if a := c.underWay(); a != nil && a.Kind == Inquiry {
		g.Step = StepInquire
		switch {
		case c.Status == Unknown:
			g.Purpose = ToVerify
		case c.Doubts > 0:
			g.Purpose = ToResend
		default:
			g.Purpose = ToBase
		}
		return g
	}
	for _, o := range p.Cancellations {
		switch {
		case o == c:
		case o.CanTrdNo != "":
			g.Numbers = append(g.Numbers, o.CanTrdNo)
		case o.Amount == c.Amount && (o.Status == Cancelled || o.Doubtful()):
			g.Twin = true
		}
	}
	return g
}

// Renew makes the lease of an attempt last longer, and reports whether it still has it.
func (p *Payment) Renew(at Moment, r Rules, key, token string) bool {
	l, c := p.Lease, p.Find(key)
	if l == nil || c == nil || l.Key != key || l.Token != token {
		return false
	}
	l.Expires = at.Now + millis(r.Lease)
	c.Due = l.Expires
	p.touch(c)
	return true
}

// capTimes repairs what a clock that was ahead for a moment has stored: neither a lease nor a due
// time lies further ahead than the longest that a rule sets, and no inquiry was made later than
// now. Some slack is left: each process follows the clock of Redis on its own.
func (p *Payment) capTimes(at Moment, r Rules) {
	for _, c := range p.Cancellations {
		if c.Asked > at.Now+millis(freshFor) {
			c.Asked = 0 // else it would count as fresh until then
			p.touch(c)
		}
		if c.open() && c.Due > at.Now+millis(r.Farthest) {
			c.Due = at.Now
			p.touch(c)
		}
	}
	l := p.Lease
	if l == nil || l.Granted <= at.Now+millis(r.Lease) && l.Expires <= at.Now+2*millis(r.Lease) {
		return
	}
	l.Granted, l.Expires = at.Now, at.Now+millis(r.Lease) // from now on, once
	if c := p.Find(l.Key); c != nil {
		c.SentAt = min(c.SentAt, at.Now)
		c.Due = l.Expires
		p.touch(c)
	}
}
