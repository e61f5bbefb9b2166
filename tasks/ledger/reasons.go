package ledger

// The reasons. A code of the gateway is none: it stands beside.
const (
	ReasonLost          Reason = "lost_worker"         // the worker died while a request may have been on the wire
	ReasonNoAnswer      Reason = "no_answer"           // the gateway's answer did not come, or proves nothing
	ReasonNotInquirable Reason = "not_inquirable"      // it may have been applied, and the gateway cannot be asked
	ReasonUnbased       Reason = "unbased"             // it may have been applied, and what was cancelled before is not known
	ReasonOtherSum      Reason = "other_sum"           // the sum that the gateway shows fits neither applied nor not applied
	ReasonOthersInDoubt Reason = "others_in_doubt"     // others of the payment may explain the sum that the gateway shows
	ReasonForgotten     Reason = "forgotten_writes"    // Redis has forgotten writes, and nothing explains the sum
	ReasonDuplicate     Reason = "duplicate"           // the gateway calls it a duplicate, and shows no effect
	ReasonInquiry       Reason = "inquiry_refused"     // the inquiry is refused for good
	ReasonInquiryFails  Reason = "inquiry_failing"     // inquiries keep failing
	ReasonContradiction Reason = "contradiction"       // the answer and the sum contradict each other
	ReasonRounds        Reason = "rounds_taken"        // the gateway refuses one round after the other
	ReasonRefused       Reason = "refused"             // the gateway refused it for good
	ReasonBudget        Reason = "budget_spent"        // nothing applied, and the retry budget is spent
	ReasonPrecondition  Reason = "precondition_failed" // more or less is cancelled than the producer said
	ReasonPartElsewhere Reason = "partly_cancelled"    // a whole one, and a part is cancelled already
)

// Reasons returns every reason.
func Reasons() []Reason {
	return []Reason{ReasonLost, ReasonNoAnswer, ReasonNotInquirable, ReasonUnbased, ReasonOtherSum, ReasonOthersInDoubt,
		ReasonForgotten, ReasonDuplicate, ReasonInquiry, ReasonInquiryFails, ReasonContradiction, ReasonRounds,
		ReasonRefused, ReasonBudget, ReasonPrecondition, ReasonPartElsewhere}
}
