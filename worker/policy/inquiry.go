package policy

import (
	"fmt"
	"strings"
	"unicode"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// sightings is how many inquiries have to show that nothing was applied, VERIFY_AFTER apart: the
// gateway may show an old state for a while.
const sightings = 2

// refusals is how many inquiries that are refused, or blamed on keys or address, are enough for a
// person to look; they come HoldFor apart, so that it takes minutes.
const refusals = 8

// WithoutInquiry returns what follows where g grants an inquiry that cannot be made.
func (p Policy) WithoutInquiry(g ledger.Grant) ledger.Next {
	r := g.Record
	n := ledger.Next{Code: r.Code, Message: r.Message, Verification: r.Verification}
	if g.Purpose == ledger.ToBase {
		return review(n, ledger.ReasonForgotten)
	}
	if r.Full && r.Verification.Then == ledger.ThenSend {
		return p.resend(r, n)
	}
	return review(n, ledger.ReasonNotInquirable)
}

// AfterInquiry returns what follows the answer to an inquiry that g granted.
func (p Policy) AfterInquiry(g ledger.Grant, q gateway.Inquiry) ledger.Next {
	r := g.Record
	n := ledger.Next{Status: r.Status, Code: r.Code, Message: r.Message, Reason: r.Reason, Verification: r.Verification}
	if q.Class != gateway.OK {
		return p.failed(g, n, q)
	}
	c := Comparison{Confirmed: r.ConfirmedCancelled, Amount: r.Amount, Whole: r.Full, Foreign: r.Foreign, Blind: r.Blind, Others: g.Doubts,
		Shown: shown(r, q), AllCancelled: q.State == gateway.StateCancelled}
	if c.Shown < c.Confirmed && r.Amount > 0 {
		return p.old(g, n) // less than before: an old state
	}
	n.Verification.Failed = 0
	if g.Purpose == ledger.ToBase {
		return p.base(g, n, c)
	}
	goal := r.Full && c.Shown == r.PaymentAmount && r.Verification.Then == ledger.ThenAlready && !r.Doubted
	switch verdict := Compare(c); {
	case goal, verdict == Applied:
		return p.applied(g, n, c)
	case verdict == NotApplied:
		return p.notApplied(g, n, c)
	}
	return p.undecided(g, n, c)
}

// shown is the cancelled sum of an answer. It may be missing: of a payment that is called cancelled
// that is the whole, else nothing.
func shown(r ledger.Record, q gateway.Inquiry) int64 {
	if q.CancelledKnown {
		return q.Cancelled
	}
	return r.PaymentAmount
}

// failed says when to ask again.
func (p Policy) failed(g ledger.Grant, n ledger.Next, q gateway.Inquiry) ledger.Next {
	n.Verification.Failed++
	if g.Purpose == ledger.ToBase && !g.Cautious {
		if n.Verification.Failed >= baseTries {
			return unbased(n)
		}
		n.After = p.Pause(n.Verification.Failed - 1)
		return n
	}
	final := q.Class == gateway.Misconfigured || q.Class == gateway.Rejected || q.Class == gateway.Already || q.Class == gateway.Duplicate
	switch {
	case final && n.Verification.Failed >= refusals:
		return review(n, ledger.ReasonInquiry, q.Code, " ", q.Message)
	case final:
		n.After = p.Hold()
	case n.Verification.Failed > p.RetryMax:
		return review(n, ledger.ReasonInquiryFails, q.Code, " ", q.Message)
	default:
		n.After = p.Pause(n.Verification.Failed - 1)
	}
	return n
}

// old deals with a sum below what is known. It may be an old state; it may be that the ledger is
// wrong.
func (p Policy) old(g ledger.Grant, n ledger.Next) ledger.Next {
	n.Verification.Failed++
	switch {
	case n.Verification.Failed <= sightings:
		n.After = p.VerifyAfter
		return n
	case g.Purpose == ledger.ToBase && !g.Cautious:
		return unbased(n)
	}
	return review(n, ledger.ReasonOtherSum)
}

// baseTries is how often the sum is asked for before the first part goes out without.
const baseTries = 4

// unbased lets a part go out although what was cancelled before is not known for sure. That is safe
// for itself; should its own outcome stay unknown, it is for a person.
func unbased(n ledger.Next) ledger.Next {
	n.Verification.Failed, n.Verification.Based, n.After = 0, true, 0
	return n
}

// base takes what is shown as cancelled for the sum that the first part is made on.
func (p Policy) base(g ledger.Grant, n ledger.Next, c Comparison) ledger.Next {
	r := g.Record
	difference := c.Shown - c.Confirmed
	switch {
	case difference == 0:
	case r.Full && g.Cautious && c.Shown == r.PaymentAmount:
		n.Status, n.Rounds, n.Reason = ledger.AlreadyCancelled, 1, "" // by a request that is forgotten, or by others
		n.Sum, n.Basis, n.Verification = &c.Shown, ledger.BasisInquiry, ledger.Verification{}
		return n
	case len(c.Others) > 0:
		if n.Claims = claims(difference, c.Others); n.Claims == nil && g.Cautious {
			return review(n, ledger.ReasonForgotten)
		} else if n.Claims == nil {
			return unbased(n) // what is shown may be theirs
		}
	case g.Cautious:
		return review(n, ledger.ReasonForgotten)
	}
	n.Sum, n.Basis = &c.Shown, ledger.BasisInquiry
	if r.SoFar != nil && *r.SoFar != c.Shown+r.Ahead-claimed(c.Others, n.Claims) {
		return notSent(n, ledger.ReasonPrecondition)
	}
	return n // due at once
}

// claimed is the sum of those others that are now part of what is confirmed.
func claimed(others []ledger.Doubt, keys []string) (sum int64) {
	for _, o := range others {
		for _, k := range keys {
			if o.Key == k {
				sum += o.Amount
			}
		}
	}
	return sum
}

// notSent gives up a cancellation of which nothing was ever sent.
func notSent(n ledger.Next, why ledger.Reason) ledger.Next {
	n.Status, n.Reason, n.Code, n.Message = ledger.Rejected, why, gateway.Local, text[why]
	return n
}

// applied ends a cancellation that the sum shows.
func (p Policy) applied(g ledger.Grant, n ledger.Next, c Comparison) ledger.Next {
	r := g.Record
	// Of what was never sent as far as the ledger knows, an equal sum may be that of a forgotten one.
	unsent := !r.Doubted && r.Basis == ""
	if g.Cautious && (r.Blind || unsent) && !r.Full {
		return review(n, ledger.ReasonForgotten, sums(r, c))
	}
	n.Rounds, n.Reason = 1, ""
	if r.Verification.Then == ledger.ThenAlready && !r.Doubted {
		n.Status = ledger.AlreadyCancelled
	} else {
		n.Status, n.Code, n.Message = ledger.Cancelled, "", "" // how a request failed is no outcome
	}
	n.Verification = ledger.Verification{}
	if r.Amount > 0 && (len(c.Others) == 0 || r.Full) {
		n.Sum, n.Basis = &c.Shown, ledger.BasisInquiry
	} else {
		n.Credit = r.Amount // others may be in what is shown
	}
	return n
}

// notApplied counts what was seen, and lets follow what the verification was for once that is
// enough.
func (p Policy) notApplied(g ledger.Grant, n ledger.Next, c Comparison) ledger.Next {
	r := g.Record
	if known := c.Shown == c.Confirmed || c.Whole && len(c.Others) == 0; known && !r.Foreign {
		n.Sum, n.Basis = &c.Shown, ledger.BasisInquiry
	}
	if n.Verification.Seen++; n.Verification.Seen < sightings {
		n.After = p.VerifyAfter
		return n
	}
	n.Asked = true
	switch r.Verification.Then {
	case ledger.ThenReject:
		n.Status, n.Reason = ledger.Rejected, ledger.ReasonRefused
	case ledger.ThenExhaust:
		n.Status, n.Reason = ledger.Exhausted, ledger.ReasonBudget
	case ledger.ThenReview:
		return review(n, ledger.ReasonDuplicate)
	case ledger.ThenAlready:
		if c.Shown == 0 || r.Doubted {
			return review(n, ledger.ReasonContradiction)
		}
		n.Status, n.Reason = ledger.Rejected, ledger.ReasonPartElsewhere
	default:
		if r.Status == ledger.Queued {
			return n // it was asked right before the next request
		}
		return p.resend(r, n)
	}
	return n
}

// undecided is for a person.
func (p Policy) undecided(g ledger.Grant, n ledger.Next, c Comparison) ledger.Next {
	r := g.Record
	switch {
	case g.Cautious:
		return review(n, ledger.ReasonForgotten, sums(r, c))
	case r.Blind && !r.Full:
		return review(n, ledger.ReasonUnbased, sums(r, c))
	case len(c.Others) > 0:
		return review(n, ledger.ReasonOthersInDoubt, sums(r, c))
	}
	return review(n, ledger.ReasonOtherSum, sums(r, c))
}

// resend sends again without spending the budget, though not for ever.
func (p Policy) resend(r ledger.Record, n ledger.Next) ledger.Next {
	n.Status, n.Reason = ledger.Queued, ""
	n.Verification = ledger.Verification{Resent: r.Verification.Resent + 1, Steps: r.Verification.Steps, Seen: n.Verification.Seen}
	if n.Verification.Resent <= p.RetryMax {
		return n
	}
	if !r.Inquirable {
		return review(n, ledger.ReasonNotInquirable)
	}
	n.Status, n.Reason = ledger.Exhausted, ledger.ReasonBudget
	return n
}

// oneLine cuts a text for a place where it is kept and shown: one line, 200 characters.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:199]) + "…"
	}
	return s
}

func sums(r ledger.Record, c Comparison) string {
	return fmt.Sprintf("SettleBank shows %d as cancelled of the payment, %d was known before, and this one is for %d", c.Shown, c.Confirmed, r.Amount)
}
