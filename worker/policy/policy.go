// Package policy says what follows the gateway's answers. It is pure: a grant of the ledger and an
// answer in, the next step out. The tables are in table.go, the amounts in compare.go.
package policy

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// Policy is what follows an attempt. Its zero value retries nothing.
type Policy struct {
	RetryMax     int                      // retries after the first attempt that the budget allows; also failed inquiries in a row
	RetryInitial time.Duration            // pause before the first retry; each further one is twice as long
	RetryCap     time.Duration            // longest pause
	VerifyAfter  time.Duration            // from the end of an unknown attempt to the inquiry, and between two inquiries
	HoldFor      time.Duration            // pause of a cancellation whose merchant is held
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
	return min(p.Jittered(pause), p.RetryCap)
}

// Hold returns how long a cancellation of a held merchant stays away.
func (p Policy) Hold() time.Duration { return p.Jittered(p.HoldFor) }

// Jittered moves d by a random share, so that what failed together does not come back together.
func (p Policy) Jittered(d time.Duration) time.Duration {
	random := rand.Float64
	if p.Jitter != nil {
		random = p.Jitter
	}
	return time.Duration(float64(d) * (1 + jitterShare*(2*random()-1)))
}

// AfterRequest returns what follows the answer to a request that g granted.
func (p Policy) AfterRequest(g ledger.Grant, o gateway.Outcome) ledger.Next {
	r := g.Record
	n := ledger.Next{Code: o.Code, Message: o.Message, Verification: ledger.Verification{
		Resent: r.Verification.Resent, Steps: r.Verification.Steps, Seen: r.Verification.Seen}}
	n.NewID = refusedFor(o) && !r.Doubted
	return p.do(g, n, actionAfter(p.answer(g, o), situationOf(r)), o)
}

// answer sorts an outcome into the rows of the table.
func (p Policy) answer(g ledger.Grant, o gateway.Outcome) answer {
	switch {
	case o.Class == gateway.OK && o.CanTrdNo != "" && slices.Contains(g.Numbers, o.CanTrdNo):
		return unproven // the number of another cancellation of the payment: a success that is not this one's
	case o.Class == gateway.OK && g.Twin && !p.rounds(g.Record):
		return unproven // it may be that of its twin, whose number was never told
	case o.Class == gateway.Rejected && o.Code == codeWrongRound && p.rounds(g.Record):
		return wrongRound
	case o.Class == gateway.Transient && g.Record.Spent >= p.RetryMax:
		return budgetSpent
	case o.Class == gateway.Unknown && o.Code != "" && !o.Listed:
		return unlisted
	}
	return answer(o.Class)
}

// rounds reports whether a merchant's protocol names each cancellation: by an id, which the answer
// repeats, and a round.
func (p Policy) rounds(r ledger.Record) bool { return p.Rounds != nil && p.Rounds(r) }

// codeWrongRound is the code of a request whose round is not the payment's next one: somebody has
// cancelled a part of it elsewhere, in SettleBank's admin site perhaps. Nothing was applied.
const codeWrongRound = "ST56"

// refusedFor reports whether the gateway itself refused a request for sure, under the id that it
// had.
func refusedFor(o gateway.Outcome) bool {
	definite := o.Class == gateway.Rejected || o.Class == gateway.Transient || o.Class == gateway.Misconfigured
	return definite && o.Code != "" && o.Code != gateway.Local
}

// do turns an action of the table into the next step.
func (p Policy) do(g ledger.Grant, n ledger.Next, a action, o gateway.Outcome) ledger.Next {
	r := g.Record
	switch a {
	case actDone:
		return p.done(g, n, o)
	case actGoal:
		n.Status, n.Rounds, n.Verification = ledger.AlreadyCancelled, 1, ledger.Verification{}
		if r.Doubted {
			n.Status = ledger.Cancelled
		}
		if r.Full {
			n.Sum, n.Basis = wholeSum(r), ledger.BasisAnswer
		}
	case actReject:
		n.Status, n.Reason = ledger.Rejected, ledger.ReasonRefused
	case actExhaust:
		n.Status, n.Reason = ledger.Exhausted, ledger.ReasonBudget
	case actRetry:
		n.Status, n.Spend, n.After = ledger.Queued, 1, p.Pause(r.Spent)
	case actHold:
		n.Status, n.After = ledger.Queued, p.Hold()
	case actVerify, actVerifyReject, actVerifyReview:
		n.Status, n.After, n.Doubt, n.Reason = ledger.Unknown, p.VerifyAfter, true, ledger.ReasonNoAnswer
		n.Verification.Seen, n.Verification.Then = 0, thenOf[a]
	case actAskSend, actAskReject, actAskExhaust, actAskGoal:
		n.Status, n.Reason, n.Verification.Then = ledger.Unknown, ledger.ReasonRefused, thenOf[a]
		if p.answer(g, o) == already { // perhaps by this very request, if it came there twice
			n.Verification.Seen = 0
			if !situationOf(r).whole {
				n.Doubt, n.After = true, p.VerifyAfter
			}
		}
		if a == actAskSend { // the round was taken
			n.Rounds, n.Verification.Steps = 1, n.Verification.Steps+1
		}
	case actResendLater:
		n.Status, n.After, n.Doubt, n.Reason = ledger.Unknown, p.VerifyAfter, true, ledger.ReasonNoAnswer
	case actNextRound:
		return p.nextRound(r, n)
	default: // actReview
		n.Doubt = doubtful[p.answer(g, o)]
		return review(n, ledger.ReasonNotInquirable)
	}
	return n
}

