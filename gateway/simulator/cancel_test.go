package simulator

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAESVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "aes") {
		if got := testbed.encrypt(v["plain"]); got != v["base64"] {
			t.Errorf("encrypted %s: %s, want %s", v["plain"], got, v["base64"])
		}
		if got, ok := testbed.decrypt(v["base64"]); !ok || got != v["plain"] {
			t.Errorf("decrypted %s: %q, %t; want %s", v["base64"], got, ok, v["plain"])
		}
	}
	good := testbed.encrypt("1000")
	for name, text := range map[string]string{
		"ErrPlain": "1000", "ErrEmpty": "", "ErrNoBase64": "!" + good[1:], "ErrShort": good[:20], "ErrLineBreak": good + "\n",
		"ErrLineBreakInside": good[:4] + "\r\n" + good[4:], "ErrNoPadding": strings.TrimRight(good, "="),
		"ErrAccountInPlain": "0000000000000000", "ErrOtherKey": Merchant{AESKey: strings.Repeat("k", 32)}.encrypt("1000"),
		"ErrKorean": testbed.encrypt("천원"),
	} {
		if plain, ok := testbed.decrypt(text); ok {
			t.Errorf("%s: %q decrypted to %q", name, text, plain)
		}
	}
	if _, ok := (Merchant{}).decrypt(good); ok {
		t.Error("decrypted without a key")
	}
}

// Test0A19Vectors sends what the vendor's examples give, hash and ciphertext as they stand.
func Test0A19Vectors(t *testing.T) {
	t.Parallel()
	v := vectors(t, "0A19_cancel")[0]
	b := start(t, Options{})
	o := Original{MchtID: v["mchtId"], OrgTrdNo: "V1", OrgMchtTrdNo: "O1", OrgTrdDt: v["trdDt"], Amount: 1000}
	if err := b.Register(o); err != nil {
		t.Fatal(err)
	}
	a := b.inquire(cancelPath, nested{
		Params: fields{"mchtId": v["mchtId"], "ver": "0A19", "method": "CA", "bizType": "C0", "encCd": "23",
			"mchtTrdNo": v["mchtTrdNo"], "trdDt": v["trdDt"], "trdTm": v["trdTm"]},
		Data: fields{"pktHash": v["pktHash"], "orgTrdNo": "V1", "crcCd": "KRW", "cnclOrd": "001", "cnclAmt": v["cnclAmt"]},
	})
	zero := vectors(t, "aes")[2]
	if a.Params["outRsltCd"] != "0000" || a.Data["cnclAmt"] != v["cnclAmt"] || a.Data["blcAmt"] != zero["base64"] {
		t.Errorf("answer %v, want success, %s and nothing left", a, v["cnclAmt"])
	}

	w := vectors(t, "0A19_vbank_withdraw")[0]
	o = Original{MchtID: w["mchtId"], OrgTrdNo: "V2", OrgMchtTrdNo: "O2", OrgTrdDt: w["trdDt"], Amount: 500, Method: "VA"}
	if err := b.Register(o); err != nil {
		t.Fatal(err)
	}
	a = b.inquire(vbankPath, nested{
		Params: fields{"mchtId": w["mchtId"], "ver": "0A19", "method": "VA", "bizType": "A2", "encCd": "23",
			"mchtTrdNo": w["mchtTrdNo"], "trdDt": w["trdDt"], "trdTm": w["trdTm"]},
		Data: fields{"pktHash": w["pktHash"], "orgTrdNo": "V2", "vAcntNo": vectors(t, "aes")[5]["base64"]},
	})
	if a.Params["outRsltCd"] != "0000" {
		t.Errorf("answer %v, want success", a)
	}
}

