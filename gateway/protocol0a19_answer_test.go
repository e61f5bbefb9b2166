package gateway

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

// fields are edits of an answer; nil deletes a field.
type fields map[string]any

// case0A19 is an answer to a request, a success but for the edits, and what it means with
// status 200.
type case0A19 struct {
	name         string
	params, data fields
	want         answer
}

func num(n int64) *int64 { return &n }

func sealed(n int64) string { return testSealed(decimal(n)) }

// failure is an answer's params with a failing code.
func failure(code string) fields {
	return fields{"trdNo": nil, "outStatCd": "0031", "outRsltCd": code}
}

func with(base fields, name string, value any) fields {
	out := fields{name: value}
	for n, v := range base {
		if n != name {
			out[n] = v
		}
	}
	return out
}

const (
	noPair  = "outStatCd and outRsltCd do not go together"
	noHash  = "a success without pktHash"
	noTrdNo = "a success without trdNo"
	badHash = "the answer's pktHash is neither the request's nor its own"
	noName  = "a refusal that names no request"
)

func succeeded(d Detail) answer {
	return answer{code: "0000", message: "정상처리", class: OK, listed: true, canTrdNo: "C1", detail: d}
}

func doubted(why string) answer {
	return answer{code: "0000", message: "정상처리", class: Unknown, listed: true, doubt: why}
}

func refusedWith(code string, class Class) answer {
	return answer{code: code, message: "정상처리", class: class, listed: true}
}

// refusedForRefund is a refusal to cancel a phone payment with a word on its refund.
func refusedForRefund(possible string) answer {
	a := refusedWith("MP81", Rejected)
	a.detail.RefundPossible = possible
	return a
}

func doubtedCode(code string, why string) answer {
	return answer{code: code, message: "정상처리", class: Unknown, listed: true, doubt: why}
}

func foreign(field string) answer { return doubted("the answer carries another request's " + field) }

// ownHash is the answer's own hash to cancel0A19.
func ownHash(stat, clock, amount string) string {
	return sign(settlebank.NewSecret(testHashKey), stat, "20231216", clock, "nxca_jt_il", "CNCL-refund-1", amount)
}

// usual is the detail of an answer that no edit touches.
var usual = Detail{CancelledAmt: num(500), BalanceAmt: num(300)}

