package tasks

import (
	"cmp"
	"errors"
	"slices"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// checkIntake checks a cancellation before it is accepted: against every rule for cancellations,
// and against what is known of its merchant where the client has a list of merchants. What the
// merchant's protocol cannot say would be accepted, and then refused for good.
func (c *Client) checkIntake(x Cancellation) error {
	var e, merchant *InvalidError
	err := x.Validate(c.now())
	if !errors.As(c.CheckMerchant(x), &merchant) {
		return err
	}
	if !errors.As(err, &e) {
		return merchant
	}
	e = &InvalidError{Key: e.Key, Faults: append(slices.Clone(e.Faults), merchant.Faults...)}
	slices.SortStableFunc(e.Faults, func(a, b Fault) int { return cmp.Compare(rank(a), rank(b)) })
	return e
}

// CheckMerchant returns an *InvalidError where x does not go with its merchant: the merchant is not
// configured, or its protocol cannot say what x asks for. A client without a list of merchants
// finds nothing.
func (c *Client) CheckMerchant(x Cancellation) error {
	if c.merchants == nil || x.MchtID == "" {
		return nil
	}
	if faults := merchantFaults(x, c.merchants); len(faults) > 0 {
		return &InvalidError{Key: x.IdempotencyKey, Faults: faults}
	}
	return nil
}

// merchantFaults says what of x does not go with its merchant.
func merchantFaults(x Cancellation, merchants func(id string) (settlebank.Protocol, bool)) (faults []Fault) {
	fault := func(f field, message string) { faults = append(faults, Fault{f.String(), message}) }
	protocol, known := merchants(x.MchtID)
	switch {
	case !known:
		fault(fieldMchtID, "is no merchant that is configured here")
	case protocol == settlebank.Flat && x.Currency == CurrencyUSD:
		fault(fieldCurrency, "is USD, and the merchant's protocol flat knows only won")
	case protocol == settlebank.Flat && x.Operation != "" && x.Operation != OperationCancel:
		fault(fieldOperation, "is "+x.Operation+", and the merchant's protocol flat knows only cancel")
	case protocol == settlebank.Protocol0A19 && x.Method == "" && x.Operation != OperationWithdraw:
		fault(fieldMethod, "is required: the merchant's protocol 0A19 names it in each request")
	case protocol == settlebank.Protocol0A19 && utf8.RuneCountInString(x.OrgTrdNo) > settlebank.MaxOrgTrdNo0A19:
		fault(fieldOrgTrdNo, "has more than 40 characters, which the merchant's protocol 0A19 does not take")
	}
	return faults
}
