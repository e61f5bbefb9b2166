package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

// TestOperations holds the table against the documents': every method with every operation.
func TestOperations(t *testing.T) {
	t.Parallel()
	const (
		cancel = "/spay/APICancel.do C0"
		refund = "/spay/APIRefund.do"
		none   = ""
	)
	type row struct{ cancel, refund, withdraw string }
	card, voucher := cancel+" part tax", cancel+" full"
	want := map[string]row{
		"CA": {card, none, none}, "RA": {card, none, none}, "PZ": {card, none, none},
		"MP": {cancel + " part tax", refund + " C1 part tax account", none},
		"TC": {voucher, none, none}, "HM": {voucher, none, none}, "CG": {voucher, none, none},
		"SG": {voucher, none, none}, "BG": {voucher, none, none}, "TM": {voucher, none, none},
		"CP": {cancel + " part", none, none},
		"VA": {none, refund + " C0 part tax account", "/spay/APIVBank.do A2 number"},
	}
	show := func(method, name string) string {
		r := CancelRequest{Method: method, Operation: name, OrgTrdDt: "20231216"}
		op, fault := operationFor(r, testTime)
		if fault != "" {
			return none
		}
		s := op.Path + " " + op.BizType
		switch {
		case op.Is(settlebank.Partial):
			s += " part"
		case !op.Is(settlebank.NoMoney):
			s += " full"
		}
		for _, f := range []struct {
			trait settlebank.Traits
			name  string
		}{{settlebank.Taxed, " tax"}, {settlebank.ToAccount, " account"}, {settlebank.NoMoney, " number"}} {
			if op.Is(f.trait) {
				s += f.name
			}
		}
		return s
	}
	for method, want := range want {
		got := row{show(method, "cancel"), show(method, "refund"), show(method, "withdraw")}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", method, got, want)
		}
		if got.cancel != show(method, "") {
			t.Errorf("%s: without operation it is %q", method, show(method, ""))
		}
	}
	total := 0
	for _, op := range settlebank.Operations() {
		total += len(op.Methods)
		if got, zero := hashed(op, params0A19{}, "1"), op.Is(settlebank.NoMoney); (got[4] == "0") != zero {
			t.Errorf("%s of %s hashes the amount 1 as %s", op.Name, op.Methods, got[4])
		}
	}
	if total != 14 {
		t.Errorf("%d operations, want 14", total)
	}
}

