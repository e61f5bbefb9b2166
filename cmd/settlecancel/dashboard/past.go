package dashboard

import (
	"slices"
	"time"

	"settlecancel/tasks/ledger"
)

// What the ledger keeps of a dead letter that a person has moved is not when it became one; that
// follows from what came before.

// deadBy says as what a cancellation waited for people, by the reason that it still has. Those that
// are missing are reasons of open ones as well; where it may have been either, the status is "".
var deadBy = map[ledger.Reason]ledger.Status{
	ledger.ReasonNotInquirable: ledger.Review, ledger.ReasonUnbased: ledger.Review, ledger.ReasonOtherSum: ledger.Review,
	ledger.ReasonOthersInDoubt: ledger.Review, ledger.ReasonForgotten: ledger.Review, ledger.ReasonDuplicate: ledger.Review,
	ledger.ReasonInquiry: ledger.Review, ledger.ReasonInquiryFails: ledger.Review, ledger.ReasonContradiction: ledger.Review,
	ledger.ReasonRounds: ledger.Rejected, ledger.ReasonPrecondition: ledger.Rejected, ledger.ReasonBudget: ledger.Exhausted,
	ledger.ReasonPartElsewhere: "",
}

// diedBefore returns when a cancellation became the dead letter that a person then decided on. It
// reports false where it was none, or that is not known.
func diedBefore(r ledger.Record, act ledger.Act) (event, bool) {
	var last *ledger.Attempt
	for i, a := range r.Attempts {
		if !a.UnderWay && a.Kind != ledger.Late && !a.StartedAt.Add(a.Duration).After(act.At) {
			last = &r.Attempts[i]
		}
	}
	again := slices.ContainsFunc(r.Acts, func(a ledger.Act) bool {
		return a.What == "retry" && a.At.Before(act.At) && last != nil && a.At.After(last.StartedAt)
	})
	if last == nil || again {
		return event{}, false
	}
	died := event{At: last.StartedAt.Add(last.Duration).Truncate(time.Millisecond), Kind: "died", Tone: "bad"}
	if act.What == "retry" {
		return died, true // only dead letters are retried
	}
	status, known := deadBy[r.Reason]
	if r.Reason == ledger.ReasonRefused && last.Class == "rejected" && !r.Doubted {
		status, known = ledger.Rejected, true
	}
	died.What = string(status)
	return died, known
}
