package model

import (
	"fmt"

	"settlecancel/tasks/ledger"
)

// check returns what is wrong with a world, or "". What stands before a colon is the kind of the
// fault.
func (m *Model) check(w *world) string {
	if w.broken != "" {
		return w.broken
	}
	for c := range m.entries {
		if w.bank.applied[c] > 1 {
			return fmt.Sprintf("applied twice: %s", name(c))
		}
		if x := w.find(c); x != nil {
			if wrong := m.told(w, c, x); wrong != "" {
				return wrong
			}
		}
	}
	if w.payment.Sum > w.bank.sum {
		return fmt.Sprintf("the ledger takes too much for cancelled: %d, and SettleBank has cancelled %d", w.payment.Sum, w.bank.sum)
	}
	return ""
}

// told holds what people are told of a cancellation against the truth. A person's word is held
// against it where it was true when it was given.
func (m *Model) told(w *world, c int, x *ledger.Cancellation) string {
	applied := w.bank.applied[c] > 0
	if x.Closed && w.word[c] != trueWord {
		return ""
	}
	switch x.Status {
	case ledger.Cancelled:
		if whole := m.entries[c].Amount == m.bounds.Payment; !applied && !(whole && w.bank.sum == m.bounds.Payment) {
			return fmt.Sprintf("told as cancelled, and was not applied: %s", name(c))
		}
	case ledger.AlreadyCancelled:
		if w.bank.sum != m.bounds.Payment {
			return fmt.Sprintf("told as already cancelled, and the payment is not: %s", name(c))
		}
	case ledger.Rejected, ledger.Exhausted, ledger.RefundedElsewhere:
		if applied && !m.bounds.Unbounded && !w.excused[c] {
			return fmt.Sprintf("told as %s, and was applied: %s", x.Status, name(c))
		}
	}
	return ""
}

// unsettled names a cancellation that has neither ended nor waits for people, or "".
func (w *world) unsettled(m *Model) string {
	for c := range m.entries {
		x := w.find(c)
		if x == nil || !ended(x) && !dead(x) {
			return name(c)
		}
	}
	return ""
}
