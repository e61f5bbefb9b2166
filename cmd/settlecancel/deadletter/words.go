package deadletter

import (
	"strings"

	"settlecancel/tasks/ledger"
)

// effect returns what the decision will do to a record. The ledger alone says that.
func (d *deciding) effect(r ledger.Record) ledger.Effect {
	if d.resolve {
		return ledger.AfterResolve(r, ledger.Status(d.as))
	}
	return ledger.AfterRetry(r)
}

// refusal returns why a decision on a record would be refused, nil where it would not.
func (d *deciding) refusal(r ledger.Record) error {
	switch {
	case d.effect(r).Allowed:
		return nil
	case d.resolve:
		return ledger.ErrEnded
	}
	return ledger.ErrNotDead
}

// follows says what an effect means.
func follows(e ledger.Effect) string {
	switch {
	case e.Next == ledger.Rejected:
		return "ended; nothing will be sent under this key, a refund after all needs a new one"
	case e.Ends:
		return "ended; nothing will be sent"
	case e.Verifies:
		return "will be verified, not sent; SettleBank is asked what happened"
	case e.Next == ledger.Unknown && e.Sends:
		return "SettleBank cannot be asked; as it cancels the whole payment, it will be sent again, and SettleBank refuses to cancel a payment twice"
	case e.Next == ledger.Unknown:
		return "will not be sent"
	}
	return "queued again with a new budget"
}

// warned are the warnings in words.
func warned(w ledger.Warning) string {
	switch w {
	case ledger.WarnMayBeApplied:
		return "it may have been applied already"
	case ledger.WarnNotAskable:
		return "SettleBank cannot be asked, so it will be back in review"
	case ledger.WarnNotCredited:
		return "others of the payment that are in doubt will wait for people until SettleBank has shown the sum"
	case ledger.WarnMoneyElsewhere:
		return "nothing is cancelled at SettleBank: the customer must have been paid in another way"
	case ledger.WarnStillOpen:
		return "it is still being worked at, and this ends it"
	}
	return string(w)
}

// means says what an effect means, and what to know before.
func means(e ledger.Effect) string {
	words := []string{follows(e)}
	for _, w := range e.Warnings {
		words = append(words, warned(w))
	}
	return strings.Join(words, "; ")
}
