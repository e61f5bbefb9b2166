package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"settlecancel/gateway/settlebank"
)

// Class says what an answer, or its absence, means for the money.
type Class = settlebank.Class

// The classes, as package settlebank explains them.
const (
	OK            = settlebank.OK
	Already       = settlebank.Already
	Duplicate     = settlebank.Duplicate
	Transient     = settlebank.Transient
	Misconfigured = settlebank.Misconfigured
	Rejected      = settlebank.Rejected
	Unknown       = settlebank.Unknown
)

// Classify returns what a result code means in the answer to a cancellation.
func Classify(code string) (class Class, listed bool) { return settlebank.Classify(code) }

// Local is the [Outcome.Code] of a refusal made here, before any request.
const Local = "local"

// The values of [Inquiry.State].
const (
	// StateNormal: the original stands (virtual account: paid in); parts of it may have been
	// cancelled.
	StateNormal = "normal"
	// StateCancelled: the original is cancelled (virtual account: refunded).
	StateCancelled = "cancelled"
)

// CancelRequest is one attempt to cancel. Fields bear the gateway's names; amounts are in the
// currency's smallest unit. Formatted or logged, it shows which payment it is about, and nothing of
// the accounts.
type CancelRequest struct {
	// ID is the cancellation's own id at the gateway, the same at every attempt (0A19 mchtTrdNo).
	ID string
	// Round counts the cancellations of the original, from 1 (0A19 cnclOrd).
	Round int

	MchtID, OrgTrdNo, OrgMchtTrdNo string
	// OrgTrdDt is the original's date, yyyyMMdd, Korean time.
	OrgTrdDt string

	// CanAmt is the amount to cancel.
	CanAmt int64
	// OrgTrdAmt is the original's amount; 0: not known.
	OrgTrdAmt int64

	// Method is the payment method's two letters; Operation "cancel" (or empty), "refund" or
	// "withdraw"; Currency "KRW" (or empty) or "USD". 0A19 sends the first 255 characters of
	// Reason, and the tax fields only where the method has them; flat sends none of these.
	Method, Reason, Operation, Currency, TaxTypeCd string
	// The parts of CanAmt; nil: not given.
	TaxAmt, VatAmt, TaxFreeAmt, SvcAmt *int64

	RefundBankCd, RefundAcntNo, RefundDpstrNm, VAcntNo string
}

// Format prints which payment the request is about, whatever the verb.
func (r CancelRequest) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "cancellation "+r.ID+" of "+r.MchtID+"/"+r.OrgTrdNo)
}

// LogValue logs which payment the request is about.
func (r CancelRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("mcht_id", r.MchtID), slog.String("org_trd_no", r.OrgTrdNo))
}

// Outcome is what became of a request.
type Outcome struct {
	// Class is what to conclude; it is never empty.
	Class Class
	// Code is the gateway's result code; "" where none came, [Local] for a refusal made before any
	// request.
	Code string
	// Message is the gateway's, or says why there is none: one line of at most 200 characters,
	// without secrets.
	Message string
	// Listed reports whether Code stands in result-codes.csv.
	Listed bool
	// CanTrdNo is the cancellation's number at the gateway; set where a cancellation's Class is OK.
	CanTrdNo string
	// Detail is what a [Protocol0A19] answer tells besides.
	Detail Detail
	// HTTPStatus is 0 where no answer came.
	HTTPStatus int
	// Written reports whether a byte of the request may have left: without one, nothing was applied.
	Written bool
	// Raw is the body of the answer, also of one that is none of the gateway's or that broke off: at
	// most 600 characters on one line, with every value hidden that nobody may see. It is for people.
	Raw string
	// Err is the failure of the transport, if it was one: it wraps its cause (the caller's, for a
	// cancelled context).
	Err error
}

// The values of [Detail.RefundPossible].
const (
	// RefundOpen: the refund operation is open for this payment.
	RefundOpen = "Y"
	// RefundNotRegistered: the merchant is not registered for refunds.
	RefundNotRegistered = "N"
	// RefundNotMet: the conditions of a refund are not met.
	RefundNotMet = "C"
)

// Detail is what an answer of protocol [Protocol0A19] tells of a cancellation besides its class.
// Each amount is set only where the Class is OK and the answer has the amount in legible form, in
// the smallest unit of the request's currency.
type Detail struct {
	// CancelledAmt (cnclAmt) is what was cancelled: the amount asked for.
	CancelledAmt *int64
	// BalanceAmt (blcAmt) is what can still be cancelled of the original.
	BalanceAmt *int64
	// CardAmt, PointAmt and CouponAmt (cardCnclAmt, pntCnclAmt, coupCnclAmt) are the parts of
	// CancelledAmt by where they went.
	CardAmt, PointAmt, CouponAmt *int64
	// RefundPossible (rfdPsblCd) says of a phone payment whether it can be refunded to a bank
	// account instead:
	// [RefundOpen], [RefundNotRegistered], [RefundNotMet], or "" where the answer does not say.
	RefundPossible string
}

// InquiryRequest asks what became of an original transaction.
//
// The message names no currency, and the gateway's documents do not say in which unit it shows a
// payment in USD: the amounts of such an inquiry are those of the wire, to be compared with cents
// only by those who know that they are.
type InquiryRequest struct {
	// ID is unique to this inquiry (mchtTrdNo): up to 100 printable ASCII characters.
	ID string

	MchtID string
	// OrgTrdNo may be empty.
	OrgTrdNo, OrgMchtTrdNo string
	// OrgTrdDt is the original's date, yyyyMMdd, Korean time.
	OrgTrdDt string
	// Method is the payment method's two letters.
	Method string
	// OrgTrdAmt is the original's amount in KRW.
	OrgTrdAmt int64

	// Path is where the inquiry goes; empty: Options.InquiryPath.
	Path string

	// Turn, where set, is waited for before each message but the first, which is the caller's: an
	// easy payment may take several. Its error ends the inquiry.
	Turn func(context.Context) error
}

func (r InquiryRequest) turn(ctx context.Context) error {
	if r.Turn == nil {
		return nil
	}
	return r.Turn(ctx)
}

// Inquiry is the answer to an inquiry. Its Class is OK where the gateway told a state; only then
// the rest is set. That the inquiry is OK says nothing of a cancellation: Cancelled does.
//
// What to make of it, by class:
//
//	OK, CancelledKnown        a sum is shown: Cancelled
//	OK, not CancelledKnown    the payment is cancelled, and no sum at all was told (State is
//	                          StateCancelled): all of it, where nothing contradicts
//	Rejected                  refused for good ([Inquiry.Final]): asking again will be refused again
//	Misconfigured             keys, merchant, address or path: nobody can ask until they are mended
//	all else                  nothing was learned; ask again later
type Inquiry struct {
	Outcome
	// State is [StateNormal], [StateCancelled], or "" where Class is not OK.
	State string
	// Cancelled is what has been cancelled of the original so far, in KRW; 0 unless CancelledKnown.
	// While a transaction changes state the gateway may show an old one.
	Cancelled int64
	// CancelledKnown reports whether the gateway told the sum, if only by telling none of a payment
	// that stands.
	CancelledKnown bool
	// Method is the name under which the gateway knows the payment: of an easy payment, its
	// provider's.
	Method string
}

// Final reports whether the same inquiry will be refused again, however often it is made.
func (q Inquiry) Final() bool { return q.Class == Rejected }
