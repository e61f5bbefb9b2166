package simulator

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

// TestRounds: the round is the next of the original, however the cancellations before came.
func TestRounds(t *testing.T) {
	t.Parallel()
	type step struct{ how, round, amount, want string }
	tests := []struct {
		name, method string
		steps        []step
		left         int64
	}{
		{"OK in order", "CA", []step{{"0A19", "001", "100", "0000"}, {"0A19", "002", "100", "0000"}, {"0A19", "003", "800", "0000"}}, 0},
		{"OK full", "CA", []step{{"0A19", "001", "1000", "0000"}, {"0A19", "002", "1000", "CA12"}, {"0A19", "001", "1000", "CA12"}}, 0},
		{"OK refused takes no round", "CA", []step{{"0A19", "001", "1001", "ST57"}, {"0A19", "001", "100", "0000"}}, 900},
		{"ErrFirst", "CA", []step{{"0A19", "002", "100", "ST56"}}, 1000},
		{"ErrAgain", "CA", []step{{"0A19", "001", "100", "0000"}, {"0A19", "001", "100", "ST56"}}, 900},
		{"ErrAhead", "CA", []step{{"0A19", "001", "100", "0000"}, {"0A19", "003", "100", "ST56"}}, 900},
		{"ErrAfterFlat", "CA", []step{{"flat", "", "100", "0000"}, {"0A19", "001", "100", "ST56"}, {"0A19", "002", "100", "0000"}}, 800},
		{"ErrAfterElsewhere", "CA", []step{{"elsewhere", "", "100", ""}, {"0A19", "001", "100", "ST56"}, {"0A19", "002", "100", "0000"}}, 800},
		{"ErrAbove", "CA", []step{{"0A19", "001", "600", "0000"}, {"0A19", "002", "401", "ST57"}}, 400},
		{"ErrElsewhereAll", "RA", []step{{"elsewhere", "", "1000", ""}, {"0A19", "001", "1000", "RA33"}, {"flat", "", "1000", "RA33"}}, 0},
		{"ErrVoucherRound", "HM", []step{{"0A19", "002", "1000", "ST56"}, {"0A19", "001", "999", "ST54"}, {"0A19", "001", "1000", "0000"},
			{"0A19", "001", "1000", "GC41"}}, 0},
		{"ErrTmoney", "TM", []step{{"0A19", "001", "1000", "0000"}, {"0A19", "001", "1000", "TM01"}}, 0},
		{"ErrEasy", "PZ", []step{{"flat", "", "1000", "0000"}, {"0A19", "002", "1000", "PZ87"}}, 0},
		{"ErrPoints", "CP", []step{{"0A19", "001", "1000", "0000"}, {"0A19", "002", "1", "CP30"}, {"flat", "", "1", "CP30"}}, 0},
		{"ErrFlatAfter0A19", "CA", []step{{"0A19", "001", "700", "0000"}, {"flat", "", "301", "1002"}, {"flat", "", "300", "0000"}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := paidBy(t, Options{}, tt.method, nil)
			for i, s := range tt.steps {
				var got string
				switch s.how {
				case "flat":
					got = b.cancel(s.amount).ResultCode
				case "elsewhere":
					if _, err := b.CancelElsewhere(testMerchant, testTrdNo, parseAmount(s.amount)); err != nil {
						t.Fatal(err)
					}
				default:
					n := cancel0A19("C"+string(rune('1'+i)), s.round, s.amount, fields{"method": tt.method}, nil)
					got = b.code(cancelPath, n)
				}
				if got != s.want {
					t.Errorf("step %d, %+v: %s", i, s, got)
				}
			}
			shown := b.inquire(checkPath, inquiry("Q", "1000", nil, fields{"method": tt.method}))
			if state, _ := b.Original(testMerchant, testTrdNo); state.Remaining != tt.left || parseAmount(shown.Data["cnclAmt"]) != 1000-tt.left {
				t.Errorf("%d left, inquiry shows %s cancelled; want %d left", state.Remaining, shown.Data["cnclAmt"], tt.left)
			}
			for i, e := range b.Effects() {
				if e.Round != i+1 || e.Elsewhere != (e.Request == 0) {
					t.Errorf("effect %d: %+v", i, e)
				}
			}
		})
	}
}

