package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"settlecancel/gateway/settlebank"
)

// FuzzCancel sends bodies to the paths that move money: nothing ever takes effect unless
// encoding/json reads a flat object of strings, or params and data, from it whose hash, computed
// here again, is right; and the answer says so.
func FuzzCancel(f *testing.F) {
	for _, v := range vectors(f, "flat_cancel") {
		f.Add(cancelPath, []byte(encode(f, v)))
	}
	f.Add(cancelPath, []byte(encode(f, flatFields("0", nil))))
	f.Add(cancelPath, []byte(encode(f, inquiry("Q", "1", nil, nil))))
	f.Add(cancelPath, []byte(encode(f, cancel0A19("C1", "001", "1000", nil, nil))))
	f.Add(cancelPath, []byte(encode(f, cancel0A19("C1", "001", "400", nil, fields{"taxTypeCd": "G", "taxAmt": "300",
		"vatAmt": "30", "taxFreeAmt": "70", "cnclRsn": "x"}))))
	f.Add(refundPath, []byte(encode(f, refund("VA", "C0", "R1", "001", "1000", fields{"orgTrdNo": "T1"}))))
	f.Add(vbankPath, []byte(encode(f, withdrawal("W1", fields{"orgTrdNo": "T1"}))))
	f.Add(vbankPath, []byte(encode(f, cancel0A19("C1", "001", "raw:x", nil, nil))))
	sim, err := New(Options{AutoAmount: 1000, Now: at(2024, 1, 1, 12, 0)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		if path != cancelPath && path != refundPath && path != vbankPath || len(body) > maxBody {
			return
		}
		defer sim.Reset()
		req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
		req.Header.Set("Content-Type", contentJSON)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, req)
		var answer struct {
			ResultCode string
			Params     struct{ OutRsltCd string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || (answer.ResultCode == "") == (answer.Params.OutRsltCd == "") {
			t.Fatalf("answer %q to %q: %v", w.Body, body, err)
		}
		effects := sim.Effects()
		if (len(effects) == 1) != (answer.ResultCode+answer.Params.OutRsltCd == "0000") || len(effects) > 1 {
			t.Fatalf("%d effects, answer %q", len(effects), w.Body)
		}
		switch {
		case len(effects) == 0:
		case answer.ResultCode != "":
			checkFlatEffect(t, body, effects[0])
		default:
			checkEffect0A19(t, body, effects[0])
		}
	})
}

// checkFlatEffect checks that a flat body asked for an effect, and signed it.
func checkFlatEffect(t *testing.T, body []byte, e Effect) {
	t.Helper()
	var v fields
	if err := json.Unmarshal(body, &v); err != nil || len(v) != 6 {
		t.Fatalf("applied %q: %v", body, err)
	}
	if v["pktHash"] != sum(v["orgTrdNo"], v["orgMchtTrdNo"], v["orgTrdDt"], v["canAmt"], settlebank.TestbedHashKey) {
		t.Fatalf("applied %q with a wrong hash", body)
	}
	if n, err := strconv.ParseInt(v["canAmt"], 10, 64); err != nil || n != e.Amount || n < 1 || n > 1000 {
		t.Fatalf("applied %q as %+v", body, e)
	}
}

// checkEffect0A19 checks that a body of protocol 0A19 asked for an effect, and signed it.
func checkEffect0A19(t *testing.T, body []byte, e Effect) {
	t.Helper()
	var n nested
	if err := json.Unmarshal(body, &n); err != nil || n.Params["ver"] != "0A19" || n.Params["encCd"] != "23" {
		t.Fatalf("applied %q: %v", body, err)
	}
	amount, hashed := "0", "0"
	if e.Operation != OperationWithdraw {
		amount, _ = testbed.decrypt(n.Data["cnclAmt"])
		hashed = amount
	}
	if n.Data["pktHash"] != sum(n.Params["trdDt"], n.Params["trdTm"], n.Params["mchtId"], n.Params["mchtTrdNo"], hashed, settlebank.TestbedHashKey) {
		t.Fatalf("applied %q with a wrong hash", body)
	}
	got, err := strconv.ParseInt(amount, 10, 64)
	if err != nil || got != e.Amount || got > 1000 || (got < 1) != (e.Operation == OperationWithdraw) || e.MchtTrdNo != n.Params["mchtTrdNo"] {
		t.Fatalf("applied %q as %+v", body, e)
	}
}

// Fuzz0A19Cancel sends cancellations of protocol 0A19 with foreign values, signed or not: only
// a signed one takes effect, with just the values it named, and every answer is JSON that repeats
// its id.
func Fuzz0A19Cancel(f *testing.F) {
	f.Add("C1", "T1", "001", "1000", "", true)
	f.Add("C1", "T1", "001", "400", "고객 \"변심\"\n", true)
	f.Add("C1", "T1", "001", "400", "", false)
	f.Add("취소", "T1", "002", "0400", "", true)
	sim, err := New(Options{AutoAmount: 1000})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, id, number, round, amount, reason string, signed bool) {
		defer sim.Reset()
		n := cancel0A19(id, round, amount, nil, nil)
		n.Params["mchtTrdNo"], n.Data["orgTrdNo"], n.Data["cnclRsn"], n.Data["cnclAmt"] = id, number, reason, testbed.encrypt(amount)
		n.Data["pktHash"] = sum("20231216", "080101", testMerchant, id, amount, settlebank.TestbedHashKey)
		if !signed {
			n.Data["pktHash"] = sum("20231216", "080101", testMerchant, id, amount)
		}
		body := encode(t, n)
		var sent, got nested
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, cancelPath, bytes.NewReader([]byte(body)))
		req.Header.Set("Content-Type", contentJSON)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			return
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Params["mchtTrdNo"] != sent.Params["mchtTrdNo"] {
			t.Fatalf("answer %q to %q: %v", w.Body, body, err)
		}
		effects := sim.Effects()
		if success := got.Params["outRsltCd"] == "0000"; success != (len(effects) == 1) || (success && (!signed || round != "001")) {
			t.Fatalf("%d effects, answer %q to %q", len(effects), w.Body, body)
		}
		if len(effects) == 1 {
			checkEffect0A19(t, []byte(body), effects[0])
		}
	})
}

// FuzzDecrypt: what is taken for encrypted is exactly what encrypting the plain text gives.
func FuzzDecrypt(f *testing.F) {
	for _, v := range vectors(f, "aes") {
		f.Add(v["base64"])
	}
	f.Fuzz(func(t *testing.T, text string) {
		if plain, ok := testbed.decrypt(text); ok && testbed.encrypt(plain) != text {
			t.Fatalf("%q decrypted to %q, which encrypts to %q", text, plain, testbed.encrypt(plain))
		}
	})
}