// Test0A19Operations sends every row of the operations table, for the whole and for a part, and
// compares the whole answer and the books.
func Test0A19Operations(t *testing.T) {
	t.Parallel()
	type row struct {
		path, method, bizType string
		operation             Operation
		partial               string // result code of a part
	}
	rows := []row{
		{cancelPath, "CA", "C0", OperationCancel, "0000"},
		{cancelPath, "RA", "C0", OperationCancel, "0000"},
		{cancelPath, "MP", "C0", OperationCancel, "0000"},
		{cancelPath, "PZ", "C0", OperationCancel, "0000"},
		{cancelPath, "CP", "C0", OperationCancel, "0000"},
		{refundPath, "MP", "C1", OperationRefund, "0000"},
		{refundPath, "VA", "C0", OperationRefund, "0000"},
		{vbankPath, "VA", "A2", OperationWithdraw, ""},
	}
	for _, method := range []string{"TC", "HM", "CG", "SG", "BG", "TM"} {
		rows = append(rows, row{cancelPath, method, "C0", OperationCancel, "ST54"})
	}
	for _, r := range rows {
		for amount, want := range map[string]string{"1000": "0000", "400": r.partial} {
			if want == "" {
				continue
			}
			t.Run("OK "+string(r.operation)+r.method+amount, func(t *testing.T) {
				t.Parallel()
				now := at(2023, 12, 31, 12, 0)
				if r.bizType == "C1" {
					now = at(2024, 1, 1, 12, 0)
				}
				b := paidBy(t, Options{Now: now}, r.method, nil)
				n := cancel0A19("C1", "001", amount, fields{"method": r.method, "bizType": r.bizType, "mobileYn": "N"}, nil)
				switch r.operation {
				case OperationRefund:
					n = refund(r.method, r.bizType, "C1", "001", amount, nil)
				case OperationWithdraw:
					n = withdrawal("C1", nil)
				}
				got := b.ask(r.path, n)
				if got.Params["outRsltCd"] != want {
					t.Fatalf("outRsltCd %s, want %s", got.Params["outRsltCd"], want)
				}
				if want == "0000" {
					checkSuccess0A19(t, b, n, got, r.operation, amount)
				} else if len(b.Effects()) != 0 || got.Data["pktHash"] != n.Data["pktHash"] || got.Data["cnclAmt"] != "" {
					t.Errorf("effects %v, data %v of a refusal", b.Effects(), got.Data)
				}
			})
		}
	}
}

// checkSuccess0A19 compares an answer that says success, and the one effect.
func checkSuccess0A19(t *testing.T, b *fixture, sent, got nested, operation Operation, amount string) {
	t.Helper()
	effects := b.Effects()
	if len(effects) != 1 {
		t.Fatalf("%d effects, want 1", len(effects))
	}
	e := effects[0]
	text := got.Params["outRsltMsg"]
	if plain, err := url.QueryUnescape(text); err != nil || plain != okMessage || text == plain {
		t.Errorf("outRsltMsg %q, %v; want %q, URL-encoded", text, err, okMessage)
	}
	params := with(sent.Params, fields{"mobileYn": "-", "trdNo": e.CanTrdNo, "outStatCd": "0021", "outRsltCd": "0000", "outRsltMsg": text})
	data := fields{"pktHash": sent.Data["pktHash"], "orgTrdNo": testTrdNo}
	wantEffect := Effect{Seq: 1, Time: e.Time, MchtID: testMerchant, OrgTrdNo: testTrdNo, Operation: operation,
		Round: 1, CanTrdNo: e.CanTrdNo, MchtTrdNo: "C1", Request: 1}
	if operation != OperationWithdraw {
		left := map[string]string{"1000": "0", "400": "600"}[amount]
		data = with(data, fields{"cnclAmt": amount, "blcAmt": left})
		wantEffect.Amount = parseAmount(amount)
	}
	switch sent.Params["method"] {
	case "CA", "PZ":
		data = with(data, fields{"cardCnclAmt": amount, "pntCnclAmt": "0", "coupCnclAmt": "0"})
	case "CP":
		data = with(data, fields{"pntCnclAmt": amount})
	}
	if diff := cmp.Diff(nested{params, data}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantEffect, e); diff != "" {
		t.Errorf("effect (-want +got):\n%s", diff)
	}
	if r := b.Received()[0]; r.MchtTrdNo != "C1" || !r.Applied || r.CanAmt != wantEffect.Amount {
		t.Errorf("journal %+v, want id C1, applied, %d", r, wantEffect.Amount)
	}
}

// Test0A19Pairs tries each method with each bizType on each path: what is no row of the table
// is refused.
func Test0A19Pairs(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	served := map[string]bool{}
	for _, method := range []string{"CA", "RA", "MP", "PZ", "CP", "TC", "HM", "CG", "SG", "BG", "TM"} {
		served[cancelPath+method+"C0"] = true
	}
	served[refundPath+"MPC1"], served[refundPath+"VAC0"], served[vbankPath+"VAA2"] = true, true, true
	for _, path := range []string{cancelPath, refundPath, vbankPath} {
		for method := range methods {
			for _, bizType := range []string{"C0", "C1", "A2"} {
				n := cancel0A19("C1", "001", "1", fields{"method": method, "bizType": bizType}, nil)
				a := b.ask(path, n)
				pair := strings.HasSuffix(a.Params["outRsltMsg"], url.QueryEscape("method, bizType"))
				if pair == served[path+method+bizType] || (pair && a.Params["outRsltCd"] != "6001") {
					t.Errorf("%s %s %s: %v", path, method, bizType, a.Params)
				}
			}
		}
	}
}
