package worker

import (
	"slices"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// Window is a time in which SettleBank, a bank or a card company does maintenance. Its times are
// Korean.
type Window struct {
	Methods  []string       // payment methods; empty is every one, also where a cancellation names none
	Days     []time.Weekday // on which the window begins; empty is every day
	From, To time.Duration  // since midnight; To at or before From is on the next day
}

// Closed returns a function for Options.Closed: a request of a method waits until the last of its
// windows ends.
func Closed(windows []Window) func(gateway.CancelRequest, time.Time) (time.Time, string) {
	return func(r gateway.CancelRequest, now time.Time) (until time.Time, why string) {
		for _, w := range windows {
			if len(w.Methods) > 0 && !slices.Contains(w.Methods, r.Method) {
				continue
			}
			if end := w.end(now); end.After(until) {
				until, why = end, "maintenance window"
			}
		}
		return until, why
	}
}

// end returns when the window that now lies in ends, or the zero time.
func (w Window) end(now time.Time) time.Time {
	now = now.In(settlebank.KST)
	length := w.To - w.From
	if length <= 0 {
		length += 24 * time.Hour
	}
	for _, ago := range []int{0, 1} { // it may have begun yesterday
		begin := time.Date(now.Year(), now.Month(), now.Day()-ago, 0, 0, 0, 0, settlebank.KST).Add(w.From)
		end := begin.Add(length)
		if (len(w.Days) == 0 || slices.Contains(w.Days, begin.Weekday())) && !now.Before(begin) && now.Before(end) {
			return end
		}
	}
	return time.Time{}
}
