package worker

// Verdict is what an inquiry says of a cancellation whose outcome is not known.
type Verdict int

// The verdicts.
const (
	Undecided  Verdict = iota // for a person
	Applied                   // the money is back
	NotApplied                // it is not, as far as this one inquiry tells
)

// Sighting is what an inquiry showed, and what it is compared with. Amounts are in the smallest
// unit of the currency.
type Sighting struct {
	Confirmed    int64 // what the ledger knows to be cancelled of the transaction, without this cancellation
	Amount       int64 // of this cancellation
	Full         bool  // it cancels the whole payment
	Doubt        int   // other cancellations of the transaction that may have been applied
	Shown        int64 // cancelled sum that the gateway shows
	AllCancelled bool  // the gateway shows the payment as cancelled
}

// Verify compares. The sum counts, not the inquiry's code alone: the code of a partly cancelled
// payment says nothing of this part. Only for a full cancellation "cancelled" is enough, whoever
// did it.
func Verify(s Sighting) Verdict {
	switch {
	case s.Amount == 0 && s.AllCancelled:
		return Applied // a virtual account number was withdrawn: no money moved, and the gateway refuses a second one
	case s.Full && (s.AllCancelled || s.Shown == s.Amount):
		return Applied
	case s.AllCancelled && s.Shown == s.Confirmed:
		return Undecided // the code and the sum contradict each other
	case s.Shown == s.Confirmed:
		return NotApplied
	case s.Full || s.Doubt > 0:
		return Undecided // with another one in doubt, the sum may be its doing
	case s.Shown == s.Confirmed+s.Amount:
		return Applied
	default:
		return Undecided
	}
}
