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
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

// testTime is 15 December 2023, 23:59:59 UTC: the next day in Korea.
var testTime = time.Date(2023, 12, 15, 23, 59, 59, 0, time.UTC)

// TestInquiryRequest compares the bytes on the wire with the golden vectors, whose time is told as
// UTC here.
func TestInquiryRequest(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Inquiry {
		at, err := time.ParseInLocation(settlebank.DateTimeLayout, v.TrdDt+v.TrdTm, settlebank.KST)
		if err != nil {
			t.Fatal(err)
		}
		amount, err := strconv.ParseInt(v.TrdAmt, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		var path, body string
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			path, body = r.URL.Path, string(b)
			_, _ = io.WriteString(w, `{"params":{"outStatCd":"0021","outRsltCd":"0000"},"data":{"pktHash":"`+v.PktHash+`","cnclAmt":"0"}}`)
		}))
		defer srv.Close()
		c := testClient(t, Options{
			BaseURL: srv.URL, Now: func() time.Time { return at.UTC() }, Merchants: []Merchant{{ID: v.MchtID, HashKey: settlebank.NewSecret(testHashKey)}},
		})
		r := InquiryRequest{
			ID: v.MchtTrdNo, MchtID: v.MchtID, OrgMchtTrdNo: "ORDER1", OrgTrdDt: "20210805", Method: "VA", OrgTrdAmt: amount,
		}
		q := c.Inquire(context.Background(), r)
		if q.Class != OK || q.State != StateNormal || q.Cancelled != 0 {
			t.Errorf("got %+v", q)
		}
		want := `{"params":{"mchtId":"` + v.MchtID + `","ver":"0A1M","mchtTrdNo":"` + v.MchtTrdNo + `","trdDt":"` + v.TrdDt +
			`","trdTm":"` + v.TrdTm + `"},"data":{"pktHash":"` + v.PktHash + `","method":"VA","trdAmt":"` + v.TrdAmt +
			`","orgTrdDt":"20210805","orgMchtTrdNo":"ORDER1"`
		if diff := cmp.Diff(want+"}}", body); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		if path != "/spay/APITrdcheck.do" {
			t.Errorf("path %s", path)
		}
		r.OrgTrdNo = "STFP1"
		c.Inquire(context.Background(), r)
		if diff := cmp.Diff(want+`,"orgTrdNo":"STFP1"}}`, body); diff != "" {
			t.Errorf("body with orgTrdNo (-want +got):\n%s", diff)
		}
	}
}

func TestInquiryPath(t *testing.T) {
	t.Parallel()
	var path string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { path = r.URL.Path }))
	defer srv.Close()
	c := testClient(t, Options{BaseURL: srv.URL, InquiryPath: "/spay/APITrdStatInq.do"})
	if q := c.Inquire(context.Background(), testInquiry); q.Class != Unknown || path != "/spay/APITrdStatInq.do" {
		t.Errorf("an empty answer from %s: got %+v", path, q)
	}
}

// state is the body of an answer that tells a state; cnclAmt is raw JSON.
func state(code, stat, hash, cnclAmt string) string {
	return fmt.Sprintf(`{"params":{"mchtId":"nxca_jt_bi","ver":"0A1M","outStatCd":%q,"outRsltCd":%q,"outRsltMsg":"msg"},`+
		`"data":{"pktHash":%q,"method":"CA","trdAmt":"1000","cnclAmt":%s}}`, stat, code, hash, cnclAmt)
}

// testAsked is an inquiry after a payment of 1000 won.
func testAsked(hash string) request {
	return request{hash: hash, asked: &inquiryTerms{key: settlebank.NewSecret(testHashKey), mchtID: "nxca_jt_bi", id: "inquiry-1", orgTrdNo: "T1", trdAmt: 1000}}
}

