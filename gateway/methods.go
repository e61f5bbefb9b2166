package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// hashed returns what pktHash is made of. What moves no money has "0" in the amount's place. (A
// Markdown rendering of the documents has it so for CA and RA too; their own JSON example has not.)
func hashed(op settlebank.Operation, p params0A19, amount string) []string {
	if op.Is(settlebank.NoMoney) {
		amount = "0"
	}
	return []string{p.TrdDt, p.TrdTm, p.MchtID, p.MchtTrdNo, amount}
}

// operationFor returns the operation that r asks for at now, or what is wrong with it. Cancelling a
// phone payment of a month that has passed is refunding it.
func operationFor(r CancelRequest, now time.Time) (settlebank.Operation, string) {
	op, fault := find(r.Method, cmp.Or(r.Operation, settlebank.OpCancel))
	if fault != "" || !op.Is(settlebank.SameMonth) {
		return op, fault
	}
	paid, err := time.ParseInLocation(settlebank.DateLayout, r.OrgTrdDt, settlebank.KST)
	if err != nil {
		return settlebank.Operation{}, "orgTrdDt is no date yyyyMMdd"
	}
	if today := settlebank.Midnight(now); !paid.Before(today.AddDate(0, 0, 1-today.Day())) {
		return op, ""
	}
	if r.RefundBankCd == "" && r.RefundAcntNo == "" && r.RefundDpstrNm == "" {
		return settlebank.Operation{}, "a phone payment can be cancelled in its calendar month only, which has passed (Korean time): " +
			"it needs a refund, with refundBankCd, refundAcntNo and refundDpstrNm"
	}
	return find(r.Method, settlebank.OpRefund)
}

// find looks an operation up. Its faults repeat only what cannot be an account number put in the
// wrong field.
func find(method, name string) (settlebank.Operation, string) {
	if !slices.Contains(settlebank.Ops(), name) {
		return settlebank.Operation{}, "operation is none of cancel, refund and withdraw"
	}
	var names []string
	for _, op := range settlebank.Operations() {
		if !slices.Contains(op.Methods, method) {
			continue
		}
		if op.Name == name {
			return op, ""
		}
		names = append(names, op.Name)
	}
	switch {
	case len(names) > 0:
		return settlebank.Operation{}, fmt.Sprintf("method %s has no operation %s: it has %s", method, name, strings.Join(names, " and "))
	case method == "":
		return settlebank.Operation{}, "method is missing: protocol 0A19 needs the payment's"
	}
	return settlebank.Operation{}, "method is none of " + strings.Join(settlebank.Methods(), " ")
}

// Hold tells until when a request like r must wait at now, and why; a zero time: it need not. A
// virtual account's refund (protocol [Protocol0A19]) fails while the banks are in maintenance,
// daily from 23:30 to 00:35 Korean time.
func Hold(r CancelRequest, p Protocol, now time.Time) (until time.Time, reason string) {
	if p != Protocol0A19 {
		return time.Time{}, ""
	}
	if op, fault := operationFor(r, now); fault != "" || !op.Is(settlebank.BankHours) {
		return time.Time{}, ""
	}
	midnight := settlebank.Midnight(now)
	switch since := now.Sub(midnight); {
	case since < settlebank.BanksOpen:
		until = midnight.Add(settlebank.BanksOpen)
	case since >= settlebank.BanksClose:
		until = midnight.AddDate(0, 0, 1).Add(settlebank.BanksOpen)
	default:
		return time.Time{}, ""
	}
	return until, "a virtual account's refund waits for the banks, which are in maintenance from 23:30 to 00:35 Korean time"
}
