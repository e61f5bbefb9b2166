package simulator

import (
	"slices"

	"settlecancel/gateway/settlebank"
)

// verdict is what the bank says to a request whose fields and hash are right. Each protocol has
// codes of its own for it.
type verdict uint8

const (
	granted          verdict = iota
	noTransaction            // no such transaction
	otherTransaction         // the number is another transaction's: order number, date or method differ
	alreadyCancelled         // nothing is left to cancel
	aboveRemaining           // the amount is above what is left
	noPartial                // the method or the transaction allows no partial cancellation
	otherAmount              // the amount is not the original's
	repeatedID               // the request's own id was used before, in vain or by another request
	alreadyApplied           // this very request, by its id, was applied before
	wrongRound               // the round is not the transaction's next
	tooLate                  // the time to cancel has passed
	notRegistered            // the merchant is not registered for refunds
	conditionsNotMet         // not allowed as things stand
	maintenance              // banks pay nothing out at this time of day
)

// methodTraits is what differs from one payment method to the next.
type methodTraits struct {
	already  string // result code of a transaction that is cancelled already
	missing  string // result code where there is no such transaction, but for flat
	fullOnly bool   // allows no partial cancellation
	untaxed  bool   // a 0A19 cancellation has no tax fields
	refunds  bool   // has an operation of its own that pays back into a bank account
}

// methods holds every payment method the gateway cancels, by its two letters.
var methods = map[string]methodTraits{
	"CA": {already: "CA12", missing: "CA10"},
	"RA": {already: "RA33", missing: "RA35"},
	"MP": {already: "MP82", missing: "MP03", refunds: true},
	"PZ": {already: "PZ87", missing: "PZ10"},
	"CP": {already: "CP30", missing: "ST06", untaxed: true},
	"VA": {already: "CA12", missing: "ST06", refunds: true},
	"TC": {already: "GC41", missing: "GC03", fullOnly: true, untaxed: true},
	"HM": {already: "GC41", missing: "GC03", fullOnly: true, untaxed: true},
	"CG": {already: "GC41", missing: "GC03", fullOnly: true, untaxed: true},
	"SG": {already: "GC41", missing: "GC03", fullOnly: true, untaxed: true},
	"BG": {already: "GC41", missing: "GC03", fullOnly: true, untaxed: true},
	"TM": {already: "TM01", missing: "TM02", fullOnly: true, untaxed: true},
}

// unknownTransaction is the code that an inquiry may have instead of the method's own for a
// transaction that does not exist.
const unknownTransaction = "ST06"

// providers returns the providers of easy payments, by which inquiries and collations of real
// temper know them, and by nothing else.
func providers() []string { return settlebank.InquiryMethods(settlebank.EasyPay)[1:] }

func isProvider(s string) bool { return slices.Contains(providers(), s) }

// methodAndProvider reads the method of an inquiry or a collation, which may be a provider.
func methodAndProvider(asked string) (method, provider string) {
	if isProvider(asked) {
		return settlebank.EasyPay, asked
	}
	return asked, ""
}

// defaultMethod is what an original is taken for until somebody says otherwise.
const defaultMethod = "CA"

func traitsOf(method string) methodTraits {
	if t, ok := methods[method]; ok {
		return t
	}
	return methods[defaultMethod]
}

// flatRefusal gives the flat protocol's code for a verdict, about an original paid by method.
func flatRefusal(v verdict, method string) refusal {
	switch v {
	case noTransaction:
		return refusal{"1004", "거래 내역이 존재하지 않습니다."}
	case aboveRemaining:
		return refusal{"1002", "취소 금액이 원거래 금액을 초과합니다."}
	default:
		return nestedRefusal(v, method)
	}
}

// nestedRefusal gives the code in the nested form for a verdict, about an original
// paid by method.
func nestedRefusal(v verdict, method string) refusal {
	switch v {
	case granted:
		return refusal{}
	case noTransaction:
		return refusal{traitsOf(method).missing, "거래 내역이 존재하지 않습니다."}
	case alreadyCancelled:
		return refusal{traitsOf(method).already, "이미 취소된 거래입니다."}
	case aboveRemaining:
		return refusal{"ST57", "취소 가능 금액을 초과했습니다."}
	case noPartial:
		return refusal{"ST54", "부분 취소가 불가능한 거래입니다."}
	case otherAmount:
		return refusal{"ST58", "원거래 금액이 일치하지 않습니다."}
	case repeatedID:
		return refusal{"ST50", "중복된 요청입니다."}
	case alreadyApplied:
		return refusal{"ST25", "중복된 취소 요청입니다."}
	case wrongRound:
		return refusal{"ST56", "취소 회차가 올바르지 않습니다."}
	case tooLate:
		if method == "MP" {
			return refusal{"MP81", "취소 가능 기간이 지났습니다."}
		}
		return refusal{"ST46", "취소 가능 기간이 지났습니다."}
	case notRegistered:
		return refusal{"ST69", "환불 서비스에 등록되지 않은 상점입니다."}
	case conditionsNotMet:
		return refusal{"ST19", "처리할 수 없는 상태의 거래입니다."}
	case maintenance:
		return refusal{"ST11", "기관 점검 시간입니다."}
	default:
		return refusal{"ST07", "요청 정보가 원거래와 일치하지 않습니다."}
	}
}
