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

// standardCase is an answer to a request, a success but for the edits, and what it means with
// status 200.
type standardCase struct {
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
	noHash  = "a success that does not repeat the request's pktHash"
	noTrdNo = "a success without trdNo"
	amounts = "a success whose cnclAmt is not the amount asked for"
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

// usual is the detail of an answer that no edit touches.
var usual = Detail{CancelledAmt: num(500), BalanceAmt: num(300)}

var standardSuccesses = []standardCase{
	{"OK", nil, nil, succeeded(usual)},
	{"OKSuccessWithoutAmounts", nil, fields{"cnclAmt": nil, "blcAmt": nil, "orgTrdNo": nil}, succeeded(Detail{})},
	{"OKBlankAmounts", nil, fields{"cnclAmt": "", "blcAmt": "", "cardCnclAmt": ""}, succeeded(Detail{})},
	{"OKPadded", nil, fields{"cnclAmt": testSealed("000000000500")}, succeeded(usual)},
	{"OKAllAmounts", nil, fields{"cardCnclAmt": sealed(400), "pntCnclAmt": sealed(100), "coupCnclAmt": sealed(0), "blcAmt": sealed(0)},
		succeeded(Detail{CancelledAmt: num(500), BalanceAmt: num(0), CardAmt: num(400), PointAmt: num(100), CouponAmt: num(0)})},
	{"OKIllegible", nil, fields{"blcAmt": "300", "cardCnclAmt": sealed(500)[:8], "pntCnclAmt": 100, "coupCnclAmt": testSealed("x")},
		succeeded(Detail{CancelledAmt: num(500)})},
	{"OKRefundPossible", nil, fields{"rfdPsblCd": "Y"}, succeeded(Detail{CancelledAmt: num(500), BalanceAmt: num(300), RefundPossible: "Y"})},
	{"OKNoParamsEchoed", fields{"mchtId": nil, "ver": nil, "method": nil, "bizType": nil, "encCd": nil, "mchtTrdNo": nil, "trdDt": nil, "trdTm": nil},
		nil, succeeded(usual)},
	{"OKBlankParams", fields{"mchtTrdNo": "", "method": ""}, fields{"orgTrdNo": ""}, succeeded(usual)},
	{"OKNullFields", fields{"mchtTrdNo": json.RawMessage("null")}, fields{"orgTrdNo": json.RawMessage("null"), "cnclAmt": json.RawMessage("null")},
		succeeded(Detail{BalanceAmt: num(300)})},
	{"OKMoreFields", fields{"extra": fields{"outRsltCd": "0031"}}, fields{"extra": []int{1}}, succeeded(usual)},
	{"ErrOtherMerchant", fields{"mchtId": "nxca_jt_bi"}, nil, foreign("mchtId")},
	{"ErrOtherVersion", fields{"ver": "0A1M"}, nil, foreign("ver")},
	{"ErrOtherMethod", fields{"method": "RA"}, nil, foreign("method")},
	{"ErrOtherType", fields{"bizType": "C1"}, nil, foreign("bizType")},
	{"ErrOtherEncryption", fields{"encCd": "22"}, nil, foreign("encCd")},
	{"ErrOtherID", fields{"mchtTrdNo": "CNCL-refund-2"}, nil, foreign("mchtTrdNo")},
	{"ErrOtherDate", fields{"trdDt": "20231215"}, nil, foreign("trdDt")},
	{"ErrOtherTime", fields{"trdTm": "085958"}, nil, foreign("trdTm")},
	{"ErrOtherOriginal", nil, fields{"orgTrdNo": "T2"}, foreign("orgTrdNo")},
	{"ErrNumericMethod", fields{"method": 7}, nil, foreign("method")},
	{"ErrNoEcho", nil, fields{"pktHash": nil}, doubted(noHash)},
	{"ErrBlankEcho", nil, fields{"pktHash": ""}, doubted(noHash)},
	{"ErrOtherEcho", nil, fields{"pktHash": strings.Repeat("0", 64)}, foreign("pktHash")},
	{"ErrNumericEcho", nil, fields{"pktHash": 1}, foreign("pktHash")},
	{"ErrNoNumber", fields{"trdNo": nil}, nil, doubted(noTrdNo)},
	{"ErrBlankNumber", fields{"trdNo": ""}, nil, doubted(noTrdNo)},
	{"ErrSpaceNumber", fields{"trdNo": "C 1"}, nil, doubted(noTrdNo)},
	{"ErrLongNumber", fields{"trdNo": strings.Repeat("1", 101)}, nil, doubted(noTrdNo)},
	{"ErrNumericNumber", fields{"trdNo": 1}, nil, doubted(noTrdNo)},
	{"ErrOtherAmount", nil, fields{"cnclAmt": sealed(501)}, doubted(amounts)},
	{"ErrOriginalAmount", nil, fields{"cnclAmt": sealed(1000)}, doubted(amounts)},
	{"ErrIllegibleAmount", nil, fields{"cnclAmt": "500"}, doubted(amounts)},
	{"ErrNumericAmount", nil, fields{"cnclAmt": 500}, doubted(amounts)},
	{"ErrSuccessStatFailing", fields{"outRsltCd": "CA20"}, nil, doubtedCode("CA20", noPair)},
	{"ErrSuccessStatAlready", fields{"outRsltCd": "CA12"}, nil, doubtedCode("CA12", noPair)},
	{"ErrSuccessStatUnlisted", fields{"outRsltCd": "XX99"}, nil, answer{code: "XX99", message: "정상처리", class: Unknown, doubt: noPair}},
	{"ErrFailureStatOK", fields{"outStatCd": "0031"}, nil, doubted(noPair)},
	{"ErrNoStat", fields{"outStatCd": nil}, nil, doubted(noPair)},
	{"ErrOtherStat", fields{"outStatCd": "0051"}, nil, doubted(noPair)},
	{"ErrNumericStat", fields{"outStatCd": 21}, nil, doubted(noPair)},
}

var standardFailures = []standardCase{
	{"ErrRejected", failure("CA20"), nil, refusedWith("CA20", Rejected)},
	{"ErrAlready", failure("CA12"), nil, refusedWith("CA12", Already)},
	{"ErrDuplicate", failure("ST25"), nil, refusedWith("ST25", Duplicate)},
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
	{"ErrFailureOtherTime", with(failure("CA20"), "trdTm", "085958"), nil, doubtedCode("CA20", "the answer carries another request's trdTm")},
	{"ErrFailureOtherEcho", failure("CA20"), fields{"pktHash": "h2", "rfdPsblCd": "Y"},
		doubtedCode("CA20", "the answer carries another request's pktHash")},
}

// TestStandardAnswer: the class of every kind of answer, with status 200.
func TestStandardAnswer(t *testing.T) {
	t.Parallel()
	q := standardRequest(t, standardCancel)
	for _, tt := range append(standardSuccesses, standardFailures...) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := standardAnswer(q.body, func(params, data map[string]any) {
				for name, value := range tt.params {
					params[name] = value
				}
				for name, value := range tt.data {
					data[name] = value
				}
			})
			got, valid := standard{}.parse(q, []byte(body))
			if !valid {
				t.Fatalf("no complete answer: %s", body)
			}
			if diff := cmp.Diff(tell(tt.want), tell(got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStandardShapes: what is no answer of 0A19, and what is one without data.
func TestStandardShapes(t *testing.T) {
	t.Parallel()
	q := standardRequest(t, standardCancel)
	whole := standardAnswer(q.body, nil)
	refused := answer{code: "CA20", class: Rejected, listed: true}
	unproven := answer{code: "0000", class: Unknown, listed: true, doubt: noHash}
	for _, tt := range []struct {
		name, body string
		valid      bool
		want       answer
	}{
		{"OKSpaces", " \n" + whole + "\r\n ", true, succeeded(usual)},
		{"ErrNoData", `{"params":{"outStatCd":"0031","outRsltCd":"CA20"}}`, true, refused},
		{"ErrNullData", `{"params":{"outStatCd":"0031","outRsltCd":"CA20"},"data":null}`, true, refused},
		{"ErrBlankData", `{"params":{"outStatCd":"0031","outRsltCd":"CA20"},"data":""}`, true, refused},
		{"ErrSuccessNoData", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1"}}`, true, unproven},
		{"ErrSuccessTwoHashes", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1"},"data":{"pktHash":"` + q.hash +
			`","pktHash":"` + q.hash + `"}}`, true, unproven},
		{"ErrDataInParams", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1","pktHash":"` + q.hash + `"},"data":{}}`, true, unproven},
		{"ErrFlat", success, false, answer{}},
		{"ErrNoCode", `{"params":{"outStatCd":"0021"},"data":{}}`, false, answer{}},
		{"ErrNumericCode", `{"params":{"outStatCd":"0021","outRsltCd":0},"data":{}}`, false, answer{}},
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
			got, valid := standard{}.parse(q, []byte(tt.body))
			if valid != tt.valid {
				t.Errorf("valid: got %t, want %t", valid, tt.valid)
			}
			if diff := cmp.Diff(tell(tt.want), tell(got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStandardCodes walks the whole table of codes: with 0031 a failing code is its class, with
// 0021 nothing.
func TestStandardCodes(t *testing.T) {
	t.Parallel()
	q := standardRequest(t, standardCancel)
	for _, code := range settlebank.Codes() {
		class, _ := settlebank.Classify(code)
		for stat, want := range map[string]Class{"0031": class, "0021": Unknown} {
			if code == "0000" {
				want = map[string]Class{"0031": Unknown, "0021": OK}[stat]
			}
			body := standardAnswer(q.body, func(params, _ map[string]any) { params["outStatCd"], params["outRsltCd"] = stat, code })
			got, valid := standard{}.parse(q, []byte(body))
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
	q := standardRequest(t, numberWithdrawal)
	for _, tt := range []struct {
		name  string
		value any
		want  Class
	}{{"OK", nil, OK}, {"OKZero", sealed(0), OK}, {"ErrAmount", sealed(1), Unknown}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := standardAnswer(q.body, func(_, data map[string]any) { data["cnclAmt"] = tt.value })
			if got, valid := (standard{}).parse(q, []byte(body)); !valid || got.class != tt.want {
				t.Errorf("got %t, %s, want %s", valid, tell(got), tt.want)
			}
		})
	}
}
