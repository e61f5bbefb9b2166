package worker

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v4"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// Policy is what follows an attempt. Its methods are pure: record and answer in, next step out.
type Policy struct {
	RetryMax     int           // retries after the first attempt that the budget allows; also failed inquiries in a row
	RetryInitial time.Duration // pause before the first retry; each further one is twice as long
	RetryCap     time.Duration // longest pause
	VerifyAfter  time.Duration // from the end of an unknown attempt to the inquiry, and between two inquiries
	HoldFor      time.Duration // pause of a cancellation whose merchant is held
	CanInquire   func(ledger.Record) bool
	Rounds       func(ledger.Record) bool // its merchant's protocol numbers cancellations (0A19: cnclOrd); nil is none
	Jitter       func() float64           // in [0, 1); default math/rand
}

// jitterShare is how far a pause may lie from its middle, as a share of it. Below a third, each
// pause of a series is longer than the one before.
const jitterShare = 0.2

// Pause returns how long to wait before retry n, counted from 0.
func (p Policy) Pause(n int) time.Duration {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(p.RetryInitial), backoff.WithMaxInterval(p.RetryCap),
		backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0), backoff.WithMaxElapsedTime(0))
	pause := b.NextBackOff()
	for ; n > 0 && pause < p.RetryCap; n-- {
		pause = b.NextBackOff()
	}
	return min(p.spread(pause), p.RetryCap)
}

// spread moves d by a random share, so that what failed together does not come back together.
func (p Policy) spread(d time.Duration) time.Duration {
	random := rand.Float64
	if p.Jitter != nil {
		random = p.Jitter
	}
	return time.Duration(float64(d) * (1 + jitterShare*(2*random()-1)))
}

// AfterRequest returns what follows the answer to a request.
func (p Policy) AfterRequest(r ledger.Record, o gateway.Outcome) ledger.Next {
	n := ledger.Next{Code: o.Code, Message: o.Message, Verification: ledger.Verification{Resent: r.Verification.Resent, Steps: r.Verification.Steps}}
	switch o.Class {
	case gateway.OK:
		return p.applied(r, o.CanTrdNo)
	case gateway.Rejected:
		if o.Code == roundError && p.Rounds != nil && p.Rounds(r) {
			return p.wrongRound(r, n)
		}
		if p.blind(r) {
			return forReview(n, notAskable)
		}
		n.Status = ledger.Rejected
	case gateway.Transient:
		return p.again(r, n)
	case gateway.Misconfigured:
		n.Status, n.After = ledger.Queued, p.spread(p.HoldFor)
	case gateway.Already:
		if r.Full {
			return p.goalReached(r, n)
		}
		return p.verify(r, n, o)
	default: // duplicate, unknown
		return p.verify(r, n, o)
	}
	return n
}

func (p Policy) applied(r ledger.Record, canTrdNo string) ledger.Next {
	n := ledger.Next{Status: ledger.Cancelled, Credit: r.Amount, Rounds: 1, CanTrdNo: canTrdNo}
	if r.Full {
		n.Credit = r.Amount - r.Sum
	}
	return n
}

// again spends one of the budget: nothing was applied.
func (p Policy) again(r ledger.Record, n ledger.Next) ledger.Next {
	n.Spend = 1
	if r.Spent >= p.RetryMax {
		if p.blind(r) {
			return forReview(n, notAskable)
		}
		n.Status = ledger.Exhausted
		return n
	}
	n.Status, n.After = ledger.Queued, p.Pause(r.Spent)
	return n
}

// blind reports whether an earlier request may have been applied, and that no inquiry has said
// otherwise: that a later one was refused says nothing of it.
func (p Policy) blind(r ledger.Record) bool { return wasUnknown(r) && !p.CanInquire(r) }

// goalReached ends a full cancellation whose payment the gateway has cancelled before.
func (p Policy) goalReached(r ledger.Record, n ledger.Next) ledger.Next {
	n.Status, n.Verification = ledger.AlreadyCancelled, ledger.Verification{}
	if wasUnknown(r) {
		n.Status = ledger.Cancelled
	}
	n.Credit, n.Rounds = r.Amount-r.Sum, 1
	return n
}

// wasUnknown reports whether a request of ours may have been applied before the one under way.
func wasUnknown(r ledger.Record) bool {
	for _, a := range r.Attempts {
		if a.Kind == ledger.Request && !a.UnderWay && (a.Class == string(gateway.Unknown) || a.Class == ledger.Lost) {
			return true
		}
	}
	return r.Verification.Resent > 0
}

// verify holds the transaction until an inquiry says what happened. What cannot be inquired after
// is for a person, but for a full cancellation, which is sent again after a while: the gateway
// refuses a second one.
func (p Policy) verify(r ledger.Record, n ledger.Next, o gateway.Outcome) ledger.Next {
	n.Verification.Reason = string(o.Class)
	n.Verification.Unlisted = o.Class == gateway.Unknown && o.Code != "" && !o.Listed
	n.Status, n.After = ledger.Unknown, p.VerifyAfter
	if !p.CanInquire(r) && !p.mayResend(r, n.Verification) {
		return forReview(n, notAskable)
	}
	return n
}

// forReview hands a cancellation to a person, and tells what the machine cannot. What the gateway
// said last stands with the attempts.
func forReview(n ledger.Next, why string) ledger.Next {
	n.Status, n.Message = ledger.Review, brief(why)
	return n
}

const notAskable = "it may have been applied, and SettleBank cannot be asked: orgTrdAmt or method was not given, SETTLEBANK_INQUIRY is off, or " +
	"it is a part of a payment in another currency"