var successes0A19 = []case0A19{
	{"OK", nil, nil, succeeded(usual)},
	{"OKSuccessWithoutAmounts", nil, fields{"cnclAmt": nil, "blcAmt": nil, "orgTrdNo": nil}, succeeded(Detail{})},
	{"OKBlankAmounts", nil, fields{"cnclAmt": "", "blcAmt": "", "cardCnclAmt": ""}, succeeded(Detail{})},
	{"OKPadded", nil, fields{"cnclAmt": testSealed("000000000500")}, succeeded(usual)},
	{"OKAllAmounts", nil, fields{"cardCnclAmt": sealed(400), "pntCnclAmt": sealed(100), "coupCnclAmt": sealed(0), "blcAmt": sealed(0)},
		succeeded(Detail{CancelledAmt: num(500), BalanceAmt: num(0), CardAmt: num(400), PointAmt: num(100), CouponAmt: num(0)})},
	{"OKPlainAmounts", nil, fields{"cnclAmt": "500", "blcAmt": 300, "pntCnclAmt": "0"}, succeeded(Detail{CancelledAmt: num(500), BalanceAmt: num(300), PointAmt: num(0)})},
	{"OKIllegible", nil, fields{"cnclAmt": sealed(500)[:8], "blcAmt": "3.00", "coupCnclAmt": testSealed("x")}, succeeded(Detail{})},
	{"OKRefundPossible", nil, fields{"rfdPsblCd": "Y"}, succeeded(Detail{CancelledAmt: num(500), BalanceAmt: num(300), RefundPossible: "Y"})},
	{"OKNoParamsEchoed", fields{"mchtId": nil, "ver": nil, "method": nil, "bizType": nil, "encCd": nil, "mchtTrdNo": nil, "trdDt": nil, "trdTm": nil},
		nil, succeeded(usual)},
	{"OKBlankParams", fields{"mchtTrdNo": "", "method": ""}, fields{"orgTrdNo": ""}, succeeded(usual)},
	{"OKNullFields", fields{"mchtTrdNo": json.RawMessage("null")}, fields{"orgTrdNo": json.RawMessage("null"), "cnclAmt": json.RawMessage("null")},
		succeeded(Detail{BalanceAmt: num(300)})},
	{"OKMoreFields", fields{"extra": fields{"outRsltCd": "0031"}}, fields{"extra": []int{1}}, succeeded(usual)},
	{"ErrOtherMerchant", fields{"mchtId": "nxca_jt_bi"}, nil, foreign("mchtId")},
	{"OKOwnVersion", fields{"ver": "0A20", "method": "KP", "bizType": "C1", "encCd": "22"}, nil, succeeded(usual)},
	{"OKOwnTime", fields{"trdDt": "20231216", "trdTm": "120000"}, nil, succeeded(usual)},
	{"OKOwnHash", fields{"trdTm": "120000"}, fields{"pktHash": ownHash("0021", "120000", "500")}, succeeded(usual)},
	{"OKUpperHash", fields{"trdTm": "120000"}, fields{"pktHash": strings.ToUpper(ownHash("0021", "120000", "500"))}, succeeded(usual)},
	{"ErrHashOfAnotherTime", fields{"trdTm": "120001"}, fields{"pktHash": ownHash("0021", "120000", "500")}, doubted(badHash)},
	{"ErrHashOfAnotherAmount", fields{"trdTm": "120000"}, fields{"pktHash": ownHash("0021", "120000", "1000")}, doubted(badHash)},
	{"ErrHashOfARefusal", fields{"trdTm": "120000"}, fields{"pktHash": ownHash("0031", "120000", "500")}, doubted(badHash)},
	{"OKPaddedCodes", fields{"outStatCd": "0021 ", "outRsltCd": " 0000"}, nil, succeeded(usual)},
	{"OKNumericCodes", fields{"outStatCd": 21, "outRsltCd": 0}, nil, succeeded(usual)},
	{"ErrOtherID", fields{"mchtTrdNo": "CNCL-refund-2"}, nil, foreign("mchtTrdNo")},
	{"ErrOtherOriginal", nil, fields{"orgTrdNo": "T2"}, foreign("orgTrdNo")},
	{"ErrNoEcho", nil, fields{"pktHash": nil}, doubted(noHash)},
	{"ErrBlankEcho", nil, fields{"pktHash": ""}, doubted(noHash)},
	{"ErrOtherEcho", nil, fields{"pktHash": strings.Repeat("0", 64)}, doubted(badHash)},
	{"ErrNumericEcho", nil, fields{"pktHash": 1}, doubted(badHash)},
	{"ErrNoNumber", fields{"trdNo": nil}, nil, doubted(noTrdNo)},
	{"ErrBlankNumber", fields{"trdNo": ""}, nil, doubted(noTrdNo)},
	{"ErrSpaceNumber", fields{"trdNo": "C 1"}, nil, doubted(noTrdNo)},
	{"ErrLongNumber", fields{"trdNo": strings.Repeat("1", 101)}, nil, doubted(noTrdNo)},
	{"ErrListNumber", fields{"trdNo": []int{1}}, nil, doubted(noTrdNo)},
	{"ErrOtherAmount", nil, fields{"cnclAmt": sealed(501)}, foreign("cnclAmt")},
	{"ErrOriginalAmount", nil, fields{"cnclAmt": "1000"}, foreign("cnclAmt")},
	{"ErrNumericAmount", nil, fields{"cnclAmt": 501}, foreign("cnclAmt")},
	{"ErrSuccessStatFailing", fields{"outRsltCd": "CA20"}, nil, doubtedCode("CA20", noPair)},
	{"ErrSuccessStatAlready", fields{"outRsltCd": "CA12"}, nil, doubtedCode("CA12", noPair)},
	{"ErrSuccessStatUnlisted", fields{"outRsltCd": "XX99"}, nil, answer{code: "XX99", message: "정상처리", class: Unknown, doubt: noPair}},
	{"ErrFailureStatOK", fields{"outStatCd": "0031"}, nil, doubted(noPair)},
	{"ErrNoStat", fields{"outStatCd": nil}, nil, doubted(noPair)},
	{"ErrOtherStat", fields{"outStatCd": "0051"}, nil, doubted(noPair)},
	{"ErrNumericStat", fields{"outStatCd": 31}, nil, doubted(noPair)},
}

