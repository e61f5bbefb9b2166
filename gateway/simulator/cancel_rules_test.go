package simulator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/clocktest"
)

// TestPhone: cancelled in the payment's calendar month alone, refunded after it where that is open.
func TestPhone(t *testing.T) {
	t.Parallel()
	inMonth, past := at(2023, 12, 31, 23, 59), at(2024, 1, 1, 0, 0)
	until := func(day string) func(*Original) { return func(o *Original) { o.CancelUntil = day } }
	refundable := func(code string) func(*Original) { return func(o *Original) { o.RfdPsblCd = code } }
	registeredNot := testbed
	registeredNot.NoRefund = true
	tests := []struct {
		name           string
		merchant       Merchant
		now            func() time.Time
		change         func(*Original)
		cancel, opened string // what a cancellation is answered, and its rfdPsblCd
		refund         string // what a refund is answered instead
	}{
		{"OK in the month", testbed, inMonth, nil, "0000", "", "ST19"},
		{"ErrMonthPassed", testbed, past, nil, "MP81", "Y", "0000"},
		{"ErrMonthBefore", testbed, at(2023, 11, 30, 12, 0), nil, "MP81", "Y", "0000"},
		{"ErrSameMonthNextYear", testbed, at(2024, 12, 15, 12, 0), nil, "MP81", "Y", "0000"},
		{"ErrNotRegistered", registeredNot, past, nil, "MP81", "N", "ST69"},
		{"OK not registered, in the month", registeredNot, inMonth, nil, "0000", "", "ST69"},
		{"ErrConditions", testbed, past, refundable("C"), "MP81", "C", "ST19"},
		{"ErrOriginalNotRegistered", testbed, past, refundable("N"), "MP81", "N", "ST69"},
		{"OK original registered", registeredNot, past, refundable("Y"), "MP81", "Y", "0000"},
		{"OK longer", testbed, past, until("20240101"), "0000", "", "ST19"},
		{"ErrShorter", testbed, inMonth, until("20231230"), "MP81", "Y", "0000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Merchants: []Merchant{tt.merchant}, Now: tt.now}
			a := paidBy(t, o, "MP", tt.change).ask(cancelPath, cancel0A19("C1", "001", "400", fields{"method": "MP"}, nil))
			if a.Params["outRsltCd"] != tt.cancel || a.Data["rfdPsblCd"] != tt.opened {
				t.Errorf("cancellation: %s, rfdPsblCd %q; want %s and %q", a.Params["outRsltCd"], a.Data["rfdPsblCd"], tt.cancel, tt.opened)
			}
			if got := paidBy(t, o, "MP", tt.change).code(refundPath, refund("MP", "C1", "R1", "001", "400", nil)); got != tt.refund {
				t.Errorf("refund: %s, want %s", got, tt.refund)
			}
		})
	}
	t.Run("OK cancelled, then refunded", func(t *testing.T) {
		t.Parallel()
		clock := clocktest.New(inMonth())
		b := paidBy(t, Options{Now: clock.Now}, "MP", nil)
		got := []string{b.code(cancelPath, cancel0A19("C1", "001", "400", fields{"method": "MP"}, nil))}
		clock.Advance(time.Minute)
		got = append(got, b.code(cancelPath, cancel0A19("C2", "002", "400", fields{"method": "MP"}, nil)),
			b.code(refundPath, refund("MP", "C1", "R1", "002", "600", nil)),
			b.code(refundPath, refund("MP", "C1", "R2", "003", "1", nil)))
		if diff := cmp.Diff([]string{"0000", "MP81", "0000", "MP82"}, got); diff != "" {
			t.Errorf("result codes (-want +got):\n%s", diff)
		}
	})
	t.Run("OK flat knows no month", func(t *testing.T) {
		t.Parallel()
		if got := paidBy(t, Options{Now: past}, "MP", nil).cancel("400").ResultCode; got != "0000" {
			t.Errorf("result code %s, want 0000", got)
		}
	})
}

func TestCancelUntil(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"CA", "HM"} {
		b := paidBy(t, Options{Now: at(2023, 12, 20, 0, 0)}, method, func(o *Original) { o.CancelUntil = "20231219" })
		if got := b.code(cancelPath, cancel0A19("C1", "001", "1000", fields{"method": method}, nil)); got != "ST46" {
			t.Errorf("%s, 0A19: %s, want ST46", method, got)
		}
		if got := b.cancel("1000").ResultCode; got != "ST46" {
			t.Errorf("%s, flat: %s, want ST46", method, got)
		}
	}
}

func TestVirtualAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hour, minute int
		want         string
	}{
		{23, 29, "0000"}, {23, 30, "ST11"}, {23, 59, "ST11"}, {0, 0, "ST11"}, {0, 34, "ST11"}, {0, 35, "0000"}, {12, 0, "0000"},
	} {
		b := paidBy(t, Options{Now: at(2024, 1, 1, tt.hour, tt.minute)}, "VA", nil)
		if got := b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil)); got != tt.want {
			t.Errorf("refund at %02d:%02d: %s, want %s", tt.hour, tt.minute, got, tt.want)
		}
	}
	t.Run("OK after maintenance with the same id", func(t *testing.T) {
		t.Parallel()
		clock := clocktest.New(at(2024, 1, 1, 0, 34)())
		b := paidBy(t, Options{Now: clock.Now}, "VA", nil)
		got := []string{b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil))}
		clock.Advance(time.Minute)
		got = append(got, b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil)))
		if diff := cmp.Diff([]string{"ST11", "0000"}, got); diff != "" {
			t.Errorf("result codes (-want +got):\n%s", diff)
		}
	})
	noon := Options{Now: at(2024, 1, 1, 12, 0)}
	t.Run("ErrNotRegistered", func(t *testing.T) {
		t.Parallel()
		not := testbed
		not.NoRefund = true
		b := paidBy(t, Options{Merchants: []Merchant{not}, Now: noon.Now}, "VA", nil)
		if got := b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil)); got != "ST69" {
			t.Errorf("outRsltCd %s, want ST69", got)
		}
	})
	t.Run("ErrOtherMethod", func(t *testing.T) {
		t.Parallel()
		b := registered(t, noon, 1000)
		if got := b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil)); got != "ST07" {
			t.Errorf("outRsltCd %s, want ST07", got)
		}
	})
	t.Run("OK withdrawn", func(t *testing.T) {
		t.Parallel()
		b := paidBy(t, noon, "VA", nil)
		shows := func(id string) [2]string {
			a := b.inquire(checkPath, inquiry(id, "1000", nil, fields{"method": "VA"}))
			return [2]string{a.Params["outRsltCd"], a.Data["cnclAmt"]}
		}
		before := shows("Q1")
		got := []string{b.code(vbankPath, withdrawal("W1", nil)), b.code(vbankPath, withdrawal("W1", nil)),
			b.code(vbankPath, withdrawal("W2", nil)), b.code(refundPath, refund("VA", "C0", "R1", "002", "1000", nil))}
		if diff := cmp.Diff([]string{"0000", "ST25", "CA12", "CA12"}, got); diff != "" {
			t.Errorf("result codes (-want +got):\n%s", diff)
		}
		if after := shows("Q2"); before != [2]string{"0000", "0"} || after != [2]string{"0001", "0"} {
			t.Errorf("inquiry showed %v, then %v; want 0000 and then 0001 with nothing cancelled", before, after)
		}
		if stats := b.Stats(); stats.Effects != 1 || stats.CancelledAmount != 0 {
			t.Errorf("stats %+v, want one effect without money", stats)
		}
	})
	t.Run("ErrWithdrawRefunded", func(t *testing.T) {
		t.Parallel()
		b := paidBy(t, noon, "VA", nil)
		got := []string{b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil)), b.code(vbankPath, withdrawal("W1", nil))}
		if diff := cmp.Diff([]string{"0000", "ST19"}, got); diff != "" {
			t.Errorf("result codes (-want +got):\n%s", diff)
		}
	})
}

func TestDollars(t *testing.T) {
	t.Parallel()
	b := paidBy(t, Options{}, "CA", func(o *Original) { o.Currency = "USD" })
	if got := b.cancel("400").ResultCode; got != "ST07" {
		t.Errorf("flat: %s, want ST07: it knows won alone", got)
	}
	if got := b.code(cancelPath, cancel0A19("C1", "001", "400", nil, nil)); got != "ST07" {
		t.Errorf("in won: %s, want ST07", got)
	}
	if got := b.ask(cancelPath, cancel0A19("C2", "001", "400", nil, fields{"crcCd": "USD"})).Data["blcAmt"]; got != "600" {
		t.Errorf("blcAmt %q, want 600 cents", got)
	}
	if got := b.code(cancelPath, cancel0A19("C3", "002", "400", fields{"method": "PZ"}, fields{"crcCd": "USD"})); got != "6001" {
		t.Errorf("easy payment in dollars: %s, want 6001", got)
	}
}

// Test0A19AutoAmount creates an original from a 0A19 request, which tells neither date nor
// order number: these are learnt from the first request that does.
func Test0A19AutoAmount(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000})
	phone := fields{"orgTrdNo": "T1"}
	if got := b.code(cancelPath, cancel0A19("C1", "001", "400", fields{"method": "PZ"}, phone)); got != "0000" {
		t.Fatalf("outRsltCd %s, want 0000", got)
	}
	asked := func(id, order, date string) string {
		return b.inquire(checkPath, inquiry(id, "1000", nil, fields{"orgTrdNo": "T1", "method": "PZ", "orgMchtTrdNo": order, "orgTrdDt": date})).Params["outRsltCd"]
	}
	got := []string{asked("Q1", "O1", "20231210"), asked("Q2", "O2", "20231210"), asked("Q3", "O1", "20231212"),
		b.inquire(checkPath, inquiry("Q4", "1000", nil, fields{"orgTrdNo": "-", "method": "PZ", "orgMchtTrdNo": "O1", "orgTrdDt": "20231210"})).Params["outRsltCd"],
		b.code(cancelPath, cancel0A19("C2", "002", "400", nil, phone)),
		b.cancelFields(flatFields("600", fields{"orgTrdNo": "T1", "orgMchtTrdNo": "O1", "orgTrdDt": "20231210"})).ResultCode}
	if diff := cmp.Diff([]string{"0000", "ST07", "PZ10", "0000", "ST07", "0000"}, got); diff != "" {
		t.Errorf("result codes (-want +got):\n%s", diff)
	}
	if state, _ := b.Original(testMerchant, "T1"); state.Method != "PZ" || state.Currency != "KRW" || state.OrgMchtTrdNo != "O1" {
		t.Errorf("original %+v", state)
	}
}
