package gateway

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"

	_ "embed"
)

//go:embed testdata/0A19_requests.json
var requestFile0A19 []byte

// golden is a 0A19 request as the documents have it, made without this package.
type golden struct {
	Name   string
	At     time.Time
	Path   string
	Cancel CancelRequest
	Params json.RawMessage
	Data   json.RawMessage
}

func loadGolden(t testing.TB) []golden {
	t.Helper()
	var all []golden
	if err := json.Unmarshal(requestFile0A19, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("0A19_requests.json is empty")
	}
	return all
}

// body is what must stand on the wire, byte by byte.
func (g golden) body() string {
	return `{"params":` + string(g.Params) + `,"data":` + string(g.Data) + `}`
}

// members reads a golden object, whose values are strings.
func members(t testing.TB, raw json.RawMessage) map[string]string {
	t.Helper()
	var m map[string]string
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func merchant0A19(id string) Merchant {
	return Merchant{ID: id, HashKey: settlebank.NewSecret(testHashKey), AESKey: settlebank.NewSecret(testAESKey), Protocol: Protocol0A19}
}

// testSealed encrypts as the gateway does, by crypto/aes alone.
func testSealed(plain string) string {
	block, err := aes.NewCipher([]byte(testAESKey))
	if err != nil {
		panic(err)
	}
	pad := 16 - len(plain)%16
	in := []byte(plain + strings.Repeat(string(rune(pad)), pad))
	out := make([]byte, len(in))
	for i := 0; i < len(in); i += 16 {
		block.Encrypt(out[i:i+16], in[i:i+16])
	}
	return base64.StdEncoding.EncodeToString(out)
}

// testOpened decrypts what is one block or more with sound padding, by crypto/aes alone.
func testOpened(sealed string) (string, bool) {
	in, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(in) == 0 || len(in)%16 != 0 {
		return "", false
	}
	block, err := aes.NewCipher([]byte(testAESKey))
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(in))
	for i := 0; i < len(in); i += 16 {
		block.Decrypt(out[i:i+16], in[i:i+16])
	}
	for n := 1; n <= 16; n++ {
		if bytes.HasSuffix(out, bytes.Repeat([]byte{byte(n)}, n)) && int(out[len(out)-1]) == n {
			return string(out[:len(out)-n]), true
		}
	}
	return "", false
}

// cancel0A19 is a card cancellation of a part, in 0A19.
var cancel0A19 = CancelRequest{
	ID: "CNCL-refund-1", Round: 2, MchtID: "nxca_jt_il", OrgTrdNo: "T1", OrgMchtTrdNo: "ORDER1", OrgTrdDt: "20231215",
	CanAmt: 500, OrgTrdAmt: 1000, Method: "CA",
}

// phoneCancel and bankRefund are a phone cancellation in time and a virtual account's refund.
var (
	phoneCancel = edited(cancel0A19, func(r *CancelRequest) { r.Method = "MP" })
	bankRefund  = edited(cancel0A19, func(r *CancelRequest) {
		r.Method, r.Operation = "VA", "refund"
		r.RefundBankCd, r.RefundAcntNo, r.RefundDpstrNm = "004", "110987654321", "홍길동"
	})
	numberWithdrawal = edited(cancel0A19, func(r *CancelRequest) {
		r.Method, r.Operation, r.CanAmt, r.VAcntNo = "VA", "withdraw", 0, "5678901234"
	})
)

func edited(r CancelRequest, edit func(*CancelRequest)) CancelRequest {
	edit(&r)
	return r
}

// accountOf lists what of a request's account nobody may read.
func accountOf(r CancelRequest) []string {
	return slices.DeleteFunc([]string{r.RefundAcntNo, r.RefundDpstrNm, r.VAcntNo}, func(s string) bool { return s == "" })
}

// request0A19 builds r, to be sent at testTime.
func request0A19(t testing.TB, r CancelRequest) request {
	t.Helper()
	q, faults := protocol0A19{}.build(&merchant{Merchant: merchant0A19(r.MchtID)}, r, testTime)
	if faults != nil {
		t.Fatal(faults)
	}
	return q
}

// answer0A19 is a success in answer to a 0A19 request, or what edit makes of it; nil deletes a
// field.
func answer0A19(body []byte, edit func(params, data map[string]any)) string {
	var m struct{ Params, Data map[string]any }
	if err := json.Unmarshal(body, &m); err != nil {
		panic(err)
	}
	m.Params["trdNo"], m.Params["outStatCd"], m.Params["outRsltCd"], m.Params["outRsltMsg"] = "C1", "0021", "0000", "정상처리"
	data := map[string]any{"pktHash": m.Data["pktHash"], "orgTrdNo": m.Data["orgTrdNo"]}
	if sealed, ok := m.Data["cnclAmt"]; ok {
		data["cnclAmt"], data["blcAmt"] = sealed, testSealed("300")
	}
	if edit != nil {
		edit(m.Params, data)
	}
	for _, fields := range []map[string]any{m.Params, data} {
		for name, value := range fields {
			if value == nil {
				delete(fields, name)
			}
		}
	}
	return string(render(map[string]any{"params": m.Params, "data": data}))
}

// tell prints an answer with its amounts.
func tell(a answer) string {
	d := a.detail
	a.detail = Detail{}
	s := fmt.Sprintf("%+v", a)
	for _, f := range []struct {
		name   string
		amount *int64
	}{{"cancelled", d.CancelledAmt}, {"balance", d.BalanceAmt}, {"card", d.CardAmt}, {"point", d.PointAmt}, {"coupon", d.CouponAmt}} {
		if f.amount != nil {
			s += fmt.Sprintf(" %s %d", f.name, *f.amount)
		}
	}
	return s + " refund " + d.RefundPossible
}
