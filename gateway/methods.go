package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The values of [CancelRequest.Operation].
const (
	opCancel   = "cancel"
	opRefund   = "refund"
	opWithdraw = "withdraw"
)

const (
	cancelPath   = "/spay/APICancel.do"
	refundPath   = "/spay/APIRefund.do"
	withdrawPath = "/spay/APIVBank.do"
)

// operation is a row of the operations' table in "Protocol 0A19" of the gateway's documents.
type operation struct {
	methods string // two letters each
	name    string
	path    string
	bizType string
	traits  traits
	hashed  func(p standardParams, amount string) []string // what pktHash is made of
}

// traits are what the documents' notes say of an operation.
type traits uint8

const (
	partial   traits = 1 << iota // a part can be cancelled; else cnclOrd is always 001
	taxed                        // has the tax fields
	sameMonth                    // only in the payment's calendar month
	toAccount                    // pays to a bank account, which the request names
	bankHours                    // fails while the banks are in maintenance
	ofNumber                     // is of a virtual account's number; moves no money
)

// operations is that table.
var operations = []operation{
	{"CA", opCancel, cancelPath, "C0", partial | taxed, withAmount},
	{"RA", opCancel, cancelPath, "C0", partial | taxed, withAmount},
	{"MP", opCancel, cancelPath, "C0", partial | taxed | sameMonth, withAmount},
	{"TC HM CG SG BG TM", opCancel, cancelPath, "C0", 0, withAmount},
	{"CP", opCancel, cancelPath, "C0", partial, withAmount},
	{"PZ", opCancel, cancelPath, "C0", partial | taxed, withAmount},
	{"MP", opRefund, refundPath, "C1", partial | taxed | toAccount, withAmount},
	{"VA", opRefund, refundPath, "C0", partial | taxed | toAccount | bankHours, withAmount},
	{"VA", opWithdraw, withdrawPath, "A2", ofNumber, withZero},
}

// withAmount and withZero are the recipes of pktHash. (A Markdown rendering of the documents has
// withZero for CA and RA too; their own JSON example has not.)
func withAmount(p standardParams, amount string) []string {
	return []string{p.TrdDt, p.TrdTm, p.MchtID, p.MchtTrdNo, amount}
}

func withZero(p standardParams, _ string) []string { return withAmount(p, "0") }

func (op operation) is(t traits) bool { return op.traits&t != 0 }

// operationFor returns the operation that r asks for at now, or what is wrong with it. Cancelling a
// phone payment of a month that has passed is refunding it.
func operationFor(r CancelRequest, now time.Time) (operation, string) {
	op, fault := find(r.Method, cmp.Or(r.Operation, opCancel))
	if fault != "" || !op.is(sameMonth) {
		return op, fault
	}
	paid, err := time.ParseInLocation("20060102", r.OrgTrdDt, kst)
	if err != nil {
		return operation{}, "orgTrdDt is no date yyyyMMdd"
	}
	if y, m, _ := now.In(kst).Date(); !paid.Before(time.Date(y, m, 1, 0, 0, 0, 0, kst)) {
		return op, ""
	}
	if r.RefundBankCd == "" && r.RefundAcntNo == "" && r.RefundDpstrNm == "" {
		return operation{}, "a phone payment can be cancelled in its calendar month only, which has passed (Korean time): " +
			"it needs a refund, with refundBankCd, refundAcntNo and refundDpstrNm"
	}
	return find(r.Method, opRefund)
}

// find looks an operation up. Its faults repeat only what cannot be an account number put in the
// wrong field.
func find(method, name string) (operation, string) {
	if !slices.ContainsFunc(operations, func(op operation) bool { return op.name == name }) {
		return operation{}, "operation is none of cancel, refund and withdraw"
	}
	var methods, names []string
	for _, op := range operations {
		known := strings.Fields(op.methods)
		if !slices.Contains(known, method) {
			methods = append(methods, known...)
			continue
		}
		if op.name == name {
			return op, ""
		}
		names = append(names, op.name)
	}
	switch {
	case len(names) > 0:
		return operation{}, fmt.Sprintf("method %s has no operation %s: it has %s", method, name, strings.Join(names, " and "))
	case method == "":
		return operation{}, "method is missing: protocol 0A19 needs the payment's"
	}
	slices.Sort(methods)
	return operation{}, "method is none of " + strings.Join(slices.Compact(methods), " ")
}

// The banks' daily maintenance, from and to, since midnight in Korea.
const (
	bankCloses = 23*time.Hour + 30*time.Minute
	bankOpens  = 35 * time.Minute
)

// Hold tells until when a request like r must wait at now, and why; a zero time: it need not. A
// virtual account's refund (protocol [Standard]) fails while the banks are in maintenance, daily
// from 23:30 to 00:35 Korean time.
func Hold(r CancelRequest, p Protocol, now time.Time) (until time.Time, reason string) {
	if p != Standard {
		return time.Time{}, ""
	}
	if op, fault := operationFor(r, now); fault != "" || !op.is(bankHours) {
		return time.Time{}, ""
	}
	y, m, d := now.In(kst).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, kst)
	switch since := now.Sub(midnight); {
	case since < bankOpens:
		until = midnight.Add(bankOpens)
	case since >= bankCloses:
		until = midnight.AddDate(0, 0, 1).Add(bankOpens)
	default:
		return time.Time{}, ""
	}
	return until, "a virtual account's refund waits for the banks, which are in maintenance from 23:30 to 00:35 Korean time"
}
