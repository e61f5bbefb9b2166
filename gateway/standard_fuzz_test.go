package gateway

import (
	"encoding/json"
	"testing"
)

// FuzzStandardAnswer: only a complete answer that says success twice, repeats the request's hash
// and nothing of another request, has a number and no other amount is OK; and every amount it
// brings is one that the answer has.
func FuzzStandardAnswer(f *testing.F) {
	q := standardRequest(f, standardCancel)
	whole := standardAnswer(q.body, nil)
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)-2]))
	for _, c := range append(standardSuccesses, standardFailures...) {
		f.Add([]byte(standardAnswer(q.body, func(params, data map[string]any) {
			for name, value := range c.params {
				params[name] = value
			}
			for name, value := range c.data {
				data[name] = value
			}
		})))
	}
	for _, s := range []string{`{"params":{"outStatCd":"0031","outRsltCd":"CA20"}}`, `{"params":{"outRsltCd":"0000"},"data":[]}`, success, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, valid := standard{}.parse(q, body)
		checkAnswer(t, body, a, valid)
		switch a.detail.RefundPossible {
		case "", "Y", "N", "C":
		default:
			t.Errorf("refund %q", a.detail.RefundPossible)
		}
		var m struct{ Params, Data map[string]any }
		if a.class != OK {
			a.detail.RefundPossible = ""
			if a.canTrdNo != "" || a.detail != (Detail{}) {
				t.Errorf("class %s with %s", a.class, tell(a))
			}
			return
		}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("OK, but %v", err)
		}
		checkStandardSuccess(t, q, a, m.Params, m.Data)
	})
}

// checkStandardSuccess asserts what a success is made of, read by encoding/json and crypto/aes
// alone.
func checkStandardSuccess(t *testing.T, q request, a answer, params, data map[string]any) {
	t.Helper()
	if params["outStatCd"] != "0021" || params["outRsltCd"] != "0000" || a.code != "0000" || data["pktHash"] != q.hash {
		t.Errorf("OK with %s", tell(a))
	}
	if a.canTrdNo == "" || params["trdNo"] != a.canTrdNo {
		t.Errorf("OK with the number %q of %v", a.canTrdNo, params["trdNo"])
	}
	var sent struct{ Params, Data map[string]any }
	if err := json.Unmarshal(q.body, &sent); err != nil {
		t.Fatal(err)
	}
	sent.Params["orgTrdNo"], params["orgTrdNo"] = sent.Data["orgTrdNo"], data["orgTrdNo"]
	for name, want := range sent.Params {
		if got := params[name]; got != nil && got != "" && got != want {
			t.Errorf("OK with %s %v, want %v", name, got, want)
		}
	}
	for name, got := range map[string]*int64{
		"cnclAmt": a.detail.CancelledAmt, "blcAmt": a.detail.BalanceAmt, "cardCnclAmt": a.detail.CardAmt,
		"pntCnclAmt": a.detail.PointAmt, "coupCnclAmt": a.detail.CouponAmt,
	} {
		value, _ := data[name].(string)
		plain, _ := testOpened(value)
		if got == nil {
			continue
		}
		if want, ok := amount(plain); !ok || want != *got {
			t.Errorf("%s: got %d of %q", name, *got, plain)
		}
	}
	if raw := data["cnclAmt"]; raw != nil && raw != "" && (a.detail.CancelledAmt == nil || *a.detail.CancelledAmt != 500) {
		t.Errorf("OK with cnclAmt %v", raw)
	}
}
