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
	err := x.Validate(c.now())
	if c.merchants == nil || x.MchtID == "" {
		return err
	}
	faults := merchantFaults(x, c.merchants)
	if len(faults) == 0 {
		return err
	}
	e := &InvalidError{Key: x.IdempotencyKey}
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		e.Key, e.Faults = invalid.Key, slices.Clone(invalid.Faults)
	}
	e.Faults = append(e.Faults, faults...)
	slices.SortStableFunc(e.Faults, func(a, b Fault) int { return cmp.Compare(rank(a), rank(b)) })
	return e
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
	case protocol == settlebank.Protocol0A19 && utf8.RuneCountInString(x.OrgTrdNo) > settlebank.MaxOrgTrdNo0A19:
		fault(fieldOrgTrdNo, "has more than 40 characters, which the merchant's protocol 0A19 does not take")
	}
	return faults
}