var failures0A19 = []case0A19{
	{"ErrRejected", failure("CA20"), nil, refusedWith("CA20", Rejected)},
	{"ErrAlready", failure("CA12"), nil, refusedWith("CA12", Already)},
	{"ErrCancelledBefore", failure("ST25"), nil, refusedWith("ST25", Already)},
	{"ErrDuplicate", failure("ST50"), nil, refusedWith("ST50", Duplicate)},
	{"ErrTransient", failure("ST41"), nil, refusedWith("ST41", Transient)},
	{"ErrMisconfigured", failure("1901"), nil, refusedWith("1901", Misconfigured)},
	{"ErrUnknown", failure("9999"), nil, refusedWith("9999", Unknown)},
	{"ErrUnlisted", failure("XX99"), nil, answer{code: "XX99", message: "정상처리", class: Unknown}},
	{"ErrEmptyData", failure("CA20"), fields{"pktHash": nil, "orgTrdNo": nil, "cnclAmt": nil, "blcAmt": nil}, refusedWith("CA20", Rejected)},
	{"ErrRefundOpen", failure("MP81"), fields{"rfdPsblCd": "Y"}, refusedForRefund("Y")},
	{"ErrRefundNotRegistered", failure("MP81"), fields{"rfdPsblCd": "N"}, refusedForRefund("N")},
	{"ErrRefundNotMet", failure("MP81"), fields{"rfdPsblCd": "C"}, refusedForRefund("C")},
	{"ErrRefundUnknown", failure("MP81"), fields{"rfdPsblCd": "X"}, refusedWith("MP81", Rejected)},
	{"ErrAmountsOfAFailure", failure("CA20"), fields{"cnclAmt": sealed(501)}, refusedWith("CA20", Rejected)},
	{"ErrFailureNoStat", with(failure("CA20"), "outStatCd", nil), nil, doubtedCode("CA20", noPair)},
	{"ErrFailureOtherID", with(failure("CA20"), "mchtTrdNo", "x"), nil, doubtedCode("CA20", "the answer carries another request's mchtTrdNo")},
	{"ErrFailureOwnTime", with(failure("CA20"), "trdTm", "085958"), fields{"pktHash": nil}, refusedWith("CA20", Rejected)},
	{"ErrFailureOwnHash", with(failure("CA20"), "trdTm", "120000"), fields{"pktHash": ownHash("0031", "120000", "500")}, refusedWith("CA20", Rejected)},
	{"ErrFailureHashWithoutAmount", with(failure("CA20"), "trdTm", "120000"), fields{"pktHash": ownHash("0031", "120000", "")}, refusedWith("CA20", Rejected)},
	{"ErrFailureNamesNobody", with(failure("CA20"), "mchtTrdNo", nil), fields{"pktHash": nil}, doubtedCode("CA20", noName)},
	{"ErrFailureHashNamesIt", with(failure("CA20"), "mchtTrdNo", nil), nil, refusedWith("CA20", Rejected)},
	{"ErrFailureOtherEcho", failure("CA20"), fields{"pktHash": "h2", "rfdPsblCd": "Y"},
		doubtedCode("CA20", badHash)},
}

