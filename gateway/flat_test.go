package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"settlecancel/gateway/settlebank"

	"github.com/google/go-cmp/cmp"
)

// TestFlatRequest compares the bytes on the wire with the golden vectors.
func TestFlatRequest(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).FlatCancel {
		t.Run(v.CanAmt, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			var body []byte
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				_, _ = io.WriteString(w, success)
			}))
			defer srv.Close()
			amount, err := strconv.ParseInt(v.CanAmt, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			c := testClient(t, Options{BaseURL: srv.URL + "/relay/"})
			out := c.Cancel(context.Background(), CancelRequest{
				MchtID: v.MchtID, OrgTrdNo: v.OrgTrdNo, OrgMchtTrdNo: v.OrgMchtTrdNo, OrgTrdDt: v.OrgTrdDt, CanAmt: amount,
				ID: "refund-1", Round: 2, Reason: "not sent in this protocol", Method: "CA", Operation: "cancel",
			})
			want := Outcome{
				Class: OK, Code: "0000", Message: "정상처리", Listed: true, CanTrdNo: "C1", HTTPStatus: 200, Written: true,
			}
			if diff := cmp.Diff(want, out, butRaw); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			wantBody := `{"mchtId":"` + v.MchtID + `","orgTrdNo":"` + v.OrgTrdNo + `","orgMchtTrdNo":"` + v.OrgMchtTrdNo +
				`","orgTrdDt":"` + v.OrgTrdDt + `","canAmt":"` + v.CanAmt + `","pktHash":"` + v.PktHash + `"}`
			if diff := cmp.Diff(wantBody, string(body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if got.Method != http.MethodPost || got.RequestURI != "/relay/spay/APICancel.do" || got.ContentLength != int64(len(body)) {
				t.Errorf("got %s %s, Content-Length %d", got.Method, got.RequestURI, got.ContentLength)
			}
			wantHeader := http.Header{
				"Accept": {"application/json"}, "Content-Type": {"application/json; charset=UTF-8"},
				"Content-Length": {strconv.Itoa(len(body))}, "User-Agent": {"settlecancel"},
			}
			if diff := cmp.Diff(wantHeader, got.Header); diff != "" {
				t.Errorf("header, which nothing may be added to, above all no Idempotency-Key (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlatEscaping: what is hashed is what a JSON reader sees, and < > & stay as they are.
func TestFlatEscaping(t *testing.T) {
	t.Parallel()
	r := testCancel
	r.OrgTrdNo, r.OrgMchtTrdNo = `a"b\c`, "주문<1>&'2'"
	q, faults := flat{}.build(&merchant{Merchant: testMerchant}, r, testTime)
	if faults != nil {
		t.Fatal(faults)
	}
	want := `{"mchtId":"nxca_jt_bi","orgTrdNo":"a\"b\\c","orgMchtTrdNo":"주문<1>&'2'","orgTrdDt":"20231215",` +
		`"canAmt":"500","pktHash":"` + sign(settlebank.NewSecret(testHashKey), r.OrgTrdNo+r.OrgMchtTrdNo+"20231215500") + `"}`
	if diff := cmp.Diff(want, string(q.body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// TestFlatRefusals: what the gateway could only refuse is refused here, all faults at once, and
// nothing is sent.
func TestFlatRefusals(t *testing.T) {
	t.Parallel()
	long := Merchant{ID: "elevenchars", HashKey: settlebank.NewSecret(testHashKey)}
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	t.Cleanup(srv.Close)
	c := testClient(t, Options{BaseURL: srv.URL, Merchants: []Merchant{testMerchant, long}})
	for _, tt := range []struct {
		name  string
		edit  func(*CancelRequest)
		class Class
		want  []string
	}{
		{"ErrMerchant", func(r *CancelRequest) { r.MchtID = "nobody" }, Misconfigured, []string{`"nobody" is not configured`}},
		{"ErrMchtID", func(r *CancelRequest) { r.MchtID = long.ID }, Rejected, []string{"mchtId has 11 characters, at most 10"}},
		{"ErrOrgTrdNo", func(r *CancelRequest) { r.OrgTrdNo = strings.Repeat("x", 51) }, Rejected, []string{"orgTrdNo has 51"}},
		{"ErrOrgMchtTrdNo", func(r *CancelRequest) { r.OrgMchtTrdNo = strings.Repeat("x", 101) }, Rejected, []string{"orgMchtTrdNo has 101"}},
		{"ErrNegative", func(r *CancelRequest) { r.CanAmt = -1 }, Rejected, []string{"canAmt is -1"}},
		{"ErrThirteenDigits", func(r *CancelRequest) { r.CanAmt = 1_000_000_000_000 }, Rejected, []string{"canAmt is 1000000000000"}},
		{"ErrDate", func(r *CancelRequest) { r.OrgTrdDt = "20230230" }, Rejected, []string{"orgTrdDt is no date"}},
		{"ErrControl", func(r *CancelRequest) { r.OrgTrdNo = "a\nb" }, Rejected, []string{"orgTrdNo holds control"}},
		{"ErrUTF8", func(r *CancelRequest) { r.OrgTrdNo = "a\xff" }, Rejected, []string{"orgTrdNo holds control characters or is no UTF-8"}},
		{"ErrRefund", func(r *CancelRequest) { r.Operation = "refund" }, Rejected, []string{"operation refund needs SETTLEBANK_PROTOCOL=0A19"}},
		{"ErrWithdraw", func(r *CancelRequest) { r.Operation = "withdraw" }, Rejected, []string{"operation withdraw needs"}},
		{"ErrAllAtOnce", func(r *CancelRequest) { *r = CancelRequest{MchtID: r.MchtID} }, Rejected,
			[]string{"orgTrdNo is missing", "orgMchtTrdNo is missing", "orgTrdDt is no date", "canAmt is 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := testCancel
			tt.edit(&r)
			out := c.Cancel(context.Background(), r)
			says(t, out.Message, tt.want...)
			out.Message = ""
			if diff := cmp.Diff(Outcome{Class: tt.class, Code: "local"}, out); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFlatLimits: what just fits is sent.
func TestFlatLimits(t *testing.T) {
	t.Parallel()
	r := testCancel
	r.OrgTrdNo, r.OrgMchtTrdNo, r.CanAmt = strings.Repeat("x", 50), strings.Repeat("가", 100), 999_999_999_999
	if _, faults := (flat{}).build(&merchant{Merchant: testMerchant}, r, testTime); faults != nil {
		t.Error(faults)
	}
}

// TestFlatAnswer: the class of every kind of body, with status 200.
func TestFlatAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		valid      bool
		want       answer
	}{
		{"OK", success, true, answer{code: "0000", message: "정상처리", class: OK, listed: true, canTrdNo: "C1"}},
		{"OKSpaces", " \n" + success + "\r\n ", true, answer{code: "0000", message: "정상처리", class: OK, listed: true, canTrdNo: "C1"}},
		{"OKMoreFields", `{"a":{"resultCode":"1002"},"canTrdNo":"C1","resultCode":"0000","resultMsg":null}`, true,
			answer{code: "0000", class: OK, listed: true, canTrdNo: "C1"}},
		{"ErrListed", `{"resultCode":"1002","resultMsg":"금액 초과","canTrdNo":null}`, true,
			answer{code: "1002", message: "금액 초과", class: Rejected, listed: true}},
		{"ErrAlready", `{"resultCode":"CA12"}`, true, answer{code: "CA12", class: Already, listed: true}},
		{"ErrUnlisted", `{"resultCode":"XX99","canTrdNo":"C1"}`, true, answer{code: "XX99", class: Unknown}},
		{"ErrNullNumber", `{"resultCode":"0000","canTrdNo":null}`, true, doubtful},
		{"ErrNoNumber", `{"resultCode":"0000"}`, true, doubtful},
		{"ErrEmptyNumber", `{"resultCode":"0000","canTrdNo":""}`, true, doubtful},
		{"ErrBlankNumber", `{"resultCode":"0000","canTrdNo":" "}`, true, doubtful},
		{"OKNumericNumber", `{"resultCode":"0000","canTrdNo":17}`, true, answer{code: "0000", class: OK, listed: true, canTrdNo: "17"}},
		{"OKNumericCode", `{"resultCode":0,"canTrdNo":"C1"}`, true, answer{code: "0000", class: OK, listed: true, canTrdNo: "C1"}},
		{"OKPaddedCode", `{"resultCode":"0000 ","canTrdNo":"C1 "}`, true, answer{code: "0000", class: OK, listed: true, canTrdNo: "C1"}},
		{"OKByteOrderMark", "\ufeff" + success, true, answer{code: "0000", message: "정상처리", class: OK, listed: true, canTrdNo: "C1"}},
		{"OKRepeatsRequest", `{"resultCode":"0000","canTrdNo":"C1","mchtId":"nxca_jt_bi","orgTrdNo":"T1","canAmt":"0500"}`, true,
			answer{code: "0000", class: OK, listed: true, canTrdNo: "C1"}},
		{"ErrOtherPayment", `{"resultCode":"0000","canTrdNo":"C1","orgTrdNo":"T2"}`, true, answer{code: "0000", class: Unknown, listed: true, doubt: "the answer carries another request's orgTrdNo"}},
		{"ErrOtherAmount", `{"resultCode":"0000","canTrdNo":"C1","canAmt":501}`, true, answer{code: "0000", class: Unknown, listed: true, doubt: "the answer carries another request's canAmt"}},
		{"ErrNested", `{"params":{"outStatCd":"0031","outRsltCd":"1001","outRsltMsg":"m"},"data":{}}`, true,
			answer{code: "1001", message: "m", class: Misconfigured, listed: true, doubt: "nothing was applied, " + adviceFlat}},
		{"ErrBare", `{"outStatCd":"0031","outRsltCd":"9999"}`, true, answer{code: "9999", class: Misconfigured, listed: true, doubt: "nothing was applied, " + adviceFlat}},
		{"ErrNestedSuccess", `{"params":{"outStatCd":"0021","outRsltCd":"0000","trdNo":"C1"}}`, true,
			answer{code: "0000", class: Unknown, listed: true, doubt: "a success in another protocol than the request's"}},
		{"ErrNestedNeither", `{"params":{"outStatCd":"0051","outRsltCd":"1001"}}`, true,
			answer{code: "1001", class: Unknown, listed: true, doubt: "an answer in another protocol that is no refusal"}},
		{"ErrBothShapes", `{"resultCode":"0000","canTrdNo":"C1","outStatCd":"0031","outRsltCd":"1001"}`, false, answer{}},
		{"ErrLongNumber", `{"resultCode":"0000","canTrdNo":"` + strings.Repeat("1", 101) + `"}`, true, doubtful},
		{"ErrFractionCode", `{"resultCode":0.0,"canTrdNo":"C1"}`, false, answer{}},
		{"ErrNullCode", `{"resultCode":null,"canTrdNo":"C1"}`, false, answer{}},
		{"ErrEmptyCode", `{"resultCode":"","canTrdNo":"C1"}`, false, answer{}},
		{"ErrLongCode", `{"resultCode":"00000000000000000","canTrdNo":"C1"}`, false, answer{}},
		{"ErrSpelling", `{"RESULTCODE":"0000","canTrdNo":"C1"}`, false, answer{}},
		{"ErrSecondSpelling", `{"resultCode":"1002","ResultCode":"0000","canTrdNo":"C1"}`, true,
			answer{code: "1002", class: Rejected, listed: true}},
		{"ErrTwoCodes", `{"resultCode":"1002","resultCode":"0000","canTrdNo":"C1"}`, false, answer{}},
		{"ErrNoCode", `{"ok":true}`, false, answer{}},
		{"ErrTruncated", success[:len(success)-2], false, answer{}},
		{"ErrTrailing", success + "x", false, answer{}},
		{"ErrTwoObjects", success + success, false, answer{}},
		{"ErrArray", `[` + success + `]`, false, answer{}},
		{"ErrString", `"0000"`, false, answer{}},
		{"ErrEmpty", ``, false, answer{}},
		{"ErrHTML", `<html>0000</html>`, false, answer{}},
		{"ErrSyntax", `{"resultCode":"0000","canTrdNo":"C1","x":}`, false, answer{}},
		{"ErrComma", `{"resultCode":"0000","canTrdNo":"C1",}`, false, answer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, valid := flat{}.parse(flatAsked, []byte(tt.body))
			if valid != tt.valid {
				t.Errorf("valid: got %t, want %t", valid, tt.valid)
			}
			if diff := cmp.Diff(fmt.Sprintf("%+v", tt.want), fmt.Sprintf("%+v", got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// flatAsked is a cancellation of 500 won of T1.
var flatAsked = request{echo: echo{{"mchtId", "nxca_jt_bi"}, {"orgTrdNo", "T1"}, {"orgMchtTrdNo", "O1"}, {"canAmt", "500"}}}

var doubtful = answer{code: "0000", class: Unknown, listed: true, doubt: "a success without canTrdNo"}
