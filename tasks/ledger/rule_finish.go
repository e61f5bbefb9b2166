package ledger

import (
	"time"
)

// Next is what follows an attempt. Its writer is the policy of the worker.
type Next struct {
	Status       Status
	After        time.Duration // until the next step is due; of open states
	Spend        int           // retry budget that the attempt costs
	Doubt        bool          // the outcome of this request is not known
	Asked        bool          // this inquiry showed that nothing was applied
	NewID        bool          // a definite refusal: the next request carries a new id
	Credit       int64         // what this request is proven to have cancelled beyond ConfirmedCancelled
	Sum          *int64        // the cancelled sum that the gateway told, with Basis; nil where it told none
	Basis        BasisKind
	Unbased      bool     // the sum is not what it was thought to be: ask before the next part
	Claims       []string // cancellations that Sum proves to be cancelled as people said
	Rounds       int      // how many rounds were used up
	CanTrdNo     string
	Code         string
	Message      string
	Reason       Reason
	Verification Verification
}

// Finishing is what Finish is told.
type Finishing struct {
	Key     string
	Token   string // of the grant
	Inquiry bool   // the grant was one to inquire
	Sum     int64  // ConfirmedCancelled of the grant
	Epoch   int64  // in which it was granted
	Attempt Attempt
	Next    Next
}

// Finish stores the outcome of an attempt and gives the payment back. It returns nil, ErrNotFound,
// or ErrStale where another attempt has taken over: then only the evidence is kept.
func (p *Payment) Finish(at Moment, f Finishing) error {
	c := p.Find(f.Key)
	if c == nil {
		return ErrNotFound
	}
	if f.Attempt.Class == Unsent { // nothing was learned
		f.Next.Verification, f.Next.Code, f.Next.Message, f.Next.Reason = c.Verify, c.Code, c.Message, c.Reason
	}
	switch {
	case f.Inquiry && p.leasedTo(f):
		if p.Sum != f.Sum || at.Epoch != f.Epoch {
			p.again(at, c, f) // evidence came meanwhile, or writes were forgotten: what was shown may be older
			return nil
		}
	case !f.Inquiry && c.Token == f.Token && c.Answered:
		return nil // it was stored, and its reply got lost
	case !f.Inquiry && c.Token == f.Token && c.takes(f.Next) && (at.Epoch == f.Epoch || f.Next.proven()):
		c.Answered = true
		c.believe(&f.Next)
	default:
		return p.late(at, c, f)
	}
	p.keep(at, c, f)
	p.follow(at, c, f)
	return nil
}

func (p *Payment) leasedTo(f Finishing) bool {
	return p.Lease != nil && p.Lease.Key == f.Key && p.Lease.Token == f.Token
}

// takes reports whether the answer to the latest request still counts. Where its worker was taken
// for dead it does, if it proves something: what was applied after all must not be sent again.
func (c *Cancellation) takes(n Next) bool {
	switch {
	case c.Closed:
		return false
	case c.Status == Sending:
		return true
	case c.Status == Unknown:
		return !n.Doubt
	case c.Status == Review:
		return n.proven() || c.refusesDoubt(n)
	case c.Status == Queued, c.Status == Rejected, c.Status == Exhausted:
		return n.proven()
	}
	return false
}

// proven reports whether n is the gateway's word that the cancellation was applied. It counts
// whenever it comes; that something was not applied may have been said before Redis forgot a later
// request.
func (n Next) proven() bool { return n.Status == Cancelled || n.Status == AlreadyCancelled }

// refusesDoubt reports whether n is a definite refusal of the only request that is in doubt, of a
// cancellation that is in review because nobody could tell. A sum that contradicts it is for a
// person.
func (c *Cancellation) refusesDoubt(n Next) bool {
	switch c.Reason {
	case ReasonNotInquirable, ReasonUnbased, ReasonInquiry, ReasonInquiryFails:
		return c.Doubts == 1 && !c.Answered && n.NewID
	}
	return false
}

// believe takes the doubt back that stood in for the answer, now that it has come.
func (c *Cancellation) believe(n *Next) {
	if c.Status == Sending || n.Doubt {
		return
	}
	c.Doubts = max(c.Doubts-1, 0)
	if c.Status == Review && n.Status != Cancelled && n.Status != AlreadyCancelled {
		n.Status = Rejected // refused, but only a person lets a dead letter be sent again
	}
}

