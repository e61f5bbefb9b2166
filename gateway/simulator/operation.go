package simulator

import (
	"slices"
	"unicode"

	"settlecancel/gateway/settlebank"
)

// Operation is what a request to move money wants.
type Operation string

// The operations; flat knows the first alone.
const (
	OperationCancel   Operation = "cancel"   // undoes a payment, or a part of it
	OperationRefund   Operation = "refund"   // pays back into a bank account: a phone payment whose month has passed, a virtual account
	OperationWithdraw Operation = "withdraw" // takes a virtual account number back, and moves no money
)

// operation0A19 is a row of the operations table of protocol 0A19 in protocol.md.
type operation0A19 struct {
	name    Operation
	url     string
	bizType string
	methods []string
	data    []fieldSpec
	hashed  func(amount string) string // the amount in the hash, of the amount in plain text
}

func amountItself(amount string) string { return amount }
func amountZero(string) string          { return "0" }

var operations0A19 = []operation0A19{
	{OperationCancel, settlebank.PathCancel, "C0", []string{"CA", "RA", "MP", "PZ"}, slices.Concat(cancelData, taxData), amountItself},
	{OperationCancel, settlebank.PathCancel, "C0", []string{"CP", "TC", "HM", "CG", "SG", "BG", "TM"}, cancelData, amountItself},
	{OperationRefund, settlebank.PathRefund, "C1", []string{"MP"}, slices.Concat(cancelData, taxData, refundData), amountItself},
	{OperationRefund, settlebank.PathRefund, "C0", []string{"VA"}, slices.Concat(cancelData, taxData, refundData), amountItself},
	{OperationWithdraw, settlebank.PathWithdraw, "A2", []string{"VA"}, withdrawData, amountZero},
}

// tooLong is the result code of a field that is too long and has no code of its own.
const tooLong = "1126"

// The request of protocol 0A19 in protocol.md: params, and the data of its operations. Where the
// page names no length, there is a generous one. Lengths are bytes of UTF-8, of what is encrypted
// those of the plain text.
var (
	params0A19 = []fieldSpec{
		{name: "mchtId", max: 12, missing: "1001", tooLong: "1101"},
		{name: "ver", max: 4, missing: "6001", tooLong: "1126", valid: oneOf("0A19"), taken: isVersion},
		{name: "method", max: 2, missing: "1002", tooLong: "1102", valid: isMethod},
		{name: "bizType", max: 2, missing: "6001", tooLong: tooLong, valid: oneOf("C0", "C1", "A2")},
		{name: "encCd", max: 2, missing: "6001", tooLong: tooLong, valid: oneOf("23")},
		{name: "mchtTrdNo", max: 100, missing: "1005", tooLong: "1105", valid: noKorean},
		{name: "trdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
		{name: "trdTm", max: 6, missing: "1004", tooLong: "1104", valid: isTime},
		{name: "mobileYn", max: 1, tooLong: tooLong, valid: oneOf("Y", "N"), optional: true},
		{name: "osType", max: 10, tooLong: tooLong, optional: true},
	}
	cancelData = []fieldSpec{
		{name: "pktHash", max: 64, missing: "6001", tooLong: "1127"},
		{name: "orgTrdNo", max: 40, missing: "6001", tooLong: "1120"},
		{name: "crcCd", max: 3, missing: "6001", tooLong: tooLong, valid: isCurrency},
		{name: "cnclOrd", max: 3, missing: "6001", tooLong: tooLong, valid: isRound, taken: isAnyRound, blank: true},
		{name: "cnclAmt", max: 12, missing: "1009", tooLong: "1109", valid: isAmount, secret: true},
		{name: "cnclRsn", max: 255, tooLong: tooLong, optional: true},
	}
	taxData = []fieldSpec{
		{name: "taxTypeCd", max: 1, tooLong: tooLong, valid: oneOf("Y", "N", "G"), optional: true},
		{name: "taxAmt", max: 12, tooLong: tooLong, valid: isDigits, optional: true, secret: true},
		{name: "vatAmt", max: 12, tooLong: tooLong, valid: isDigits, optional: true, secret: true},
		{name: "taxFreeAmt", max: 12, tooLong: tooLong, valid: isDigits, optional: true, secret: true},
		{name: "svcAmt", max: 12, tooLong: tooLong, valid: isDigits, optional: true, secret: true},
	}
	refundData = []fieldSpec{
		{name: "refundBankCd", max: 3, missing: "6001", tooLong: tooLong, valid: isBank},
		{name: "refundAcntNo", max: 16, missing: "6001", tooLong: tooLong, valid: isAccount, secret: true},
		{name: "refundDpstrNm", max: 50, missing: "6001", tooLong: tooLong},
	}
	withdrawData = []fieldSpec{
		{name: "pktHash", max: 64, missing: "6001", tooLong: "1127"},
		{name: "orgTrdNo", max: 40, missing: "6001", tooLong: "1120"},
		{name: "vAcntNo", max: settlebank.MaxVAcntNo, missing: "6001", tooLong: tooLong, valid: isAccount, secret: true},
	}
)

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

// isRound reports whether s is a cnclOrd: three digits from 001 on.
func isRound(s string) bool { return len(s) == 3 && isAmount(s) }

// isVersion reports whether s is a version of the specification's: merchants go on sending the one
// that they began with, 0A14 the oldest that is known.
func isVersion(s string) bool { return len(s) == 4 && s[:3] == "0A1" && isDigits(s[3:]) }

// isAnyRound reports whether s is a cnclOrd as merchants send it: a number from 1 on, with or
// without zeros in front.
func isAnyRound(s string) bool { return isAmount(s) }

// roundNumber reads a cnclOrd; one that is blank is 0.
func roundNumber(s string) int { return int(parseAmount(s)) }

func isBank(s string) bool { return len(s) == 3 && isDigits(s) }

func noKorean(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.Hangul, r) {
			return false
		}
	}
	return true
}

// operationOf finds the row of the table for a request; nil where the path serves no such method
// and bizType.
func operationOf(url, method, bizType string) *operation0A19 {
	for i := range operations0A19 {
		op := &operations0A19[i]
		if op.url == url && op.bizType == bizType && slices.Contains(op.methods, method) {
			return op
		}
	}
	return nil
}
