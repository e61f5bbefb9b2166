package simulator

import (
	"fmt"
	"time"

	"settlecancel/gateway/settlebank"
)

// mayCancel decides on a cancellation, a refund or a withdrawal. Without a round, as in flat, a
// repeated partial cancellation is as good as a second intended one, as long as enough is left:
// there is nothing to tell them apart by.
func (t *transaction) mayCancel(want terms, m Merchant, now time.Time) verdict {
	switch {
	case t == nil:
		return noTransaction
	case !t.agrees(want) || !agree(t.OrgTrdDt, want.orgTrdDt):
		return otherTransaction
	case t.done():
		return alreadyCancelled
	}
	switch want.operation {
	case OperationWithdraw:
		if t.cancelled > 0 {
			return conditionsNotMet // money that is paid back was paid in
		}
		return granted
	case OperationRefund:
		if v := t.mayRefund(m, now); v != granted {
			return v
		}
	default:
		if t.late(now, want.id != "") {
			return tooLate
		}
	}
	return t.mayTake(want)
}

// mayTake decides on a cancellation's round and amount.
func (t *transaction) mayTake(want terms) verdict {
	switch {
	case !t.takesRound(want):
		return wrongRound
	case want.amount > t.Amount-t.cancelled:
		return aboveRemaining
	case want.amount < t.Amount && (t.NoPartial || traitsOf(t.Method).fullOnly):
		return noPartial
	default:
		return granted
	}
}

// takesRound reports whether a cancellation's round may follow the last; a blank one is given the
// next.
func (t *transaction) takesRound(want terms) bool {
	switch {
	case want.round == "":
		return true
	case want.lax:
		return roundNumber(want.round) > t.lastRound
	default:
		return want.round == t.nextRound()
	}
}

// mayRefund decides whether a refund is open at all.
func (t *transaction) mayRefund(m Merchant, now time.Time) verdict {
	switch t.refundOpen(m, now) {
	case "N":
		return notRegistered
	case "C":
		return conditionsNotMet
	}
	if t.Method == "VA" && inBankMaintenance(now) {
		return maintenance
	}
	return granted
}

// refundOpen is the rfdPsblCd of a transaction: Y, N or C.
func (t *transaction) refundOpen(m Merchant, now time.Time) string {
	switch {
	case t.RfdPsblCd != "":
		return t.RfdPsblCd
	case m.NoRefund:
		return "N"
	case t.done(), t.Method == "MP" && t.OrgTrdDt != "" && !t.late(now, true):
		return "C"
	default:
		return "Y"
	}
}

// late reports whether the time to cancel has passed; inMonth: a phone payment's ends with its
// calendar month.
func (t *transaction) late(now time.Time, inMonth bool) bool {
	today := now.In(settlebank.KST).Format(settlebank.DateLayout)
	switch {
	case t.CancelUntil != "":
		return today > t.CancelUntil
	case inMonth && t.Method == "MP" && t.OrgTrdDt != "":
		return today[:6] != t.OrgTrdDt[:6]
	default:
		return false
	}
}

// inBankMaintenance reports whether banks pay nothing out: 23:30 to 00:35, Korean time.
func inBankMaintenance(now time.Time) bool {
	passed := now.Sub(settlebank.Midnight(now))
	return passed >= settlebank.BanksClose || passed < settlebank.BanksOpen
}

// mayInquire decides on an inquiry.
func (t *transaction) mayInquire(want terms) verdict {
	switch {
	case t == nil:
		return noTransaction
	case want.neighbours && t.OrgTrdDt != "" && !withinADay(t.OrgTrdDt, want.orgTrdDt):
		return noTransaction
	case !want.neighbours && !agree(t.OrgTrdDt, want.orgTrdDt):
		return noTransaction
	case !agree(t.OrgTrdTm, want.orgTrdTm):
		return noTransaction
	case want.lax && !t.knownBy(want):
		return noTransaction
	case !t.agrees(want):
		return otherTransaction
	case t.Amount != want.amount:
		return otherAmount
	default:
		return granted
	}
}

// knownBy reports whether an inquiry of real temper names an easy payment as it must: by its
// provider. What is asked for under PZ, or under another's provider, is not found.
func (t *transaction) knownBy(want terms) bool {
	asked := want.method == settlebank.EasyPay && want.provider == ""
	return !asked && (t.Method != settlebank.EasyPay || want.method != settlebank.EasyPay || t.Provider == want.provider)
}

// agrees reports whether what a request tells beside the number, date and time fits the
// transaction.
func (t *transaction) agrees(want terms) bool {
	return agree(t.OrgMchtTrdNo, want.orgMchtTrdNo) && agree(t.Method, want.method) &&
		agree(t.Currency, want.currency) && agree(t.VAcntNo, want.vAcntNo)
}

// agree reports whether two values are the same, or one of them is not told.
func agree(a, b string) bool { return a == "" || b == "" || a == b }

// done reports whether nothing is left to cancel.
func (t *transaction) done() bool { return t.cancelled == t.Amount || t.withdrawn }

// nextRound is the cnclOrd of the next cancellation, whichever way the ones before it came.
func (t *transaction) nextRound() string { return fmt.Sprintf("%03d", t.lastRound+1) }

// shown is what an inquiry shows at a moment: the sum cancelled, and whether that is the whole or
// the number withdrawn.
func (t *transaction) shown(at time.Time) (sum int64, all bool) {
	for _, c := range t.changes {
		if !c.visible.After(at) {
			sum += c.amount
			all = all || c.withdrawal
		}
	}
	return sum, all || sum == t.Amount
}