// keep keeps what came back with the attempt that it belongs to.
func (p *Payment) keep(at Moment, c *Cancellation, f Finishing) {
	a := f.Attempt
	kind := Request
	if f.Inquiry {
		kind = Inquiry
	}
	last := c.underWay()
	if last == nil || last.Kind != kind {
		c.cutShort(at.Now, Overtaken)
		a.Kind, a.StartedAt, a.UnderWay = Late, time.UnixMilli(at.Now), false
		c.addAttempt(a)
		return
	}
	a.Kind, a.StartedAt, a.UnderWay = last.Kind, last.StartedAt, false
	*last = a
}

// follow moves c on to its next state, and p with it.
func (p *Payment) follow(at Moment, c *Cancellation, f Finishing) {
	n := f.Next
	if n.Doubt {
		c.doubt()
	}
	if n.Asked {
		c.Asked = at.Now
	}
	if n.NewID && c.Doubts == 0 {
		c.RequestID++
	}
	p.learn(at, f)
	if p.Lease != nil && p.Lease.Key == c.Key {
		p.Lease = nil
	}
	c.Status, c.Due, c.Verify = n.Status, 0, n.Verification
	c.Code, c.Message, c.Reason = n.Code, n.Message, n.Reason
	if n.CanTrdNo != "" {
		c.CanTrdNo = n.CanTrdNo
	}
	p.touch(c)
	switch {
	case c.ended():
		p.end(at, c)
	case c.dead():
		c.Ended, c.Verify = at.Now-c.Accepted, Verification{}
		p.tell(c)
	default:
		c.Due = at.Now + millis(n.After)
		c.Spent += n.Spend
	}
}

// learn takes over what an attempt told of the payment's sum.
func (p *Payment) learn(at Moment, f Finishing) {
	n := f.Next
	p.Sum += n.Credit
	p.Round += n.Rounds
	if n.Sum != nil {
		p.Sum, p.Basis = *n.Sum, Basis{Kind: n.Basis, At: at.Now, Epoch: f.Epoch}
	}
	if n.Unbased {
		p.Basis = Basis{}
	}
	for _, key := range n.Claims {
		if o := p.Find(key); o != nil {
			o.Settled = true
			p.touch(o)
		}
	}
}

// end ends c by the gateway's word: nothing of what it needed on its way is kept, and no raw answer.
// There is such a document for every refund of months.
func (p *Payment) end(at Moment, c *Cancellation) {
	c.Ended, c.Settled = at.Now-c.Accepted, c.Doubts > 0 || c.Closed
	c.forget()
	c.dropRaw(0)
	p.tell(c)
}

// forget drops what only an open cancellation needs.
func (c *Cancellation) forget() {
	c.Token, c.Answered, c.SentAt, c.Spent, c.Sealed, c.SoFar = "", false, 0, 0, "", nil
	c.SentBlind, c.Asked, c.Due, c.Verify = false, 0, 0, Verification{}
}

// again gives the payment back with nothing concluded: the inquiry is to be made anew.
func (p *Payment) again(at Moment, c *Cancellation, f Finishing) {
	p.keep(at, c, f)
	p.Lease = nil
	c.Due = at.Now
	p.touch(c)
}

// late keeps an answer that came after another attempt had taken over.
func (p *Payment) late(at Moment, c *Cancellation, f Finishing) error {
	if f.said(c) {
		return nil // it was stored, and its reply got lost
	}
	told := !f.Inquiry && c.Status == Cancelled && f.Next.Status == Cancelled && c.CanTrdNo == "" && f.Next.CanTrdNo != ""
	if told {
		c.CanTrdNo = f.Next.CanTrdNo // an inquiry had settled it, and could not tell the number
	}
	if !f.Inquiry && f.Attempt.Class != Unsent {
		a := f.Attempt
		a.Kind, a.StartedAt, a.UnderWay = Late, time.UnixMilli(at.Now), false
		c.addAttempt(a)
		if c.ended() && !c.Closed {
			c.dropRaw(0)
		}
		p.touch(c)
	}
	if told {
		return nil
	}
	return ErrStale
}

// said reports whether c is what f wants to make of it.
func (f Finishing) said(c *Cancellation) bool {
	return c.Status == f.Next.Status && !c.Closed && c.CanTrdNo == f.Next.CanTrdNo
}

// Waiting returns the first cancellation that waits for the payment and could have it now, or "".
func (p *Payment) Waiting(at Moment) (key, queue string) {
	if p.Lease != nil || p.verified() != nil {
		return "", ""
	}
	for _, c := range p.Cancellations {
		if c.Status == Queued && c.Due <= at.Now {
			return c.Key, c.Queue
		}
	}
	return "", ""
}