// Test0A19Answer: the class of every kind of answer, with status 200.
func Test0A19Answer(t *testing.T) {
	t.Parallel()
	q := request0A19(t, cancel0A19)
	for _, tt := range append(successes0A19, failures0A19...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := answer0A19(q.body, func(params, data map[string]any) {
				for name, value := range tt.params {
					params[name] = value
				}
				for name, value := range tt.data {
					data[name] = value
				}
			})
			got, valid := protocol0A19{}.parse(q, []byte(body))
			if !valid {
				t.Fatalf("no complete answer: %s", body)
			}
			if diff := cmp.Diff(tell(tt.want), tell(got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// Test0A19Shapes: what is no answer of 0A19, and what is one without data.
func Test0A19Shapes(t *testing.T) {
	t.Parallel()
	q := request0A19(t, cancel0A19)
	whole := answer0A19(q.body, nil)
	refused := answer{code: "CA20", class: Rejected, listed: true}
	nameless := answer{code: "CA20", class: Unknown, listed: true, doubt: noName}
	unproven := answer{code: "0000", class: Unknown, listed: true, doubt: noHash}
	for _, tt := range []struct {
		name, body string
		valid      bool
		want       answer
	}{
		{"OKSpaces", " \n" + whole + "\r\n ", true, succeeded(usual)},
		{"ErrNoData", `{"params":{"mchtTrdNo":"CNCL-refund-1","outStatCd":"0031","outRsltCd":"CA20"}}`, true, refused},
		{"ErrNullData", `{"params":{"mchtTrdNo":"CNCL-refund-1","outStatCd":"0031","outRsltCd":"CA20"},"data":null}`, true, refused},
		{"ErrBlankData", `{"params":{"mchtTrdNo":"CNCL-refund-1","outStatCd":"0031","outRsltCd":"CA20"},"data":""}`, true, refused},
		{"ErrNameless", `{"params":{"outStatCd":"0031","outRsltCd":"CA20"},"data":{}}`, true, nameless},
		{"ErrBare", `{"outStatCd":"0031","outRsltCd":"CA20"}`, true, refused},
		{"ErrBareUnlisted", `{"outStatCd":"0031","outRsltCd":"XX99"}`, true, answer{code: "XX99", class: Unknown}},
		{"ErrBareSuccess", `{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1","pktHash":"` + q.hash + `"}`, true, unproven},
		{"ErrByteOrderMark", "\ufeff" + `{"outStatCd":"0031","outRsltCd":"CA20"}`, true, refused},
		{"ErrFlatRefusal", `{"resultCode":"1001","resultMsg":"정상처리"}`, true,
			answer{code: "1001", message: "정상처리", class: Misconfigured, listed: true, doubt: "nothing was applied, " + advice0A19}},
		{"ErrSuccessNoData", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1"}}`, true, unproven},
		{"ErrSuccessTwoHashes", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1"},"data":{"pktHash":"` + q.hash +
			`","pktHash":"` + q.hash + `"}}`, true, unproven},
		{"ErrDataInParams", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1","pktHash":"` + q.hash + `"},"data":{}}`, true, unproven},
		{"ErrFlat", success, true, doubted("a success in another protocol than the request's")},
		{"ErrNoCode", `{"params":{"outStatCd":"0021"},"data":{}}`, false, answer{}},
		{"ErrFractionCode", `{"params":{"outStatCd":"0021","outRsltCd":0.0},"data":{}}`, false, answer{}},
		{"ErrTwoCodes", `{"params":{"outStatCd":"0031","outRsltCd":"CA20","outRsltCd":"0000"},"data":{}}`, false, answer{}},
		{"ErrTwoParams", `{"params":{"outRsltCd":"CA20"},"params":{"outRsltCd":"0000"}}`, false, answer{}},
		{"ErrSpelling", strings.Replace(whole, "outRsltCd", "OutRsltCd", 1), false, answer{}},
		{"ErrArray", `{"params":[` + whole + `]}`, false, answer{}},
		{"ErrText", `{"params":"0000"}`, false, answer{}},
		{"ErrTruncated", whole[:len(whole)-1], false, answer{}},
		{"ErrTrailing", whole + "}", false, answer{}},
		{"ErrTwoObjects", whole + whole, false, answer{}},
		{"ErrEmpty", "", false, answer{}},
		{"ErrHTML", "<html>0000</html>", false, answer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, valid := protocol0A19{}.parse(q, []byte(tt.body))
			if valid != tt.valid {
				t.Errorf("valid: got %t, want %t", valid, tt.valid)
			}
			if diff := cmp.Diff(tell(tt.want), tell(got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// Test0A19Codes walks the whole table of codes: with 0031 a failing code is its class, with
// 0021 nothing.
func Test0A19Codes(t *testing.T) {
	t.Parallel()
	q := request0A19(t, cancel0A19)
	for _, code := range settlebank.Codes() {
		class, _ := settlebank.Classify(code)
		for stat, want := range map[string]Class{"0031": class, "0021": Unknown} {
			if code == "0000" {
				want = map[string]Class{"0031": Unknown, "0021": OK}[stat]
			}
			body := answer0A19(q.body, func(params, _ map[string]any) { params["outStatCd"], params["outRsltCd"] = stat, code })
			got, valid := protocol0A19{}.parse(q, []byte(body))
			if !valid || got.class != want || !got.listed || (got.class == OK) != (got.canTrdNo != "") {
				t.Errorf("%s with %s: got %t, %s, want %s", stat, code, valid, tell(got), want)
			}
		}
	}
}

// TestWithdrawAnswer: the answer to a withdrawal tells no amount; one that tells an amount is
// doubtful.
func TestWithdrawAnswer(t *testing.T) {
	t.Parallel()
	q := request0A19(t, numberWithdrawal)
	for _, tt := range []struct {
		name  string
		value any
		want  Class
	}{{"OK", nil, OK}, {"OKZero", sealed(0), OK}, {"ErrAmount", sealed(1), Unknown}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := answer0A19(q.body, func(_, data map[string]any) { data["cnclAmt"] = tt.value })
			if got, valid := (protocol0A19{}).parse(q, []byte(body)); !valid || got.class != tt.want {
				t.Errorf("got %t, %s, want %s", valid, tell(got), tt.want)
			}
		})
	}
}
