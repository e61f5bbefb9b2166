package policy

import (
	"settlecancel/tasks/ledger"
)

// Verdict is what an inquiry says of a cancellation whose outcome is not known.
type Verdict int

// The verdicts.
const (
	Undecided  Verdict = iota // for a person
	Applied                   // the money is back
	NotApplied                // it is not, as far as this one inquiry tells
)

// Comparison is what an inquiry showed, and what that is compared with. Amounts are in the smallest
// unit of the currency.
type Comparison struct {
	Confirmed    int64          // known to be cancelled of the payment, without those in doubt
	Amount       int64          // of this cancellation; 0 withdraws an account number
	Whole        bool           // it cancels the whole payment
	Foreign      bool           // the gateway shows sums in another unit than Amount's
	Blind        bool           // Confirmed is not the gateway's word: others may have cancelled more before
	Others       []ledger.Doubt // other cancellations of the payment that may be applied
	Shown        int64          // cancelled sum that the gateway shows
	AllCancelled bool           // the gateway's code calls the payment cancelled; it decides only where no money moves
}

// maxOthers bounds how many doubts are told apart by their amounts: beyond it, a person has to
// look.
const maxOthers = 12

// Compare decides by the sum alone. What was known before plus this amount, and nothing else that
// may explain it, means applied; exactly what was known before means that nothing was. A whole one takes
// all: less than all means that it was not applied, either.
func Compare(c Comparison) Verdict {
	switch {
	case c.Amount == 0 && c.AllCancelled:
		return Applied // an account number was withdrawn: no money moved
	case c.Amount == 0:
		return NotApplied
	case c.Shown == c.Confirmed:
		return NotApplied // no sum that holds ours can be as small
	case c.Shown < c.Confirmed || c.Blind && !c.Whole:
		return Undecided
	case c.Whole && !c.Foreign && c.Shown < c.Amount:
		return NotApplied // it would have taken all; others have cancelled a part
	}
	with, without := explain(c.Shown-c.Confirmed, c.Amount, c.Others)
	switch {
	case with && !without:
		return Applied
	case without && !with:
		return NotApplied
	}
	return Undecided
}

// explain reports whether a difference can be the sum of this amount and some of the others', and
// whether it can be that of others' alone.
func explain(difference, amount int64, others []ledger.Doubt) (with, without bool) {
	if len(others) > maxOthers {
		return true, true
	}
	for subset := range 1 << len(others) {
		sum := int64(0)
		for i, o := range others {
			if subset>>i&1 == 1 {
				sum += o.Amount
			}
		}
		with = with || sum+amount == difference
		without = without || sum == difference
	}
	return with, without
}

// claims returns the keys of those others that explain a difference as people said, where nothing
// else can.
func claims(difference int64, others []ledger.Doubt) []string {
	var found []string
	ways := 0
	if len(others) > maxOthers {
		return nil
	}
	for subset := range 1 << len(others) {
		sum, claimed, keys := int64(0), true, []string(nil)
		for i, o := range others {
			if subset>>i&1 == 1 {
				sum += o.Amount
				claimed = claimed && o.Claimed
				keys = append(keys, o.Key)
			}
		}
		if sum == difference {
			ways++
			if claimed {
				found = keys
			}
		}
	}
	if ways != 1 {
		return nil
	}
	return found
}
