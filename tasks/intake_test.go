package tasks

import (
	"errors"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
)

// TestIntakeMerchants: what no configured merchant can send is refused before it is stored, with
// everything else that is wrong, unless the client has no list of merchants.
func TestIntakeMerchants(t *testing.T) {
	t.Parallel()
	merchants := func(id string) (settlebank.Protocol, bool) {
		p, ok := map[string]settlebank.Protocol{"flat_shop": settlebank.Flat, "std_shop": settlebank.Protocol0A19}[id]
		return p, ok
	}
	c := &Client{now: func() time.Time { return parseNow }, merchants: merchants}
	open := &Client{now: c.now}
	for _, tt := range []struct {
		name string
		edit func(*Cancellation)
		want string // "": none
	}{
		{"OK flat", func(x *Cancellation) { x.MchtID = "flat_shop" }, ""},
		{"OK 0A19", func(x *Cancellation) { x.MchtID = "std_shop" }, ""},
		{"OK dollars", func(x *Cancellation) { x.MchtID, x.Currency = "std_shop", "USD" }, ""},
		{"OK withdrawal", func(x *Cancellation) { *x = wellFormedWithdrawal(); x.MchtID, x.Method = "std_shop", "" }, ""},
		{"ErrRefund", func(x *Cancellation) { x.MchtID, x.Operation = "flat_shop", OperationRefund }, "operation is refund, and the merchant's protocol flat knows only cancel"},
		{"ErrNoMethod", func(x *Cancellation) { x.MchtID, x.Method = "std_shop", "" }, "method is required: the merchant's protocol 0A19"},
		{"OK long number", func(x *Cancellation) { x.MchtID, x.OrgTrdNo = "flat_shop", strings.Repeat("1", 50) }, ""},
		{"ErrMerchant", func(x *Cancellation) { x.MchtID = "nobody" }, "mchtId is no merchant that is configured here"},
		{"ErrDollars", func(x *Cancellation) { x.MchtID, x.Currency = "flat_shop", "USD" }, "currency is USD, and the merchant's protocol flat knows only won"},
		{"ErrLongNumber", func(x *Cancellation) { x.MchtID, x.OrgTrdNo = "std_shop", strings.Repeat("1", 41) }, "orgTrdNo has more than 40 characters"},
		{"ErrAllAtOnce", func(x *Cancellation) { x.MchtID, x.CanAmt, x.OrgTrdNo = "nobody", 0, "" },
			"mchtId is no merchant that is configured here; orgTrdNo is required; canAmt is required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := wellFormed()
			tt.edit(&x)
			err := c.checkIntake(x)
			if tt.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var invalid *InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.want) || invalid.Key != x.IdempotencyKey {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if err := open.checkIntake(x); err != nil && strings.Contains(err.Error(), "merchant") {
				t.Errorf("without a list: %v", err)
			}
		})
	}
}
