package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/secrettest"
)

// parseNow is a moment at which Korea is a day ahead of UTC: 2026-02-01 there.
var parseNow = time.Date(2026, 1, 31, 15, 0, 0, 0, time.UTC)

// parseOptions judges by parseNow.
func parseOptions() ParseOptions {
	return ParseOptions{Now: func() time.Time { return parseNow }}
}

// wellFormed returns the example of the contract.
func wellFormed() Cancellation {
	return Cancellation{
		IdempotencyKey: "refund-20231215-0001",
		MchtID:         "nxca_jt_bi",
		OrgTrdNo:       "STFP_PGCAnxca_jt_il0211129135810M1494620",
		OrgMchtTrdNo:   "ORDER20231215143022",
		OrgTrdDt:       "20231215",
		CanAmt:         500,
		OrgTrdAmt:      1000,
		Method:         "CA",
		Reason:         "고객 변심 <&> \"!\"",
	}
}

const wellFormedJSON = `{"idempotencyKey":"refund-20231215-0001","mchtId":"nxca_jt_bi",` +
	`"orgTrdNo":"STFP_PGCAnxca_jt_il0211129135810M1494620","orgMchtTrdNo":"ORDER20231215143022",` +
	`"orgTrdDt":"20231215","canAmt":500,"orgTrdAmt":1000,"method":"CA","reason":"고객 변심 <&> \"!\""}`

// wellFormedRefund returns a refund that uses every field a refund can have.
func wellFormedRefund() Cancellation {
	c := wellFormed()
	c.Operation, c.Method, c.Currency, c.TaxTypeCd = OperationRefund, "VA", CurrencyKRW, "G"
	c.TaxAmt, c.VatAmt, c.TaxFreeAmt, c.SvcAmt = new(int64(400)), new(int64(40)), new(int64(60)), new(int64(0))
	c.RefundBankCd, c.RefundAcntNo, c.RefundDpstrNm = "004", "1102345678901", "홍길동"
	return c
}

// wellFormedWithdrawal returns a withdrawal of a virtual account number.
func wellFormedWithdrawal() Cancellation {
	c := wellFormed()
	c.Operation, c.Method, c.CanAmt, c.VAcntNo = OperationWithdraw, "VA", 0, "79012345678901"
	return c
}

func TestCancellationFull(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		canAmt, orgAmt int64
		want           bool
	}{
		{"OK all of it", 1000, 1000, true},
		{"OK a part", 500, 1000, false},
		{"OK original not known", 1000, 0, false},
		{"OK withdrawal", 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Cancellation{CanAmt: tt.canAmt, OrgTrdAmt: tt.orgAmt}
			if got := c.Full(); got != tt.want {
				t.Errorf("Full() of %d out of %d = %v, want %v", tt.canAmt, tt.orgAmt, got, tt.want)
			}
		})
	}
}

func TestCancellationPayload(t *testing.T) {
	t.Parallel()
	t.Run("OK compact, unescaped, only what is given", func(t *testing.T) {
		t.Parallel()
		got, err := wellFormed().Payload()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wellFormedJSON, string(got)); diff != "" {
			t.Errorf("payload (-want +got):\n%s", diff)
		}
	})
	t.Run("OK zero tax amounts are given amounts", func(t *testing.T) {
		t.Parallel()
		got, err := wellFormedRefund().Payload()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(got, []byte(`"svcAmt":0`)) {
			t.Errorf("payload %s lost svcAmt 0", got)
		}
	})
	t.Run("ErrNotUTF8", func(t *testing.T) {
		t.Parallel()
		c := wellFormed()
		c.Reason = "\xb0\xed\xb0\xb4" // CP949
		if got, err := c.Payload(); err == nil || !strings.Contains(err.Error(), "reason") {
			t.Errorf("Payload() = %s, %v, want an error that names reason", got, err)
		}
	})
}

// TestCancellationJSONNames holds the names of the struct and of the field
// table together: each field is stored, and comes out under its own name.
func TestCancellationJSONNames(t *testing.T) {
	t.Parallel()
	for f := range fieldCount {
		var d draft
		d.set(f, "7")
		out, err := json.Marshal(d.c)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range got {
			if set := value == "7" || value == 7.0; set != (name == f.String()) {
				t.Errorf("setting %s made %s %v", f, name, value)
			}
		}
		if len(d.faults) > 0 || got[f.String()] == nil {
			t.Errorf("setting %s gave %s, faults %v", f, out, d.faults)
		}
		if byName, ok := fieldByName(f.String()); !ok || byName != f {
			t.Errorf("fieldByName(%q) = %v, %v", f, byName, ok)
		}
	}
}

