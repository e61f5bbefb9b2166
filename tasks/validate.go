package tasks

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/strictjson"
)

// The longest texts of our own, in characters. A reason may be longer than what
// the gateway shows of it.
const (
	maxKey    = 64
	maxReason = 1000
)

// dateGrace is how far ahead a payment's date may lie: around midnight, "today" of whoever took the
// payment is tomorrow by a clock that is behind. A refund must not be refused for that; whether
// there is such a payment, the gateway says. What lies further ahead is a slip.
const dateGrace = 24 * time.Hour

// An alphabet is the set of characters a text may be made of.
type alphabet struct {
	name   string
	allows func(rune) bool
}

var (
	keyAlphabet  = alphabet{"A-Z a-z 0-9 . _ : -", func(r rune) bool { return alphanumeric(r) || strings.ContainsRune("._:-", r) }}
	mchtAlphabet = alphabet{"A-Z a-z 0-9 _ -", func(r rune) bool { return alphanumeric(r) || r == '_' || r == '-' }}
	ascii        = alphabet{"printable ASCII", func(r rune) bool { return ' ' <= r && r <= '~' }}
	printable    = alphabet{"printable characters", unicode.IsPrint}
	digits       = alphabet{"digits", func(r rune) bool { return '0' <= r && r <= '9' }}
	prose        = alphabet{"characters other than control characters", func(r rune) bool {
		return !unicode.IsControl(r) || r == '\n' || r == '\r' || r == '\t'
	}}
)

func alphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

// foreign returns the byte where the first character stands that is not in a,
// -1 if there is none.
func (a alphabet) foreign(text string) int {
	for i, r := range text {
		if !a.allows(r) {
			return i
		}
	}
	return -1
}

func (a alphabet) holds(text string) bool { return a.foreign(text) < 0 }

// Validate checks c against every rule for cancellations: what is required for
// its operation, lengths, characters, dates that exist and are not after now in
// Korean time, amounts. It returns an *InvalidError that names every fault, or
// nil. Whether compound tax amounts add up to canAmt is left to the gateway
// (ST55), whose documents do not say which of them do.
func (c Cancellation) Validate(now time.Time) error {
	d := draft{c: c}
	d.judge(now)
	return d.err()
}

// judge checks all that could be read.
func (d *draft) judge(now time.Time) {
	c := &d.c
	d.checkRequired(fieldKey, c.IdempotencyKey)
	d.checkText(fieldKey, c.IdempotencyKey, maxKey, keyAlphabet)
	if c.IdempotencyKey == "." || c.IdempotencyKey == ".." {
		d.fault(fieldKey, "must not be . or .., which no URL can name")
	}
	d.checkRequired(fieldMchtID, c.MchtID)
	d.checkText(fieldMchtID, c.MchtID, settlebank.MaxMchtID, mchtAlphabet)
	d.checkRequired(fieldOrgTrdNo, c.OrgTrdNo)
	d.checkIdentifier(fieldOrgTrdNo, c.OrgTrdNo, settlebank.MaxOrgTrdNo, ascii)
	d.checkRequired(fieldOrgMchtTrdNo, c.OrgMchtTrdNo)
	d.checkIdentifier(fieldOrgMchtTrdNo, c.OrgMchtTrdNo, settlebank.MaxMchtTrdNo, printable)
	d.checkRequired(fieldOrgTrdDt, c.OrgTrdDt)
	d.checkDate(fieldOrgTrdDt, c.OrgTrdDt, now)
	d.checkText(fieldReason, c.Reason, maxReason, prose)
	d.checkChoices()
	d.checkAmounts()
	d.checkSoFar()
	d.checkTax()
	d.checkAccount()
}

func (d *draft) checkRequired(f field, text string) {
	if text == "" {
		d.fault(f, "is required")
	}
}

// checkText checks the characters of a text and their number.
func (d *draft) checkText(f field, text string, longest int, a alphabet) {
	if !utf8.ValidString(text) {
		d.fault(f, "%v", strictjson.ErrNotUTF8)
		return
	}
	if n := utf8.RuneCountInString(text); n > longest {
		d.fault(f, "has %d characters, at most %d are taken", n, longest)
	}
	if i := a.foreign(text); i >= 0 {
		d.fault(f, "must be made of %s; character %d is not", a.name, utf8.RuneCountInString(text[:i])+1)
	}
}

// checkIdentifier checks a text that must match another one exactly, where a space
// at an end is a slip nobody sees.
func (d *draft) checkIdentifier(f field, text string, longest int, a alphabet) {
	d.checkText(f, text, longest, a)
	if strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ") {
		d.fault(f, "must not start or end with a space")
	}
}

// checkDate checks a date of the form yyyyMMdd in Korean time.
func (d *draft) checkDate(f field, date string, now time.Time) {
	if date == "" {
		return
	}
	if len(date) != len(settlebank.FirstDate) || !digits.holds(date) {
		d.fault(f, "must be a date of 8 digits, yyyyMMdd")
		return
	}
	if _, err := time.Parse(settlebank.DateLayout, date); err != nil {
		d.fault(f, "%q is no date of the calendar", date)
		return
	}
	if date < settlebank.FirstDate {
		d.fault(f, "%q lies before %s", date, settlebank.FirstDate)
	}
	if date > settlebank.Date(now.Add(dateGrace)) {
		d.fault(f, "%q lies in the future: in Korea it is %s", date, settlebank.Date(now))
	}
}

