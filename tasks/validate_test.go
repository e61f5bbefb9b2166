package tasks

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*Cancellation){
		"OK longest texts": func(c *Cancellation) {
			c.IdempotencyKey = strings.Repeat("k", 64)
			c.MchtID = strings.Repeat("m", 12)
			c.OrgTrdNo = strings.Repeat("t", 50)
			c.OrgMchtTrdNo = strings.Repeat("주", 100)
			c.Reason = strings.Repeat("환", 1000)
		},
		"OK every character of a key":   func(c *Cancellation) { c.IdempotencyKey = "azAZ09._:-" },
		"OK every character of mchtId":  func(c *Cancellation) { c.MchtID = "azAZ09_-" },
		"OK space within":               func(c *Cancellation) { c.OrgTrdNo, c.OrgMchtTrdNo = "a b", "주문 1" },
		"OK multi-line reason":          func(c *Cancellation) { c.Reason = " one\r\n\ttwo 👨‍👩‍👧 " },
		"OK today in Korea":             func(c *Cancellation) { c.OrgTrdDt = "20260201" },
		"OK leap day":                   func(c *Cancellation) { c.OrgTrdDt = "20240229" },
		"OK earliest":                   func(c *Cancellation) { c.OrgTrdDt = "20000101" },
		"OK full":                       func(c *Cancellation) { c.CanAmt = c.OrgTrdAmt },
		"OK original not known":         func(c *Cancellation) { c.OrgTrdAmt = 0 },
		"OK largest amounts":            func(c *Cancellation) { c.CanAmt, c.OrgTrdAmt = 999999999999, 999999999999 },
		"OK dollars":                    func(c *Cancellation) { c.Currency = CurrencyUSD },
		"OK tax amounts without G":      func(c *Cancellation) { c.TaxTypeCd, c.TaxAmt = "N", new(int64(500)) },
		"OK account without refund":     func(c *Cancellation) { c.RefundAcntNo = "123" },
		"OK refund":                     func(c *Cancellation) { *c = wellFormedRefund() },
		"OK refund of a phone payment":  func(c *Cancellation) { *c = wellFormedRefund(); c.Method = "MP" },
		"OK refund, method not known":   func(c *Cancellation) { *c = wellFormedRefund(); c.Method = "" },
		"OK longest account":            func(c *Cancellation) { *c = wellFormedRefund(); c.RefundAcntNo = strings.Repeat("1", 16) },
		"OK longest account holder":     func(c *Cancellation) { *c = wellFormedRefund(); c.RefundDpstrNm = strings.Repeat("홍", 50) },
		"OK withdrawal":                 func(c *Cancellation) { *c = wellFormedWithdrawal() },
		"OK withdrawal, none but names": func(c *Cancellation) { *c = wellFormedWithdrawal(); c.Method, c.OrgTrdAmt = "", 0 },
		"OK explicit defaults":          func(c *Cancellation) { c.Operation, c.Currency, c.TaxTypeCd = "cancel", "KRW", "Y" },
	}
	for _, method := range []string{"CA", "RA", "MP", "TC", "HM", "CG", "SG", "BG", "TM", "CP", "PZ", "VA"} {
		tests["OK method "+method] = func(c *Cancellation) { c.Method = method }
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := wellFormed()
			change(&c)
			if err := c.Validate(parseNow); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	const (
		idAlphabet  = "must be made of printable ASCII; character "
		anyAlphabet = "must be made of printable characters; character "
		canRequired = "canAmt is required and must be above 0 (operation withdraw alone goes without)"
		noEdges     = "must not start or end with a space"
	)
	tests := []struct {
		name   string
		change func(*Cancellation)
		want   []string
	}{
		{"ErrKeyMissing", func(c *Cancellation) { c.IdempotencyKey = "" }, []string{"idempotencyKey is required"}},
		{"ErrKeyLong", func(c *Cancellation) { c.IdempotencyKey = strings.Repeat("k", 65) }, []string{"idempotencyKey has 65 characters, at most 64 are taken"}},
		{"ErrKeySlash", func(c *Cancellation) { c.IdempotencyKey = "a/b" }, []string{"idempotencyKey must be made of A-Z a-z 0-9 . _ : -; character 2 is not"}},
		{"ErrKeyNewline", func(c *Cancellation) { c.IdempotencyKey = "ab\n" }, []string{"idempotencyKey must be made of A-Z a-z 0-9 . _ : -; character 3 is not"}},
		{"ErrMerchantMissing", func(c *Cancellation) { c.MchtID = "" }, []string{"mchtId is required"}},
		{"ErrMerchantLong", func(c *Cancellation) { c.MchtID = strings.Repeat("m", 13) }, []string{"mchtId has 13 characters, at most 12 are taken"}},
		{"ErrMerchantBrace", func(c *Cancellation) { c.MchtID = "a{b}" }, []string{"mchtId must be made of A-Z a-z 0-9 _ -; character 2 is not"}},
		{"ErrMerchantColon", func(c *Cancellation) { c.MchtID = "a:b" }, []string{"mchtId must be made of A-Z a-z 0-9 _ -; character 2 is not"}},
		{"ErrMerchantSpace", func(c *Cancellation) { c.MchtID = "ab " }, []string{"mchtId must be made of A-Z a-z 0-9 _ -; character 3 is not"}},
		{"ErrTrdNoMissing", func(c *Cancellation) { c.OrgTrdNo = "" }, []string{"orgTrdNo is required"}},
		{"ErrTrdNoLong", func(c *Cancellation) { c.OrgTrdNo = strings.Repeat("t", 51) }, []string{"orgTrdNo has 51 characters, at most 50 are taken"}},
		{"ErrTrdNoKorean", func(c *Cancellation) { c.OrgTrdNo = "ab한" }, []string{"orgTrdNo " + idAlphabet + "3 is not"}},
		{"ErrTrdNoControl", func(c *Cancellation) { c.OrgTrdNo = "a\x7fb" }, []string{"orgTrdNo " + idAlphabet + "2 is not"}},
		{"ErrTrdNoTab", func(c *Cancellation) { c.OrgTrdNo = "a\t" }, []string{"orgTrdNo " + idAlphabet + "2 is not"}},
		{"ErrTrdNoSpaceBefore", func(c *Cancellation) { c.OrgTrdNo = " a" }, []string{"orgTrdNo " + noEdges}},
		{"ErrTrdNoSpaceAfter", func(c *Cancellation) { c.OrgTrdNo = "a " }, []string{"orgTrdNo " + noEdges}},
		{"ErrOrderMissing", func(c *Cancellation) { c.OrgMchtTrdNo = "" }, []string{"orgMchtTrdNo is required"}},
		{"ErrOrderLong", func(c *Cancellation) { c.OrgMchtTrdNo = strings.Repeat("주", 101) }, []string{"orgMchtTrdNo has 101 characters, at most 100 are taken"}},
		{"ErrOrderControl", func(c *Cancellation) { c.OrgMchtTrdNo = "주\u0000" }, []string{"orgMchtTrdNo " + anyAlphabet + "2 is not"}},
		{"ErrOrderInvisible", func(c *Cancellation) { c.OrgMchtTrdNo = "a\u200b" }, []string{"orgMchtTrdNo " + anyAlphabet + "2 is not"}},
		{"ErrOrderWideSpace", func(c *Cancellation) { c.OrgMchtTrdNo = "\u3000a" }, []string{"orgMchtTrdNo " + anyAlphabet + "1 is not"}},
		{"ErrOrderSpace", func(c *Cancellation) { c.OrgMchtTrdNo = "a " }, []string{"orgMchtTrdNo " + noEdges}},
		{"ErrOrderNotUTF8", func(c *Cancellation) { c.OrgMchtTrdNo = "a\xff" }, []string{"orgMchtTrdNo holds bytes that are not UTF-8"}},
		{"ErrDateMissing", func(c *Cancellation) { c.OrgTrdDt = "" }, []string{"orgTrdDt is required"}},
		{"ErrDateForm", func(c *Cancellation) { c.OrgTrdDt = "2023-12-15" }, []string{"orgTrdDt must be a date of 8 digits, yyyyMMdd"}},
		{"ErrDateShort", func(c *Cancellation) { c.OrgTrdDt = "2023121" }, []string{"orgTrdDt must be a date of 8 digits, yyyyMMdd"}},
		{"ErrDateLetters", func(c *Cancellation) { c.OrgTrdDt = "2023Dec1" }, []string{"orgTrdDt must be a date of 8 digits, yyyyMMdd"}},
		{"ErrDateDay", func(c *Cancellation) { c.OrgTrdDt = "20230431" }, []string{`orgTrdDt "20230431" is no date of the calendar`}},
		{"ErrDateMonth", func(c *Cancellation) { c.OrgTrdDt = "20231301" }, []string{`orgTrdDt "20231301" is no date of the calendar`}},
		{"ErrDateLeap", func(c *Cancellation) { c.OrgTrdDt = "20230229" }, []string{`orgTrdDt "20230229" is no date of the calendar`}},
		{"ErrDateAfterTomorrow", func(c *Cancellation) { c.OrgTrdDt = "20260203" }, []string{`orgTrdDt "20260203" lies in the future: in Korea it is 20260201`}},
		{"ErrDateEarly", func(c *Cancellation) { c.OrgTrdDt = "19991231" }, []string{`orgTrdDt "19991231" lies before 20000101`}},
		{"ErrAmountMissing", func(c *Cancellation) { c.CanAmt = 0 }, []string{canRequired}},
		{"ErrAmountNegative", func(c *Cancellation) { c.CanAmt = -1 }, []string{canRequired}},
		{"ErrAmountLong", func(c *Cancellation) { c.CanAmt, c.OrgTrdAmt = 1e12, 0 }, []string{"canAmt has more than 12 digits"}},
		{"ErrAmountAbove", func(c *Cancellation) { c.CanAmt = 1001 }, []string{"canAmt is above orgTrdAmt, the amount of the original"}},
		{"ErrOriginalNegative", func(c *Cancellation) { c.OrgTrdAmt = -1 }, []string{"orgTrdAmt must be above 0"}},
		{"ErrOriginalLong", func(c *Cancellation) { c.OrgTrdAmt = 1e12 }, []string{"orgTrdAmt has more than 12 digits"}},
		{"ErrMethod", func(c *Cancellation) { c.Method = "ca" }, []string{`method is "ca", must be one of CA RA MP TC HM CG SG BG TM CP PZ VA`}},
		{"ErrReasonLong", func(c *Cancellation) { c.Reason = strings.Repeat("환", 1001) }, []string{"reason has 1001 characters, at most 1000 are taken"}},
		{"ErrReasonEscape", func(c *Cancellation) { c.Reason = "\x1b[2J" }, []string{"reason must be made of characters other than control characters; character 1 is not"}},
		{"ErrOperation", func(c *Cancellation) { c.Operation = "Cancel" }, []string{`operation is "Cancel", must be one of cancel refund withdraw`}},
		{"ErrOperationAndAmount", func(c *Cancellation) { c.Operation, c.CanAmt = "withdrawal", 0 },
			[]string{canRequired, `operation is "withdrawal", must be one of cancel refund withdraw`}},
		{"ErrCurrency", func(c *Cancellation) { c.Currency = "EUR" }, []string{`currency is "EUR", must be one of KRW USD`}},
		{"ErrTaxType", func(c *Cancellation) { c.TaxTypeCd = "g" }, []string{`taxTypeCd is "g", must be one of Y N G`}},
		{"ErrTaxMissing", func(c *Cancellation) { c.TaxTypeCd = "G" }, []string{
			"taxAmt is required for taxTypeCd G", "vatAmt is required for taxTypeCd G", "taxFreeAmt is required for taxTypeCd G"}},
		{"ErrTaxNegative", func(c *Cancellation) { c.TaxAmt, c.SvcAmt = new(int64(-1)), new(int64(-1)) }, []string{"taxAmt must be 0 or above", "svcAmt must be 0 or above"}},
		{"ErrTaxLong", func(c *Cancellation) { c.VatAmt, c.TaxFreeAmt = new(int64(1e12)), new(int64(1e12)) },
			[]string{"vatAmt has more than 12 digits", "taxFreeAmt has more than 12 digits"}},
		{"ErrRefundBare", func(c *Cancellation) { c.Operation, c.Method = OperationRefund, "" }, []string{
			"refundBankCd is required for operation refund", "refundAcntNo is required for operation refund", "refundDpstrNm is required for operation refund"}},
		{"ErrRefundMethod", func(c *Cancellation) { *c = wellFormedRefund(); c.Method = "CA" }, []string{`method "CA" does not go with operation refund, which takes MP or VA`}},
		{"ErrRefundAmount", func(c *Cancellation) { *c = wellFormedRefund(); c.CanAmt = 0 }, []string{canRequired}},
		{"ErrBankShort", func(c *Cancellation) { c.RefundBankCd = "04" }, []string{"refundBankCd must be 3 digits"}},
		{"ErrBankLetters", func(c *Cancellation) { c.RefundBankCd = "KB0" }, []string{"refundBankCd must be 3 digits"}},
		{"ErrAccountLong", func(c *Cancellation) { c.RefundAcntNo = strings.Repeat("1", 17) }, []string{"refundAcntNo must be 1 to 16 digits"}},
		{"ErrAccountHyphen", func(c *Cancellation) { c.RefundAcntNo = "110-234" }, []string{"refundAcntNo must be 1 to 16 digits"}},
		{"ErrHolderLong", func(c *Cancellation) { c.RefundDpstrNm = strings.Repeat("홍", 51) }, []string{"refundDpstrNm has 51 characters, at most 50 are taken"}},
		{"ErrHolderControl", func(c *Cancellation) { c.RefundDpstrNm = "홍\n" }, []string{"refundDpstrNm " + anyAlphabet + "2 is not"}},
		{"ErrWithdrawBare", func(c *Cancellation) { c.Operation, c.Method, c.CanAmt = OperationWithdraw, "", 0 }, []string{"vAcntNo is required for operation withdraw"}},
		{"ErrWithdrawAmount", func(c *Cancellation) { *c = wellFormedWithdrawal(); c.CanAmt = 500 },
			[]string{"canAmt must be left out for operation withdraw, which moves no money"}},
		{"ErrWithdrawMethod", func(c *Cancellation) { *c = wellFormedWithdrawal(); c.Method = "MP" }, []string{`method "MP" does not go with operation withdraw, which takes VA`}},
		{"ErrVirtualAccount", func(c *Cancellation) { c.VAcntNo = strings.Repeat("1", 21) }, []string{"vAcntNo must be 1 to 20 digits"}},
		{"ErrNothing", func(c *Cancellation) { *c = Cancellation{} }, []string{"idempotencyKey is required", "mchtId is required", "orgTrdNo is required",
			"orgMchtTrdNo is required", "orgTrdDt is required", canRequired}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := wellFormed()
			tt.change(&c)
			faults, key := faultsOf(t, c.Validate(parseNow))
			if diff := cmp.Diff(tt.want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if badKey := strings.HasPrefix(tt.want[0], "idempotencyKey"); badKey != (key == "") {
				t.Errorf("key = %q, faults %q", key, faults)
			}
		})
	}
}

// TestValidateKoreanMidnight walks over the moment the date changes in Korea.
func TestValidateKoreanMidnight(t *testing.T) {
	t.Parallel()
	c := wellFormed()
	c.OrgTrdDt = "20260201"
	midnight := time.Date(2026, 2, 1, 0, 0, 0, 0, settlebank.KST)
	if err := c.Validate(midnight.Add(-24*time.Hour - time.Second)); err == nil {
		t.Error("the day after tomorrow was accepted")
	}
	if err := c.Validate(midnight.Add(-24 * time.Hour)); err != nil {
		t.Errorf("by a clock that is a day behind: %v", err)
	}
	if err := c.Validate(midnight.Add(-500 * time.Millisecond)); err != nil {
		t.Errorf("by a clock that is half a second behind: %v", err)
	}
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("west", -11*3600), time.FixedZone("east", 14*3600)} {
		if err := c.Validate(midnight.In(zone)); err != nil {
			t.Errorf("in %s: %v", zone, err)
		}
	}
}
