package simulator

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
)

const (
	refundPath = "/spay/APIRefund.do"
	vbankPath  = "/spay/APIVBank.do"
)

// testbed has the keys of the testbed; what it encrypts is proven by TestAESVectors.
var testbed = Merchant{ID: testMerchant, HashKey: settlebank.TestbedHashKey, AESKey: settlebank.TestbedAESKey}

var sealedFields = []string{"cnclAmt", "taxAmt", "vatAmt", "taxFreeAmt", "svcAmt", "refundAcntNo", "vAcntNo"}

// cancel0A19 is a 0A19 cancellation of the vectors' original by card; the changes are in plain
// text, and the hash and the encryption, unless a change says "raw:" and the value itself, are made
// after them.
func cancel0A19(id, round, amount string, params, data fields) nested {
	n := nested{
		Params: with(fields{"mchtId": testMerchant, "ver": "0A19", "method": "CA", "bizType": "C0", "encCd": "23",
			"mchtTrdNo": id, "trdDt": "20231216", "trdTm": "080101"}, params),
		Data: with(fields{"orgTrdNo": testTrdNo, "crcCd": "KRW", "cnclOrd": round, "cnclAmt": amount}, data),
	}
	if _, signed := data["pktHash"]; !signed {
		amount := n.Data["cnclAmt"]
		if n.Params["bizType"] == "A2" {
			amount = "0"
		}
		n.Data["pktHash"] = sum(n.Params["trdDt"], n.Params["trdTm"], n.Params["mchtId"], n.Params["mchtTrdNo"],
			amount, settlebank.TestbedHashKey)
	}
	for name, value := range n.Data {
		if raw, ok := strings.CutPrefix(value, "raw:"); ok {
			n.Data[name] = raw
		} else if slices.Contains(sealedFields, name) && value != "" {
			n.Data[name] = testbed.encrypt(value)
		}
	}
	return n
}

// refundFields is what a refund has beyond a cancellation.
var refundFields = fields{"refundBankCd": "004", "refundAcntNo": "0000000000000000", "refundDpstrNm": "홍길동"}

// refund is cancel0A19 for a refund of a phone payment (C1) or a virtual account (C0).
func refund(method, bizType, id, round, amount string, data fields) nested {
	return cancel0A19(id, round, amount, fields{"method": method, "bizType": bizType}, with(refundFields, data))
}

// withdrawal is cancel0A19 for the withdrawal of a virtual account number.
func withdrawal(id string, data fields) nested {
	changes := fields{"crcCd": "-", "cnclOrd": "-", "cnclAmt": "-", "vAcntNo": "79012345678901"}
	maps.Copy(changes, data)
	return cancel0A19(id, "-", "-", fields{"method": "VA", "bizType": "A2"}, changes)
}

// ask sends a nested message and returns its answer, the amounts decrypted.
func (b *fixture) ask(path string, n nested) nested {
	b.t.Helper()
	a := b.inquire(path, n)
	for _, name := range []string{"cnclAmt", "cardCnclAmt", "pntCnclAmt", "coupCnclAmt", "blcAmt"} {
		text, there := a.Data[name]
		if !there {
			continue
		}
		plain, ok := testbed.decrypt(text)
		if !ok {
			b.t.Fatalf("%s %q is not encrypted", name, text)
		}
		a.Data[name] = plain
	}
	return a
}

// code is ask for the result code alone, which must go with its outStatCd.
func (b *fixture) code(path string, n nested) string {
	b.t.Helper()
	a := b.ask(path, n)
	code := a.Params["outRsltCd"]
	if (code == "0000") != (a.Params["outStatCd"] == "0021") || (code == "0000") != (a.Params["trdNo"] != "") {
		b.t.Fatalf("answer %v: code, outStatCd and trdNo do not go together", a.Params)
	}
	return code
}

// paidBy is start with the vectors' original, paid otherwise.
func paidBy(t *testing.T, o Options, method string, change func(*Original)) *fixture {
	t.Helper()
	b := start(t, o)
	original := testOriginal(1000)
	original.Method = method
	if change != nil {
		change(&original)
	}
	if err := b.Register(original); err != nil {
		t.Fatal(err)
	}
	return b
}

// at is a clock that stands still, in Korean time.
func at(year int, month time.Month, day, hour, minute int) func() time.Time {
	return func() time.Time { return time.Date(year, month, day, hour, minute, 0, 0, settlebank.KST) }
}