func TestInquiryAnswer(t *testing.T) {
	t.Parallel()
	const hash = "h1"
	known := func(st string, sum int64, code string, listed bool) answer {
		return answer{code: code, message: "msg", class: OK, listed: listed, state: st, cancelled: sum, shown: true}
	}
	doubt := func(code string, listed bool, why string) answer {
		return answer{code: code, message: "msg", class: Unknown, listed: listed, doubt: why}
	}
	unknownSum := answer{code: "0001", message: "msg", class: OK, state: StateCancelled}
	const (
		noAmount = "the answer's cnclAmt is no sum between 0 and the payment's amount"
		noEcho   = "a success without pktHash"
		foreign  = "the answer's pktHash is neither the request's nor its own"
	)
	for _, tt := range []struct {
		name, body string
		valid      bool
		want       answer
	}{
		{"OKNothing", state("0000", "0021", hash, `"0"`), true, known(StateNormal, 0, "0000", true)},
		{"OKPart", state("0000", "0021", hash, `"500"`), true, known(StateNormal, 500, "0000", true)},
		{"OKAll", state("0001", "0021", hash, `"1000"`), true, known(StateCancelled, 1000, "0001", false)},
		{"OKPadded", state("0001", "0021", hash, `"000000001000"`), true, known(StateCancelled, 1000, "0001", false)},
		{"OKNoStat", state("0000", "", hash, `"0"`), true, known(StateNormal, 0, "0000", true)},
		{"OKCancelledNoSum", state("0001", "0021", hash, `null`), true, unknownSum},
		{"OKCancelledBlankSum", state("0001", "0031", hash, `""`), true, unknownSum},
		{"OKNormalNoSum", state("0000", "0021", hash, `""`), true, known(StateNormal, 0, "0000", true)},
		{"OKNumericAmount", state("0001", "0021", hash, `1000`), true, known(StateCancelled, 1000, "0001", false)},
		{"OKSpaceAmount", state("0001", "0021", hash, `" 1000"`), true, known(StateCancelled, 1000, "0001", false)},
		{"OKCancelledFailure", state("0001", "0031", hash, `"1000"`), true, known(StateCancelled, 1000, "0001", false)},
		{"OKNumericCode", strings.Replace(state("0000", "0021", hash, `0`), `"0000"`, "0", 1), true, known(StateNormal, 0, "0000", true)},
		{"ErrSignedAmount", state("0001", "0021", hash, `"+1000"`), true, doubt("0001", false, noAmount)},
		{"ErrNegativeAmount", state("0000", "0021", hash, `"-1"`), true, doubt("0000", true, noAmount)},
		{"ErrSeparators", state("0001", "0021", hash, `"1,000"`), true, doubt("0001", false, noAmount)},
		{"ErrFraction", state("0001", "0021", hash, `"1000.0"`), true, doubt("0001", false, noAmount)},
		{"ErrThirteenDigits", state("0001", "0021", hash, `"0000000001000"`), true, doubt("0001", false, noAmount)},
		{"ErrAboveOriginal", state("0001", "0021", hash, `"1001"`), true, doubt("0001", false, noAmount)},
		{"ErrNoEcho", state("0000", "0021", "", `"0"`), true, doubt("0000", true, noEcho)},
		{"ErrOtherEcho", state("0000", "0021", "h2", `"0"`), true, doubt("0000", true, foreign)},
		{"ErrFailedState", state("0000", "0031", hash, `"0"`), true, doubt("0000", true, "outStatCd and outRsltCd do not go together")},
		{"ErrNoData", `{"params":{"outRsltCd":"0000","outRsltMsg":"msg"}}`, true, doubt("0000", true, noEcho)},
		{"ErrPaymentFailed", state("0009", "0031", hash, `"0"`), true, answer{code: "0009", message: "msg", class: Rejected, listed: true}},
		{"ErrListed", `{"params":{"outStatCd":"0031","outRsltCd":"CA10","outRsltMsg":"msg"},"data":{}}`, true,
			answer{code: "CA10", message: "msg", class: Rejected, listed: true}},
		{"ErrListedNoData", `{"params":{"outRsltCd":"ST41"},"data":null}`, true, answer{code: "ST41", class: Transient, listed: true}},
		{"ErrListedOtherEcho", state("CA10", "0031", "h2", `"0"`), true, doubt("CA10", true, foreign)},
		{"ErrUnlisted", `{"params":{"outRsltCd":"XX99"}}`, true, answer{code: "XX99", class: Unknown}},
		{"ErrFlat", success, true, answer{code: "0000", message: "정상처리", class: Unknown, listed: true, doubt: "a success in another protocol than the request's"}},
		{"ErrFlatRefusal", `{"resultCode":"1004","resultMsg":"msg"}`, true, answer{code: "1004", message: "msg", class: Misconfigured, listed: true, doubt: "nothing was applied, " + adviceInquiry}},
		{"ErrOtherPayment", strings.Replace(state("0000", "0021", hash, `"0"`), `"trdAmt":"1000"`, `"trdAmt":"1000","orgTrdNo":"T2"`, 1), true,
			doubt("0000", true, "the answer carries another request's orgTrdNo")},
		{"ErrOtherAmount", strings.Replace(state("0000", "0021", hash, `"0"`), `"trdAmt":"1000"`, `"trdAmt":"2000"`, 1), true,
			doubt("0000", true, "the answer carries another request's trdAmt")},
		{"ErrBare", `{"outStatCd":"0031","outRsltCd":"ST06","outRsltMsg":"msg"}`, true, answer{code: "ST06", message: "msg", class: Rejected, listed: true}},
		{"ErrNoCode", `{"params":{"outStatCd":"0021"},"data":{}}`, false, answer{}},
		{"ErrTwoParams", `{"params":{"outRsltCd":"CA10"},"params":{"outRsltCd":"0000"}}`, false, answer{}},
		{"ErrTwoAmounts", strings.Replace(state("0000", "0021", hash, `"0"`), `"cnclAmt"`, `"cnclAmt":"9","cnclAmt"`, 1), true,
			doubt("0000", true, noEcho)},
		{"ErrArray", `{"params":[{"outRsltCd":"0000"}]}`, false, answer{}},
		{"ErrTrailing", state("0000", "0021", hash, `"0"`) + "}", false, answer{}},
		{"ErrEmpty", "", false, answer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, valid := parseInquiry(testAsked(hash), []byte(tt.body))
			if valid != tt.valid {
				t.Errorf("valid: got %t, want %t", valid, tt.valid)
			}
			if diff := cmp.Diff(fmt.Sprintf("%+v", tt.want), fmt.Sprintf("%+v", got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInquiryOutcome: an inquiry's number and state are set only where its class is OK.
func TestInquiryOutcome(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) Inquiry {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		defer srv.Close()
		c := testClient(t, Options{BaseURL: srv.URL, Now: func() time.Time { return testTime }})
		return c.Inquire(context.Background(), testInquiry)
	}
	hash := sign(settlebank.NewSecret(testHashKey), "20231216", "085959", "nxca_jt_bi", "inquiry-1", "1000")
	part := state("0000", "0021", hash, `"500"`)
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   Inquiry
	}{
		{"OK", 200, part, Inquiry{Outcome: Outcome{Class: OK, Code: "0000", Message: "msg", Listed: true}, Cancelled: 500, CancelledKnown: true, State: StateNormal, Method: "CA"}},
		{"ErrStatus", 201, part, Inquiry{Outcome: Outcome{Class: Unknown, Code: "0000", Message: "msg", Listed: true}}},
		{"ErrServer", 500, part, Inquiry{Outcome: Outcome{Class: Unknown, Code: "0000", Message: "msg", Listed: true}}},
		{"ErrSuccessRefused", 429, part, Inquiry{Outcome: Outcome{Class: Unknown, Code: "0000", Message: "msg", Listed: true}}},
		{"ErrCancelledRefused", 429, state("0001", "0021", "", `"500"`), Inquiry{Outcome: Outcome{Class: Unknown, Code: "0001",
			Message: "a success without pktHash: msg"}}},
		{"ErrCode", 200, `{"params":{"outRsltCd":"CA10","outRsltMsg":"msg"}}`, Inquiry{Outcome: Outcome{Class: Rejected, Code: "CA10", Message: "msg", Listed: true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.want.HTTPStatus, tt.want.Written = tt.status, true
			if diff := cmp.Diff(tt.want, answer(tt.status, tt.body), butRaw); diff != "" {
				t.Errorf("inquiry (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInquiryRefusals(t *testing.T) {
	t.Parallel()
	c := testClient(t, Options{BaseURL: refusingURL(t)})
	for _, tt := range []struct {
		name  string
		edit  func(*InquiryRequest)
		class Class
		want  []string
	}{
		{"ErrMerchant", func(r *InquiryRequest) { r.MchtID = "nobody" }, Misconfigured, []string{"not configured"}},
		{"ErrKoreanID", func(r *InquiryRequest) { r.ID = "조회1" }, Rejected, []string{"mchtTrdNo"}},
		{"ErrLongID", func(r *InquiryRequest) { r.ID = strings.Repeat("x", 101) }, Rejected, []string{"mchtTrdNo"}},
		{"ErrMethod", func(r *InquiryRequest) { r.Method = "ca" }, Rejected, []string{"method"}},
		{"ErrOrgTrdNo", func(r *InquiryRequest) { r.OrgTrdNo = strings.Repeat("x", 51) }, Rejected, []string{"orgTrdNo has 51"}},
		{"ErrAllAtOnce", func(r *InquiryRequest) { *r = InquiryRequest{MchtID: r.MchtID} }, Rejected,
			[]string{"mchtTrdNo", "orgMchtTrdNo is missing", "orgTrdDt", "orgTrdAmt is 0", "method"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := testInquiry
			tt.edit(&r)
			got := c.Inquire(context.Background(), r)
			says(t, got.Message, tt.want...)
			got.Message = ""
			if diff := cmp.Diff(Inquiry{Outcome: Outcome{Class: tt.class, Code: "local"}}, got); diff != "" {
				t.Errorf("inquiry (-want +got):\n%s", diff)
			}
		})
	}
}