func (p Policy) mayResend(r ledger.Record, v ledger.Verification) bool {
	return r.Full && v.Reason != string(gateway.Duplicate) && !v.Unlisted
}

// WithoutInquiry returns what follows an unknown outcome that cannot be inquired after.
func (p Policy) WithoutInquiry(r ledger.Record) ledger.Next {
	n := ledger.Next{Code: r.Code, Message: r.Message, Verification: r.Verification}
	if p.mayResend(r, r.Verification) {
		return p.resend(r, n)
	}
	return forReview(n, notAskable)
}

// AfterInquiry returns what follows the answer to an inquiry. doubt counts the other cancellations
// of the transaction whose outcome is not known either.
func (p Policy) AfterInquiry(r ledger.Record, q gateway.Inquiry, doubt int) ledger.Next {
	n := ledger.Next{Code: r.Code, Message: r.Message, Verification: r.Verification, Status: ledger.Unknown}
	if q.Class == gateway.Misconfigured {
		n.After = p.spread(p.HoldFor)
		return n
	}
	if q.Class != gateway.OK {
		n.After = p.Pause(r.Verification.Failed)
		if n.Verification.Failed++; n.Verification.Failed > p.RetryMax {
			return forReview(n, "it may have been applied, and inquiries keep failing, the last one with: "+q.Code+" "+q.Message)
		}
		return n
	}
	n.Verification.Failed = 0
	if n.Verification.Reason == roundError {
		return p.adopt(r, n, q.Cancelled, doubt)
	}
	switch Verify(Sighting{Confirmed: r.Sum, Amount: r.Amount, Full: r.Full, Doubt: doubt,
		Shown: q.Cancelled, AllCancelled: q.State == gateway.StateCancelled}) {
	case Applied:
		return p.applied(r, "")
	case NotApplied:
		if n.Verification.NotApplied++; n.Verification.NotApplied < 2 {
			n.After = p.VerifyAfter // the gateway may show an old state for a while
			return n
		}
		return p.notApplied(r, n)
	default:
		if r.Verification.Reason == string(gateway.Already) && doubt == 0 {
			n.Status = ledger.Rejected // it was refused, and what is cancelled is not ours
			return n
		}
		return forReview(n, otherSum(r, q.Cancelled))
	}
}

// roundError is the code of a request whose round is not the payment's next one: somebody has
// cancelled a part of it elsewhere, in SettleBank's admin site perhaps. Nothing was applied.
const roundError = "ST56"

// maxSteps is how many rounds are tried before a person has to look.
const maxSteps = 5

// wrongRound asks how much was cancelled elsewhere. Where that cannot be asked the next round is
// simply tried: the gateway refuses a wrong one.
func (p Policy) wrongRound(r ledger.Record, n ledger.Next) ledger.Next {
	if p.CanInquire(r) {
		n.Status, n.Verification.Reason = ledger.Unknown, roundError
		return n
	}
	return p.nextRound(n)
}

// adopt takes over what the gateway shows as cancelled, and the next round. What is shown must be
// somebody else's doing for sure: not that of an earlier request of this one, which may have been
// applied late, nor that of another one of ours whose outcome is not known, lest its money be
// counted twice.
func (p Policy) adopt(r ledger.Record, n ledger.Next, shown int64, doubt int) ledger.Next {
	switch {
	case wasUnknown(r) || shown < r.Sum:
		return forReview(n, otherSum(r, shown))
	case doubt > 0:
		n.Status = ledger.Rejected
		n.Message = brief("not applied: other cancellations of the payment are in doubt; decide on those, then retry this one. " + n.Message)
		return n
	case shown == r.Sum && n.Verification.NotApplied == 0:
		n.Verification.NotApplied++ // somebody took the round, and nothing is shown of it: it may be an old state
		n.After = p.VerifyAfter
		return n
	}
	n.Credit = shown - r.Sum
	return p.nextRound(n)
}

func (p Policy) nextRound(n ledger.Next) ledger.Next {
	v := ledger.Verification{Resent: n.Verification.Resent, Steps: n.Verification.Steps + 1}
	n.Status, n.Rounds, n.Verification = ledger.Queued, 1, v
	if v.Steps > maxSteps {
		return forReview(n, "nothing was applied, and SettleBank refuses one round after the other")
	}
	return n
}

func otherSum(r ledger.Record, shown int64) string {
	return fmt.Sprintf("it may have been applied: SettleBank shows %d as cancelled of the payment, %d was known before, and this one is for %d",
		shown, r.Sum, r.Amount)
}

// notApplied returns what follows where two inquiries showed that nothing was applied.
func (p Policy) notApplied(r ledger.Record, n ledger.Next) ledger.Next {
	switch {
	case r.Verification.Reason == string(gateway.Duplicate):
		return forReview(n, "SettleBank calls it a duplicate of an earlier request, and shows no effect of one")
	case r.Verification.Reason == string(gateway.Already), r.Verification.Unlisted:
		n.Status = ledger.Rejected
	default:
		return p.resend(r, n)
	}
	return n
}

// resend sends again without spending the budget, though not for ever.
func (p Policy) resend(r ledger.Record, n ledger.Next) ledger.Next {
	resent := r.Verification.Resent + 1
	n.Status, n.Verification = ledger.Queued, ledger.Verification{Resent: resent}
	if resent > p.RetryMax {
		n.Status = ledger.Exhausted
		if !p.CanInquire(r) {
			return forReview(n, notAskable)
		}
	}
	return n
}
