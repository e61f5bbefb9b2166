package policy

import (
	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// answer is what came back: a class of the gateway, or one of those below.
type answer string

const (
	ok            = answer(gateway.OK)
	already       = answer(gateway.Already)
	duplicate     = answer(gateway.Duplicate)
	transient     = answer(gateway.Transient)
	misconfigured = answer(gateway.Misconfigured)
	rejected      = answer(gateway.Rejected)
	unknown       = answer(gateway.Unknown)

	unlisted    answer = "unlisted"     // unknown, with a code that stands in no row of the code table
	unproven    answer = "unproven"     // a success with the number of another cancellation
	wrongRound  answer = "wrong round"  // refused, because somebody else took the round
	budgetSpent answer = "budget spent" // transient, and no retry is left
)

// situation is what the table looks at beside the answer.
type situation struct {
	whole      bool // it cancels all of the payment, or no money at all: the gateway refuses a second one
	inquirable bool // an inquiry can settle it
	doubted    bool // the outcome of an earlier attempt was not known
}

func situationOf(r ledger.Record) situation {
	return situation{whole: r.Full || r.Amount == 0, inquirable: r.Inquirable, doubted: r.Doubted}
}

// action is what follows an answer.
type action string

const (
	actDone         action = "cancelled"
	actGoal         action = "cancelled before: done"
	actReject       action = "rejected"
	actExhaust      action = "exhausted"
	actReview       action = "review"
	actRetry        action = "retry later"
	actHold         action = "hold the merchant"
	actNextRound    action = "next round"
	actVerify       action = "verify; not applied: send again"
	actVerifyReject action = "verify; not applied: rejected"
	actVerifyReview action = "verify; not applied: review"
	actResendLater  action = "send again later: a second one is refused"
	actAskSend      action = "ask; not applied: send under the next round"
	actAskReject    action = "ask; not applied: rejected"
	actAskExhaust   action = "ask; not applied: exhausted"
	actAskGoal      action = "ask; whole sum: done"
)

// is is a column of the table.
type is int8

const (
	both is = iota
	yes
	no
)

func (c is) matches(b bool) bool { return c == both || (c == yes) == b }

// table is the policy: the first row that matches says what follows an answer. Nothing that was
// ever in doubt is given up, or sent again, before the gateway was asked where it can be.
var table = []struct {
	answer                     answer
	whole, inquirable, doubted is
	action                     action
}{
	// answer       whole inquirable doubted
	{ok, both, both, both, actDone},
	{misconfigured, both, both, both, actHold},
	{transient, both, both, both, actRetry},

	{rejected, both, both, no, actReject},
	{rejected, both, yes, yes, actAskReject},
	{rejected, both, no, yes, actReview},

	{budgetSpent, both, both, no, actExhaust},
	{budgetSpent, both, yes, yes, actAskExhaust},
	{budgetSpent, both, no, yes, actReview},

	{wrongRound, both, both, no, actNextRound},
	{wrongRound, both, yes, yes, actAskSend},
	{wrongRound, both, no, yes, actReview},

	{already, yes, yes, both, actAskGoal},
	{already, yes, no, both, actGoal},
	{already, no, yes, both, actAskReject},
	{already, no, no, both, actReview},

	{duplicate, both, yes, both, actVerifyReview},
	{duplicate, both, no, both, actReview},

	{unlisted, both, yes, both, actVerifyReject},
	{unlisted, both, no, both, actReview},

	{unproven, both, yes, both, actVerify},
	{unproven, both, no, both, actReview},

	{unknown, both, yes, both, actVerify},
	{unknown, yes, no, both, actResendLater},
	{unknown, no, no, both, actReview},
}

// doubtful are the answers after which the request may have been applied.
var doubtful = map[answer]bool{unknown: true, unlisted: true, unproven: true, duplicate: true, already: true}

// actionAfter looks an answer up. What stands in no row is for a person.
func actionAfter(a answer, s situation) action {
	for _, row := range table {
		if row.answer == a && row.whole.matches(s.whole) && row.inquirable.matches(s.inquirable) && row.doubted.matches(s.doubted) {
			return row.action
		}
	}
	return actReview
}