// TestDuplicates sends ids a second time.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	partial := func(id, round, amount string) nested { return cancel0A19(id, round, amount, nil, nil) }
	later := func(n nested) nested { // the same request, sent at another time
		moved := with(n.Params, fields{"trdDt": "20231217", "trdTm": "090000"})
		hash := sum("20231217", "090000", testMerchant, moved["mchtTrdNo"], "400", settlebank.TestbedHashKey)
		return nested{moved, with(n.Data, fields{"pktHash": hash})}
	}
	tests := []struct {
		name   string
		first  nested
		second nested
		want   [2]string
	}{
		{"OK other id", partial("C1", "001", "400"), partial("C2", "002", "400"), [2]string{"0000", "0000"}},
		{"ErrApplied", partial("C1", "001", "400"), partial("C1", "001", "400"), [2]string{"0000", "ST25"}},
		{"ErrAppliedLater", partial("C1", "001", "400"), later(partial("C1", "001", "400")), [2]string{"0000", "ST25"}},
		{"ErrAppliedWhole", partial("C1", "001", "1000"), partial("C1", "001", "1000"), [2]string{"0000", "ST25"}},
		{"ErrOtherRound", partial("C1", "001", "400"), partial("C1", "002", "400"), [2]string{"0000", "ST50"}},
		{"ErrOtherAmount", partial("C1", "001", "400"), partial("C1", "001", "300"), [2]string{"0000", "ST50"}},
		{"ErrOtherOriginal", partial("C1", "001", "400"), cancel0A19("C1", "001", "400", nil, fields{"orgTrdNo": "T2"}), [2]string{"0000", "ST50"}},
		{"OK a refused request uses no id up", partial("C1", "001", "1001"), partial("C1", "001", "400"), [2]string{"ST57", "0000"}},
		{"OK an unknown transaction uses no id up", cancel0A19("C1", "001", "400", nil, fields{"orgTrdNo": "T3"}), partial("C1", "001", "400"), [2]string{"CA10", "0000"}},
		{"OK a forged request uses no id up", cancel0A19("C1", "001", "400", nil, fields{"pktHash": sum("x")}), partial("C1", "001", "400"),
			[2]string{"1901", "0000"}},
		{"OK a malformed request uses no id up", partial("C1", "1", "400"), partial("C1", "001", "400"), [2]string{"6001", "0000"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			if err := b.Register(Original{MchtID: testMerchant, OrgTrdNo: "T2", OrgMchtTrdNo: "O2", OrgTrdDt: testDate, Amount: 1000}); err != nil {
				t.Fatal(err)
			}
			got := [2]string{b.code(cancelPath, tt.first), b.code(cancelPath, tt.second)}
			if got != tt.want {
				t.Errorf("result codes %v, want %v", got, tt.want)
			}
			if n := strings.Count(got[0]+got[1], "0000"); n != len(b.Effects()) {
				t.Errorf("%d effects, want %d", len(b.Effects()), n)
			}
		})
	}
	t.Run("ErrRefund", func(t *testing.T) {
		t.Parallel()
		b := paidBy(t, Options{Now: at(2024, 1, 1, 12, 0)}, "VA", nil)
		var got []string
		for range 2 {
			got = append(got, b.code(refundPath, refund("VA", "C0", "R1", "001", "400", nil)))
		}
		if diff := cmp.Diff([]string{"0000", "ST39"}, got); diff != "" {
			t.Errorf("result codes (-want +got):\n%s", diff)
		}
	})
	t.Run("OK id of another merchant", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{AutoAmount: 1000})
		for _, mchtID := range []string{testMerchant, "nx_mid_il"} {
			if got := b.code(cancelPath, cancel0A19("C1", "001", "400", fields{"mchtId": mchtID}, nil)); got != "0000" {
				t.Errorf("%s: %s, want 0000", mchtID, got)
			}
		}
	})
	t.Run("OK a lost request uses no id up, a late one finds it used", func(t *testing.T) {
		t.Parallel()
		b := registered(t, Options{}, 1000)
		b.script(Rule{Times: 1, Fault: Fault{Kind: KindDrop, Apply: ApplyLate, Delay: 20 * time.Millisecond}})
		b.post(cancelPath, encode(t, partial("C1", "001", "400")))
		if got := b.code(cancelPath, partial("C1", "001", "400")); got != "0000" && got != "ST25" {
			t.Errorf("sent again: %s, want 0000, or ST25 where the late one came first", got)
		}
		b.idle()
		if n := len(b.Effects()); n != 1 {
			t.Errorf("%d effects, want 1", n)
		}
	})
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	var e Effect
	b.call("POST", "/_sim/elsewhere", `{"mchtId":"nxca_jt_bi","orgTrdNo":"`+testTrdNo+`","amount":300}`, 201, &e)
	if !e.Elsewhere || e.Amount != 300 || e.Request != 0 || e.CanTrdNo == "" || e.Round != 1 || e.Operation != OperationCancel {
		t.Errorf("effect %+v", e)
	}
	if diff := cmp.Diff(b.Effects(), []Effect{e}); diff != "" {
		t.Errorf("effects (-books +answer):\n%s", diff)
	}
	if state, _ := b.Original(testMerchant, testTrdNo); state.NextRound != "002" || state.Remaining != 700 {
		t.Errorf("original %+v: want round 002 next and 700 left", state)
	}
	b.call("POST", "/_sim/elsewhere", `{"mchtId":"nxca_jt_bi","orgTrdNo":"none","amount":300}`, 404, nil)
	for name, body := range map[string]string{
		"ErrAbove": `"amount":701`, "ErrZero": `"amount":0`, "ErrNegative": `"amount":-1`, "ErrText": `"amount":"1"`, "ErrField": `"canAmt":1`,
	} {
		var got map[string][]string
		b.call("POST", "/_sim/elsewhere", `{"mchtId":"nxca_jt_bi","orgTrdNo":"`+testTrdNo+`",`+body+`}`, 400, &got)
		if len(got["errors"]) != 1 {
			t.Errorf("%s: errors %q, want one", name, got["errors"])
		}
	}
	if _, err := b.CancelElsewhere("nobody", testTrdNo, 1); !errors.Is(err, ErrNoOriginal) {
		t.Errorf("error %v, want %v", err, ErrNoOriginal)
	}
	voucher := paidBy(t, Options{}, "HM", nil)
	if _, err := voucher.CancelElsewhere(testMerchant, testTrdNo, 1); err == nil {
		t.Error("part of a voucher: no error")
	}
	withdrawn := paidBy(t, Options{}, "VA", nil)
	withdrawn.code(vbankPath, withdrawal("W", nil))
	if _, err := withdrawn.CancelElsewhere(testMerchant, testTrdNo, 1000); err == nil {
		t.Error("of a withdrawn virtual account: no error")
	}
	if n := len(b.Effects()) + len(voucher.Effects()) + len(withdrawn.Effects()); n != 2 {
		t.Errorf("%d effects, want those two that were granted", n)
	}
}