// thenOf is what follows where an inquiry shows that nothing was applied.
var thenOf = map[action]ledger.Then{
	actVerify: ledger.ThenSend, actVerifyReject: ledger.ThenReject, actVerifyReview: ledger.ThenReview,
	actAskSend: ledger.ThenSend, actAskReject: ledger.ThenReject, actAskExhaust: ledger.ThenExhaust, actAskGoal: ledger.ThenAlready,
}

// done ends a cancellation that the gateway says it has carried out.
func (p Policy) done(g ledger.Grant, n ledger.Next, o gateway.Outcome) ledger.Next {
	r := g.Record
	n.Status, n.Rounds, n.CanTrdNo, n.Verification = ledger.Cancelled, 1, o.CanTrdNo, ledger.Verification{}
	n.Message = "" // that all went well says the status
	if r.Full {
		n.Sum, n.Basis = wholeSum(r), ledger.BasisAnswer
		return n
	}
	n.Credit = r.Amount
	left := o.Detail.BalanceAmt
	if left == nil || r.PaymentAmount == 0 || r.Foreign || len(g.Doubts) > 0 {
		return n // with others in doubt, what is left may be their doing
	}
	if sum := r.PaymentAmount - *left; sum >= r.ConfirmedCancelled+r.Amount && sum <= r.PaymentAmount {
		n.Credit, n.Sum, n.Basis = 0, &sum, ledger.BasisBalance
	}
	return n
}

func wholeSum(r ledger.Record) *int64 {
	sum := cmp.Or(r.PaymentAmount, r.Amount)
	return &sum
}

// maxSteps is how many rounds are tried before a person has to look.
const maxSteps = 5

// nextRound tries again under the next round: somebody else took this one. What was cancelled
// elsewhere is asked before the next part, where it can be.
func (p Policy) nextRound(r ledger.Record, n ledger.Next) ledger.Next {
	n.Status, n.Rounds, n.Unbased = ledger.Queued, 1, true
	if n.Verification.Steps++; n.Verification.Steps > maxSteps {
		n.Status, n.Reason = ledger.Rejected, ledger.ReasonRounds
		n.Message = oneLine(text[ledger.ReasonRounds] + ". " + n.Message)
	}
	return n
}

// review hands a cancellation to a person, and says what the machine cannot find out. What the
// gateway said last stands with the attempts.
func review(n ledger.Next, why ledger.Reason, more ...any) ledger.Next {
	n.Status, n.Reason, n.Message, n.Verification = ledger.Review, why, text[why], ledger.Verification{}
	if len(more) > 0 {
		n.Message = oneLine(fmt.Sprintf("%s: %s", n.Message, fmt.Sprint(more...)))
	}
	return n
}

// text says the reasons to people, in English.
var text = map[ledger.Reason]string{
	ledger.ReasonNotInquirable: "it may have been applied, and SettleBank cannot be asked: orgTrdAmt or method was not given, " +
		"SETTLEBANK_INQUIRY is off, or it is a part of a payment in another currency",
	ledger.ReasonUnbased:       "it may have been applied, and what was cancelled of the payment before is not known",
	ledger.ReasonOtherSum:      "it may have been applied, and the sum that SettleBank shows fits neither",
	ledger.ReasonOthersInDoubt: "other cancellations of the payment are in doubt, and may explain the sum that SettleBank shows",
	ledger.ReasonForgotten:     "Redis has forgotten writes, and nothing in the ledger explains the sum that SettleBank shows",
	ledger.ReasonDuplicate:     "SettleBank calls it a duplicate of an earlier request, and shows no effect of one",
	ledger.ReasonInquiry:       "it may have been applied, and SettleBank refuses the inquiry",
	ledger.ReasonInquiryFails:  "it may have been applied, and inquiries keep failing",
	ledger.ReasonContradiction: "SettleBank calls the payment cancelled, and shows a sum that is not",
	ledger.ReasonRounds:        "SettleBank refuses one round after the other; nothing was applied",
	ledger.ReasonPrecondition:  "not sent: what is cancelled of the payment is not what cancelledSoFar says",
	ledger.ReasonPartElsewhere: "a part of the payment is cancelled already, so the whole of it cannot be",
}