// TestCancellationMasked prints a cancellation in every way a log or an error
// could, and looks for its account numbers.
func TestCancellationMasked(t *testing.T) {
	t.Parallel()
	c := wellFormedRefund()
	c.VAcntNo = "79012345678901"
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("event", "cancellation", c, "pointer", &c)
	}
	printed := map[string]string{
		"slog":    log.String(),
		"String":  c.String(),
		"%v":      fmt.Sprintf("%v", c),
		"%+v":     fmt.Sprintf("%+v", &c),
		"%#v":     fmt.Sprintf("%#v", c),
		"%s":      fmt.Sprintf("<%s>", c),
		"in Line": fmt.Sprintf("%+v %#v", Line{Cancellation: c}, Line{Cancellation: c}),
		"%q":      fmt.Sprintf("%q", c),
	}
	for how, out := range printed {
		secrettest.Hidden(t, how, out, c.RefundAcntNo, c.VAcntNo, c.RefundDpstrNm)
		if !strings.Contains(out, c.IdempotencyKey) {
			t.Errorf("%s does not name the cancellation: %s", how, out)
		}
	}
	if got := c.String(); strings.Count(got, masked) != 3 {
		t.Errorf("String() = %s, want three masks", got)
	}
	if got := wellFormed().String(); strings.Contains(got, masked) {
		t.Errorf("String() = %s masks what is not there", got)
	}
	if want := wellFormedRefund(); c.RefundAcntNo != want.RefundAcntNo {
		t.Error("printing changed the cancellation")
	}
}

// TestCancellationRoundTrip writes and reads random valid cancellations.
func TestCancellationRoundTrip(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := randomCancellation(rnd)
		if err := c.Validate(parseNow); err != nil {
			t.Fatalf("generated an invalid one: %v", err)
		}
		payload, err := c.Payload()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(payload, parseOptions())
		if err != nil {
			t.Fatalf("Parse(%s): %v", payload, err)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("round trip (-want +got):\n%s", diff)
		}
	}
}

// randomCancellation returns a valid cancellation; each option is there or not.
func randomCancellation(rnd *rand.Rand) Cancellation {
	maybe := func(s string) string { return []string{"", s}[rnd.IntN(2)] }
	text := func(longest int, alphabet string) string {
		letters := []rune(alphabet)
		out := make([]rune, 1+rnd.IntN(longest))
		for i := range out {
			out[i] = letters[rnd.IntN(len(letters))]
		}
		return string(out)
	}
	amount := func() *int64 { return []*int64{nil, new(rnd.Int64N(settlebank.MaxAmount + 1))}[rnd.IntN(2)] }
	const latin = "abzABZ019"
	c := Cancellation{
		IdempotencyKey: "k" + text(maxKey-1, latin+"._:-"),
		MchtID:         text(settlebank.MaxMchtID, latin+"_-"),
		OrgTrdNo:       text(settlebank.MaxOrgTrdNo, latin+`"\/<>&{}:~`),
		OrgMchtTrdNo:   text(settlebank.MaxMchtTrdNo, latin+`"\/<>&주문😀é`),
		OrgTrdDt:       time.Date(2000, 1, 1+rnd.IntN(9000), 0, 0, 0, 0, time.UTC).Format("20060102"),
		CanAmt:         1 + rnd.Int64N(settlebank.MaxAmount),
		Reason:         maybe(text(maxReason, latin+"\n\r\t \"\\\u2028\u2029\ufffd\u200d,환불😀")),
		Currency:       maybe([]string{CurrencyKRW, CurrencyUSD}[rnd.IntN(2)]),
		TaxTypeCd:      maybe([]string{"Y", "N"}[rnd.IntN(2)]),
		TaxAmt:         amount(), VatAmt: amount(), TaxFreeAmt: amount(), SvcAmt: amount(),
	}
	c.OrgTrdAmt = []int64{0, c.CanAmt, c.CanAmt + rnd.Int64N(settlebank.MaxAmount+1-c.CanAmt)}[rnd.IntN(3)]
	switch rnd.IntN(3) {
	case 0:
		c.Operation, c.Method = maybe(OperationCancel), maybe(settlebank.Methods()[rnd.IntN(len(settlebank.Methods()))])
	case 1:
		c.Operation, c.Method = OperationRefund, maybe([]string{"MP", "VA"}[rnd.IntN(2)])
		c.RefundBankCd, c.RefundAcntNo = "0"+text(1, "0123")+"4", text(settlebank.MaxRefundAcntNo, "0123456789")
		c.RefundDpstrNm = text(settlebank.MaxRefundDpstrNm, "홍길동A.")
	case 2:
		c.Operation, c.Method = OperationWithdraw, maybe("VA")
		c.CanAmt, c.VAcntNo = 0, text(settlebank.MaxVAcntNo, "0123456789")
	}
	return c
}