// TestPhoneMonth: a phone payment is cancelled in its calendar month, Korean time, and refunded
// later.
func TestPhoneMonth(t *testing.T) {
	t.Parallel()
	const advice = "calendar month only, which has passed"
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, tt := range []struct {
		name, paid, now string
		operation       string
		account         bool
		want            string // an operation, or a part of the fault
	}{
		{"OKSameDay", "20231231", "2023-12-31T10:00:00+09:00", "", false, "cancel"},
		{"OKFirstToLast", "20231201", "2023-12-31T23:59:59+09:00", "cancel", false, "cancel"},
		{"OKLastSecondInUTC", "20231201", "2023-12-31T14:59:59Z", "", false, "cancel"},
		{"OKAccountUnused", "20231201", "2023-12-31T14:59:59Z", "", true, "cancel"},
		{"OKClockBehind", "20240101", "2023-12-31T23:59:59+09:00", "", false, "cancel"},
		{"OKRefundInTime", "20231231", "2023-12-31T23:59:59+09:00", "refund", true, "refund"},
		{"OKRefundLater", "20231231", "2024-01-01T00:00:00+09:00", "refund", true, "refund"},
		{"OKCancelBecomesRefund", "20231231", "2024-01-01T00:00:00+09:00", "cancel", true, "refund"},
		{"OKNextMonthInUTC", "20231231", "2023-12-31T15:00:00Z", "", true, "refund"},
		{"OKNextYearSameMonth", "20221231", "2023-12-31T10:00:00+09:00", "", true, "refund"},
		{"ErrNextMonth", "20231231", "2024-01-01T00:00:00+09:00", "cancel", false, advice},
		{"ErrNextMonthInUTC", "20231231", "2023-12-31T15:00:00Z", "", false, advice},
		{"ErrNextYearSameMonth", "20221201", "2023-12-01T10:00:00+09:00", "", false, advice},
		{"ErrNoDate", "", "2023-12-31T10:00:00+09:00", "", true, "orgTrdDt is no date"},
		{"ErrDate", "20230230", "2023-12-31T10:00:00+09:00", "", false, "orgTrdDt is no date"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := phoneCancel
			r.OrgTrdDt, r.Operation = tt.paid, tt.operation
			if tt.account {
				r.RefundBankCd, r.RefundAcntNo, r.RefundDpstrNm = "004", "1", "a"
			}
			op, fault := operationFor(r, at(tt.now))
			if got := op.Name + fault; got != tt.want && (fault == "" || !strings.Contains(fault, tt.want)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if fault != "" && op.Name != "" {
				t.Errorf("both the operation %s and the fault %q", op.Name, fault)
			}
		})
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04:05", s, settlebank.KST)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	const night = "2023-12-31 23:45:00"
	for _, tt := range []struct {
		name     string
		edit     func(*CancelRequest)
		protocol Protocol
		now      string
		until    string // "": it need not wait
	}{
		{"OKBefore", nil, Protocol0A19, "2023-12-31 23:29:59", ""},
		{"OKFirst", nil, Protocol0A19, "2023-12-31 23:30:00", "2024-01-01 00:35:00"},
		{"OKNight", nil, Protocol0A19, night, "2024-01-01 00:35:00"},
		{"OKLastSecondOfDay", nil, Protocol0A19, "2023-12-31 23:59:59", "2024-01-01 00:35:00"},
		{"OKMidnight", nil, Protocol0A19, "2024-01-01 00:00:00", "2024-01-01 00:35:00"},
		{"OKLast", nil, Protocol0A19, "2024-01-01 00:34:59", "2024-01-01 00:35:00"},
		{"OKAfter", nil, Protocol0A19, "2024-01-01 00:35:00", ""},
		{"OKNoon", nil, Protocol0A19, "2024-01-01 12:00:00", ""},
		{"OKLeapDay", nil, Protocol0A19, "2024-02-28 23:30:00", "2024-02-29 00:35:00"},
		{"OKFlat", nil, Flat, night, ""},
		{"OKDefaultProtocol", nil, "", night, ""},
		{"OKWithdraw", func(r *CancelRequest) { r.Operation = "withdraw" }, Protocol0A19, night, ""},
		{"OKNoSuchOperation", func(r *CancelRequest) { r.Operation = "" }, Protocol0A19, night, ""},
		{"OKCard", func(r *CancelRequest) { r.Method, r.Operation = "CA", "" }, Protocol0A19, night, ""},
		{"OKPhoneRefund", func(r *CancelRequest) { r.Method = "MP" }, Protocol0A19, night, ""},
		{"OKPhoneCancelLate", func(r *CancelRequest) { r.Method, r.Operation, r.OrgTrdDt = "MP", "", "20231130" }, Protocol0A19, night, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := bankRefund
			if tt.edit != nil {
				tt.edit(&r)
			}
			for _, zone := range []*time.Location{settlebank.KST, time.UTC, time.FixedZone("PST", -8*3600)} {
				until, reason := Hold(r, tt.protocol, at(tt.now).In(zone))
				if tt.until == "" {
					if !until.IsZero() || reason != "" {
						t.Errorf("%s: held until %s: %s", zone, until, reason)
					}
					continue
				}
				if !until.Equal(at(tt.until)) || !strings.Contains(reason, "23:30 to 00:35") {
					t.Errorf("%s: held until %s: %q, want %s", zone, until, reason, tt.until)
				}
			}
		})
	}
}

// TestHoldEnds: at the end that Hold tells, it holds no longer, whatever the time before; 65
// minutes a day are held.
func TestHoldEnds(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 2, 28, 0, 0, 0, 0, settlebank.KST)
	held := 0
	for minute := range 24 * 60 {
		now := day.Add(time.Duration(minute) * time.Minute)
		until, _ := Hold(bankRefund, Protocol0A19, now)
		if until.IsZero() {
			continue
		}
		held++
		if wait := until.Sub(now); wait <= 0 || wait > 65*time.Minute {
			t.Errorf("%s: a wait of %s", now, wait)
		}
		if again, _ := Hold(bankRefund, Protocol0A19, until); !again.IsZero() {
			t.Errorf("held until %s, and then until %s", until, again)
		}
	}
	if held != 65 {
		t.Errorf("%d minutes of the day are held, want 65", held)
	}
}

// TestFaultsEchoNothing: a fault of the method or operation does not repeat what may be an account
// number.
func TestFaultsEchoNothing(t *testing.T) {
	t.Parallel()
	const number = "110987654321"
	var got []string
	for _, r := range []CancelRequest{
		{Method: number}, {Method: "CA", Operation: number}, {Method: "CA", Operation: "refund"}, {Method: "VA"}, {Operation: "withdraw"},
	} {
		_, fault := operationFor(r, testTime)
		if fault == "" || strings.Contains(fault, number) {
			t.Errorf("%+v: fault %q", r.Method, fault)
		}
		got = append(got, fault)
	}
	want := []string{
		"method is none of CA RA MP TC HM CG SG BG TM CP PZ VA",
		"operation is none of cancel, refund and withdraw",
		"method CA has no operation refund: it has cancel",
		"method VA has no operation cancel: it has refund and withdraw",
		"method is missing: protocol 0A19 needs the payment's",
	}
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
