package simulator

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"settlecancel/gateway/settlebank"
)

// ErrRegistered is returned by Register for an original, or a merchant's order number, that is
// there already.
var ErrRegistered = errors.New("already registered")

// Original is a payment that can be cancelled.
type Original struct {
	MchtID       string `json:"mchtId"`
	OrgTrdNo     string `json:"orgTrdNo"`
	OrgMchtTrdNo string `json:"orgMchtTrdNo"`
	OrgTrdDt     string `json:"orgTrdDt"`           // yyyyMMdd, Korean time
	OrgTrdTm     string `json:"orgTrdTm,omitempty"` // HHmmss; empty: a flat inquiry may name any time
	Amount       int64  `json:"amount"`             // in the currency's smallest unit: won, or cents
	Currency     string `json:"currency,omitempty"` // KRW, or USD for a card paid abroad; empty: KRW
	// Method is the two letters of the payment method; empty: CA, or for an original that was
	// created on first sight whatever the first request says that names one.
	Method string `json:"method,omitempty"`
	// Provider is the two letters by which inquiries and collations of real temper know an easy
	// payment, method PZ: KP, NP, PC or WL. Empty: one of the first three, chosen by OrgTrdNo.
	Provider string `json:"provider,omitempty"`
	// NoPartial refuses partial cancellations, as vouchers always do.
	NoPartial bool `json:"noPartial,omitempty"`
	// CancelUntil is the last day, yyyyMMdd in Korean time, on which it may be cancelled; a refund
	// still may follow. Empty: for ever, but in protocol 0A19 a phone payment only in its own
	// calendar month.
	CancelUntil string `json:"cancelUntil,omitempty"`
	// RfdPsblCd reports whether a refund of a phone payment or of a virtual account is open: Y, N for
	// a merchant that is not registered for it, C for conditions not met. Empty: N for a merchant
	// with NoRefund, C for a phone payment that may still be cancelled, else Y.
	RfdPsblCd string `json:"rfdPsblCd,omitempty"`
	// VAcntNo is the virtual account number that a withdrawal must name; empty: any. It is never
	// shown again.
	VAcntNo string `json:"vAcntNo,omitempty"`
}

// check names every fault of an original that somebody registers.
func (o Original) check(merchants map[string]Merchant) error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, known := merchants[o.MchtID]
	fault(!known, "mchtId %q: no such merchant", o.MchtID)
	fault(o.OrgTrdNo == "" || len(o.OrgTrdNo) > 50, "orgTrdNo %q: must have 1 to 50 bytes", o.OrgTrdNo)
	fault(o.OrgMchtTrdNo == "" || len(o.OrgMchtTrdNo) > 100, "orgMchtTrdNo %q: must have 1 to 100 bytes", o.OrgMchtTrdNo)
	fault(!isDate(o.OrgTrdDt), "orgTrdDt %q: must be a day that exists, yyyyMMdd", o.OrgTrdDt)
	fault(o.OrgTrdTm != "" && !isTime(o.OrgTrdTm), "orgTrdTm %q: must be a time of day, HHmmss", o.OrgTrdTm)
	fault(o.Amount <= 0 || o.Amount > settlebank.MaxAmount, "amount %d: must be 1 to %d", o.Amount, settlebank.MaxAmount)
	fault(o.Method != "" && !isMethod(o.Method), "method %q: no such payment method", o.Method)
	fault(o.Provider != "" && (o.Method != settlebank.EasyPay || !isProvider(o.Provider)),
		"provider %q: must be one of %s, and of method %s alone", o.Provider, strings.Join(providers(), ", "), settlebank.EasyPay)
	fault(o.Currency != "" && !isCurrency(o.Currency), "currency %q: must be KRW or USD", o.Currency)
	fault(o.Currency == "USD" && o.Method != "" && o.Method != "CA", "currency USD: only cards are paid abroad, not method %q", o.Method)
	fault(o.CancelUntil != "" && !isDate(o.CancelUntil), "cancelUntil %q: must be a day that exists, yyyyMMdd", o.CancelUntil)
	fault(o.RfdPsblCd != "" && o.RfdPsblCd != "Y" && o.RfdPsblCd != "N" && o.RfdPsblCd != "C", "rfdPsblCd %q: must be Y, N or C", o.RfdPsblCd)
	fault(o.RfdPsblCd != "" && !traitsOf(o.Method).refunds, "rfdPsblCd: only phone payments and virtual accounts are refunded, not method %q", o.Method)
	fault(o.VAcntNo != "" && o.Method != "VA", "vAcntNo: only method VA has one")
	fault(o.VAcntNo != "" && !isAccount(o.VAcntNo), "vAcntNo: must be 1 to %d digits", settlebank.MaxVAcntNo)
	return errors.Join(faults...)
}

// providerOr is the provider of an easy payment: its own, else the one that is told, else one
// chosen by its number; "" of any other payment.
func (o Original) providerOr(told string) string {
	switch {
	case o.Method != settlebank.EasyPay || o.Provider != "":
		return o.Provider
	case told != "":
		return told
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(o.OrgTrdNo)) // which never fails
	return providers()[h.Sum32()%3]
}
