package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/secrettest"

	"settlecancel/gateway/settlebank"
)

// Test0A19Refusals: what the gateway could only refuse is refused here, all faults at once, and
// nothing is sent.
func Test0A19Refusals(t *testing.T) {
	t.Parallel()
	long := Merchant{ID: "twelve_chars", HashKey: settlebank.NewSecret(testHashKey), AESKey: settlebank.NewSecret(testAESKey), Protocol: Protocol0A19}
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	t.Cleanup(srv.Close)
	c := testClient(t, Options{
		BaseURL: srv.URL, Merchants: []Merchant{merchant0A19("nxca_jt_il"), long}, Now: func() time.Time { return testTime },
	})
	zero, below, above := int64(0), int64(-1), int64(settlebank.MaxAmount+1)
	const noAccount, part = "refundBankCd is missing; refundAcntNo is missing; refundDpstrNm is missing", "can be cancelled in full only"
	for _, tt := range []struct {
		name string
		base CancelRequest
		edit func(*CancelRequest)
		want []string
	}{
		{"ErrNoID", cancel0A19, func(r *CancelRequest) { r.ID = "" }, []string{"mchtTrdNo needs 1 to 100"}},
		{"ErrKoreanID", cancel0A19, func(r *CancelRequest) { r.ID = "취소-1" }, []string{"mchtTrdNo needs"}},
		{"ErrLongID", cancel0A19, func(r *CancelRequest) { r.ID = strings.Repeat("x", 101) }, []string{"mchtTrdNo needs"}},
		{"ErrOrgTrdNo", cancel0A19, func(r *CancelRequest) { r.OrgTrdNo = strings.Repeat("x", 41) }, []string{"orgTrdNo has 41 characters, at most 40"}},
		{"ErrNoMethod", cancel0A19, func(r *CancelRequest) { r.Method = "" }, []string{"method is missing"}},
		{"ErrMethod", cancel0A19, func(r *CancelRequest) { r.Method = "XX" }, []string{"method is none of"}},
		{"ErrCase", cancel0A19, func(r *CancelRequest) { r.Method = "ca" }, []string{"method is none of"}},
		{"ErrTwoMethods", cancel0A19, func(r *CancelRequest) { r.Method = "TC HM" }, []string{"method is none of"}},
		{"ErrOperation", cancel0A19, func(r *CancelRequest) { r.Operation = "Cancel" }, []string{"operation is none of cancel"}},
		{"ErrCardRefund", cancel0A19, func(r *CancelRequest) { r.Operation = "refund" }, []string{"method CA has no operation refund: it has cancel"}},
		{"ErrCardWithdraw", cancel0A19, func(r *CancelRequest) { r.Operation = "withdraw" }, []string{"method CA has no operation withdraw"}},
		{"ErrVirtualCancel", bankRefund, func(r *CancelRequest) { r.Operation = "cancel" }, []string{"method VA has no operation cancel: it has refund and withdraw"}},
		{"ErrRoundZero", cancel0A19, func(r *CancelRequest) { r.Round = 0 }, []string{"round is 0, want 1 to 999"}},
		{"ErrRoundThousand", cancel0A19, func(r *CancelRequest) { r.Round = 1000 }, []string{"round is 1000, want 1 to 999"}},
		{"ErrZero", cancel0A19, func(r *CancelRequest) { r.CanAmt = 0 }, []string{"canAmt is 0"}},
		{"ErrThirteenDigits", cancel0A19, func(r *CancelRequest) { r.CanAmt = settlebank.MaxAmount + 1 }, []string{"canAmt is 1000000000000"}},
		{"ErrCurrency", cancel0A19, func(r *CancelRequest) { r.Currency = "EUR" }, []string{"currency is neither KRW nor USD"}},
		{"ErrTaxType", cancel0A19, func(r *CancelRequest) { r.TaxTypeCd = "X" }, []string{"taxTypeCd is none of Y, N and G"}},
		{"ErrCompound", cancel0A19, func(r *CancelRequest) { r.TaxTypeCd = "G" },
			[]string{"taxAmt is missing: taxTypeCd G needs it; vatAmt is missing: taxTypeCd G needs it; taxFreeAmt is missing"}},
		{"ErrCompoundPart", bankRefund, func(r *CancelRequest) { r.TaxTypeCd, r.TaxAmt, r.TaxFreeAmt = "G", &zero, &zero }, []string{"vatAmt is missing"}},
		{"ErrTaxAmounts", cancel0A19, func(r *CancelRequest) { r.TaxAmt, r.SvcAmt = &below, &above },
			[]string{"taxAmt is -1, want 0 to", "svcAmt is 1000000000000"}},
		{"ErrVoucherRound", cancel0A19, func(r *CancelRequest) { r.Method, r.OrgTrdAmt = "CG", 500 },
			[]string{"round is 2: method CG can be cancelled once only, in full"}},
		{"ErrVoucherPart", cancel0A19, func(r *CancelRequest) { r.Method, r.Round = "TM", 1 }, []string{"canAmt is below orgTrdAmt: method TM " + part}},
		{"ErrPhoneLate", phoneCancel, func(r *CancelRequest) { r.OrgTrdDt = "20231130" }, []string{
			"calendar month only, which has passed (Korean time): it needs a refund, with refundBankCd, refundAcntNo and refundDpstrNm"}},
		{"ErrPhoneLateHalfAccount", phoneCancel, func(r *CancelRequest) { r.OrgTrdDt, r.RefundBankCd = "20231130", "004" },
			[]string{"refundAcntNo is missing; refundDpstrNm is missing"}},
		{"ErrPhoneDate", phoneCancel, func(r *CancelRequest) { r.OrgTrdDt = "2023-12-15" }, []string{"orgTrdDt is no date"}},
		{"ErrPhoneRefund", phoneCancel, func(r *CancelRequest) { r.Operation = "refund" }, []string{noAccount}},
		{"ErrBankRefund", bankRefund, func(r *CancelRequest) { r.RefundBankCd, r.RefundAcntNo, r.RefundDpstrNm = "", "", "" }, []string{noAccount}},
		{"ErrAccount", bankRefund, func(r *CancelRequest) {
			r.RefundBankCd, r.RefundAcntNo, r.RefundDpstrNm = "04", "12345678901234567", strings.Repeat("가", 51)
		}, []string{"refundBankCd needs 3 digits", "refundAcntNo needs 1 to 16 digits", "refundDpstrNm has 51 characters"}},
		{"ErrDashes", bankRefund, func(r *CancelRequest) { r.RefundAcntNo = "110-987-654321" }, []string{"refundAcntNo needs 1 to 16 digits"}},
		{"ErrHolder", bankRefund, func(r *CancelRequest) { r.RefundDpstrNm = "홍\n길동" }, []string{"refundDpstrNm holds control characters"}},
		{"ErrNoNumber", numberWithdrawal, func(r *CancelRequest) { r.VAcntNo = "" }, []string{"vAcntNo is missing"}},
		{"ErrNumber", numberWithdrawal, func(r *CancelRequest) { r.VAcntNo = "56-78" }, []string{"vAcntNo needs 1 to 20 digits"}},
		{"ErrWithdrawAmount", numberWithdrawal, func(r *CancelRequest) { r.CanAmt = 1 }, []string{"canAmt must be left out: operation withdraw moves no money"}},
		{"ErrAllAtOnce", cancel0A19, func(r *CancelRequest) { *r = CancelRequest{MchtID: r.MchtID, Method: "MP", OrgTrdDt: "20231215"} },
			[]string{"orgTrdNo is missing", "mchtTrdNo needs", "canAmt is 0", "round is 0"}},
		{"ErrAllOfUnknownMethod", cancel0A19, func(r *CancelRequest) { *r = CancelRequest{MchtID: long.ID} },
			[]string{"orgTrdNo is missing", "mchtTrdNo needs", "method is missing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := edited(tt.base, tt.edit)
			out := c.Cancel(context.Background(), r)
			says(t, out.Message, tt.want...)
			if secrets := accountOf(r); len(secrets) > 0 {
				secrettest.Hidden(t, "the message", out.Message, secrets...)
			}
			out.Message = ""
			if diff := cmp.Diff(Outcome{Class: Rejected, Code: "local"}, out); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// Test0A19Key: a merchant without its AES key sends nothing, should one ever get past New.
func Test0A19Key(t *testing.T) {
	t.Parallel()
	m := &merchant{Merchant: Merchant{ID: "nxca_jt_il", HashKey: settlebank.NewSecret(testHashKey)}}
	if q, faults := (protocol0A19{}).build(m, cancel0A19, testTime); len(faults) != 1 || q.body != nil {
		t.Errorf("got %q, %v", q.body, faults)
	}
}