// checkChoices checks the fields that take one of a few values.
func (d *draft) checkChoices() {
	c := &d.c
	d.checkChoice(fieldMethod, c.Method, settlebank.Methods())
	d.checkChoice(fieldOperation, c.Operation, settlebank.Ops())
	d.checkChoice(fieldCurrency, c.Currency, settlebank.Currencies())
	d.checkChoice(fieldTaxTypeCd, c.TaxTypeCd, settlebank.TaxTypes())
	if c.Operation == "" || c.Operation == OperationCancel {
		return // what it goes with hangs on the protocol
	}
	fitting := settlebank.MethodsOf(c.Operation)
	if fitting != nil && slices.Contains(settlebank.Methods(), c.Method) && !slices.Contains(fitting, c.Method) {
		d.fault(fieldMethod, "%q does not go with operation %s, which takes %s", c.Method, c.Operation, strings.Join(fitting, " or "))
	}
}

func (d *draft) checkChoice(f field, value string, from []string) {
	if value != "" && !slices.Contains(from, value) {
		d.fault(f, "is %q, must be one of %s", echo(value), strings.Join(from, " "))
	}
}

// checkAmounts checks what is to be cancelled against the original.
func (d *draft) checkAmounts() {
	c := &d.c
	d.checkLimit(fieldCanAmt, c.CanAmt)
	d.checkLimit(fieldOrgTrdAmt, c.OrgTrdAmt)
	if c.OrgTrdAmt < 0 {
		d.fault(fieldOrgTrdAmt, "must be above 0")
	}
	switch {
	case c.Operation == OperationWithdraw:
		if c.CanAmt != 0 {
			d.fault(fieldCanAmt, "must be left out for operation withdraw, which moves no money")
		}
	case c.CanAmt <= 0:
		d.fault(fieldCanAmt, "is required and must be above 0 (operation withdraw alone goes without)")
	case c.OrgTrdAmt > 0 && c.CanAmt > c.OrgTrdAmt:
		d.fault(fieldCanAmt, "is above orgTrdAmt, the amount of the original")
	}
}

func (d *draft) checkLimit(f field, amount int64) {
	if amount > settlebank.MaxAmount {
		d.fault(f, "has more than %d digits", settlebank.AmountDigits)
	}
}

// checkSoFar checks what is said to be cancelled already.
func (d *draft) checkSoFar() {
	c := &d.c
	switch {
	case c.CancelledSoFar == nil:
	case c.Operation == OperationWithdraw:
		d.fault(fieldCancelledSoFar, "must be left out for operation withdraw, which moves no money")
	case *c.CancelledSoFar < 0:
		d.fault(fieldCancelledSoFar, "must be 0 or above")
	case c.OrgTrdAmt > 0 && c.CanAmt > 0 && *c.CancelledSoFar > c.OrgTrdAmt-c.CanAmt:
		d.fault(fieldCancelledSoFar, "and canAmt together are above orgTrdAmt, the amount of the original")
	default:
		d.checkLimit(fieldCancelledSoFar, *c.CancelledSoFar)
	}
}

// checkTax checks the parts of a compound amount.
func (d *draft) checkTax() {
	c := &d.c
	for _, part := range []struct {
		f        field
		amount   *int64
		compound bool
	}{
		{fieldTaxAmt, c.TaxAmt, true},
		{fieldVatAmt, c.VatAmt, true},
		{fieldTaxFreeAmt, c.TaxFreeAmt, true},
		{fieldSvcAmt, c.SvcAmt, false},
	} {
		switch {
		case part.amount == nil:
			if part.compound && c.TaxTypeCd == settlebank.TaxCompound {
				d.fault(part.f, "is required for taxTypeCd G")
			}
		case *part.amount < 0:
			d.fault(part.f, "must be 0 or above")
		default:
			d.checkLimit(part.f, *part.amount)
		}
	}
}

// checkAccount checks the bank account money goes to, and the virtual one that is
// given up. Its faults say nothing about the digits that were given.
func (d *draft) checkAccount() {
	c := &d.c
	if c.Operation == OperationRefund {
		d.checkRequiredFor(OperationRefund, fieldRefundBankCd, c.RefundBankCd)
	}
	if c.RefundBankCd != "" && (len(c.RefundBankCd) != settlebank.RefundBankCdLen || !digits.holds(c.RefundBankCd)) {
		d.fault(fieldRefundBankCd, "must be 3 digits")
	}
	if d.stored {
		d.checkSealed()
		return
	}
	switch c.Operation {
	case OperationRefund:
		d.checkRequiredFor(OperationRefund, fieldRefundAcntNo, c.RefundAcntNo)
		d.checkRequiredFor(OperationRefund, fieldRefundDpstrNm, c.RefundDpstrNm)
	case OperationWithdraw:
		d.checkRequiredFor(OperationWithdraw, fieldVAcntNo, c.VAcntNo)
	}
	if len(c.RefundAcntNo) > settlebank.MaxRefundAcntNo || !digits.holds(c.RefundAcntNo) {
		d.fault(fieldRefundAcntNo, "must be 1 to %d digits", settlebank.MaxRefundAcntNo)
	}
	d.checkIdentifier(fieldRefundDpstrNm, c.RefundDpstrNm, settlebank.MaxRefundDpstrNm, printable)
	if len(c.VAcntNo) > settlebank.MaxVAcntNo || !digits.holds(c.VAcntNo) {
		d.fault(fieldVAcntNo, "must be 1 to %d digits", settlebank.MaxVAcntNo)
	}
}

func (d *draft) checkRequiredFor(operation string, f field, text string) {
	if text == "" {
		d.fault(f, "is required for operation %s", operation)
	}
}
