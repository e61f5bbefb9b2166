package gateway

import (
	"strings"
	"testing"
)

// Fuzz0A19Answer: only a complete answer that says success twice, repeats the request's hash
// and nothing of another request, has a number and no other amount is OK; and every amount it
// brings is one that the answer has.
func Fuzz0A19Answer(f *testing.F) {
	q := request0A19(f, cancel0A19)
	whole := answer0A19(q.body, nil)
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)-2]))
	for _, c := range append(successes0A19, failures0A19...) {
		f.Add([]byte(answer0A19(q.body, func(params, data map[string]any) {
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
	for _, r := range loadAnswers(f) {
		f.Add([]byte(r.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, valid := protocol0A19{}.parse(q, body)
		checkAnswer(t, body, a, valid)
		switch a.detail.RefundPossible {
		case "", "Y", "N", "C":
		default:
			t.Errorf("refund %q", a.detail.RefundPossible)
		}
		if a.class != OK {
			a.detail.RefundPossible = ""
			if a.canTrdNo != "" || a.detail != (Detail{}) {
				t.Errorf("class %s with %s", a.class, tell(a))
			}
			return
		}
		m := decoded(t, body)
		params, _ := m["params"].(map[string]any)
		data, _ := m["data"].(map[string]any)
		checkSuccess0A19(t, q, a, params, data)
	})
}

// checkSuccess0A19 asserts what a success is made of, read by encoding/json and crypto alone.
func checkSuccess0A19(t *testing.T, q request, a answer, params, data map[string]any) {
	t.Helper()
	own := plainHash("0021", word(params["trdDt"], 0), word(params["trdTm"], 0), "nxca_jt_il", "CNCL-refund-1")
	told := word(data["pktHash"], 0)
	if word(params["outStatCd"], 4) != "0021" || word(params["outRsltCd"], 4) != "0000" || a.code != "0000" ||
		!strings.EqualFold(told, q.hash) && !strings.EqualFold(told, own("500")) {
		t.Errorf("OK with %s", tell(a))
	}
	if a.canTrdNo == "" || word(params["trdNo"], 0) != a.canTrdNo {
		t.Errorf("OK with the number %q of %v", a.canTrdNo, params["trdNo"])
	}
	for name, want := range map[string]string{"mchtId": "nxca_jt_il", "mchtTrdNo": "CNCL-refund-1"} {
		if got := word(params[name], 0); got != "" && got != want {
			t.Errorf("OK with %s %v, want %v", name, got, want)
		}
	}
	if got := word(data["orgTrdNo"], 0); got != "" && got != "T1" {
		t.Errorf("OK with orgTrdNo %v", got)
	}
	for name, got := range map[string]*int64{
		"cnclAmt": a.detail.CancelledAmt, "blcAmt": a.detail.BalanceAmt, "cardCnclAmt": a.detail.CardAmt,
		"pntCnclAmt": a.detail.PointAmt, "coupCnclAmt": a.detail.CouponAmt,
	} {
		value := word(data[name], 0)
		plain, sealed := testOpened(value)
		if !sealed {
			plain = value
		}
		want, legible := amount(plain)
		if legible != (got != nil) || got != nil && want != *got {
			t.Errorf("%s: got %v of %q", name, got, plain)
		}
	}
	if n := a.detail.CancelledAmt; n != nil && *n != 500 {
		t.Errorf("OK with cnclAmt %d", *n)
	}
}
