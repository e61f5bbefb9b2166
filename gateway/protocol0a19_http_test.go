package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/secrettest"
)

// server0A19 returns each request with what answer makes of its body.
func server0A19(t *testing.T, status int, answer func(body []byte) string) *Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer(body))
	}))
	t.Cleanup(srv.Close)
	return testClient(t, Options{
		BaseURL: srv.URL, Merchants: []Merchant{merchant0A19("nxca_jt_il")}, Now: func() time.Time { return testTime },
	})
}

// Test0A19Outcome: what a caller gets of an answer under each kind of status.
func Test0A19Outcome(t *testing.T) {
	t.Parallel()
	refusal := func(params, data map[string]any) {
		params["outStatCd"], params["outRsltCd"], params["trdNo"], params["outRsltMsg"] = "0031", "MP81", nil, url.QueryEscape("취소 기간 경과")
		data["rfdPsblCd"] = "Y"
	}
	unknownCode := func(params, _ map[string]any) { params["outStatCd"], params["outRsltCd"] = "0031", "XX99" }
	otherHash := func(_, data map[string]any) { data["pktHash"] = "h2" }
	for _, tt := range []struct {
		name   string
		status int
		edit   func(params, data map[string]any)
		want   Outcome
	}{
		{"OK", 200, nil, Outcome{Class: OK, Code: "0000", Message: "정상처리", Listed: true, CanTrdNo: "C1", Detail: usual}},
		{"ErrRefusal", 200, refusal, Outcome{Class: Rejected, Code: "MP81", Message: "취소 기간 경과", Listed: true, Detail: Detail{RefundPossible: "Y"}}},
		{"ErrRefusalUnderBadRequest", 400, refusal, Outcome{Class: Rejected, Code: "MP81", Message: "취소 기간 경과", Listed: true,
			Detail: Detail{RefundPossible: "Y"}}},
		{"ErrRefusalUnderServerError", 500, refusal, Outcome{Class: Unknown, Code: "MP81", Message: "취소 기간 경과", Listed: true}},
		{"ErrSuccessUnderCreated", 201, nil, Outcome{Class: Unknown, Code: "0000", Message: "정상처리", Listed: true}},
		{"ErrSuccessUnderTooMany", 429, nil, Outcome{Class: Unknown, Code: "0000", Message: "정상처리", Listed: true}},
		{"ErrSuccessUnderServerError", 503, nil, Outcome{Class: Unknown, Code: "0000", Message: "정상처리", Listed: true}},
		{"ErrUnlisted", 200, unknownCode, Outcome{Class: Unknown, Code: "XX99", Message: "정상처리"}},
		{"ErrUnlistedUnderTooMany", 429, unknownCode, Outcome{Class: Transient, Code: "XX99", Message: "정상처리"}},
		{"ErrOtherHash", 200, otherHash, Outcome{Class: Unknown, Code: "0000", Listed: true,
			Message: "the answer's pktHash is neither the request's nor its own: 정상처리"}},
		{"ErrOtherHashUnderBadRequest", 400, otherHash, Outcome{Class: Unknown, Code: "0000", Listed: true,
			Message: "the answer's pktHash is neither the request's nor its own: 정상처리"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := server0A19(t, tt.status, func(body []byte) string { return answer0A19(body, tt.edit) })
			tt.want.HTTPStatus, tt.want.Written = tt.status, true
			if diff := cmp.Diff(tt.want, c.Cancel(context.Background(), cancel0A19), butRaw); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// Test0A19ForeignBody: a body that is none of 0A19 proves nothing.
func Test0A19ForeignBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   Class
	}{
		{"ErrFlatSuccess", 200, success, Unknown},
		{"ErrFlatRefusal", 400, refusal, Misconfigured},
		{"ErrDamaged", 400, `{"params":{"outRsltCd":"CA20"`, Unknown},
		{"ErrHTML", 403, "<html>", Misconfigured},
		{"ErrEmpty", 200, "", Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := server0A19(t, tt.status, func([]byte) string { return tt.body })
			if out := c.Cancel(context.Background(), cancel0A19); out.Class != tt.want || out.CanTrdNo != "" {
				t.Errorf("got %+v, want %s", out, tt.want)
			}
		})
	}
}

// TestAccountLeaks sends account numbers, has the gateway tell them back, and looks for them, and
// for the keys, wherever a caller may print something. On the wire they are encrypted.
func TestAccountLeaks(t *testing.T) {
	t.Parallel()
	refund, withdrawal := bankRefund, numberWithdrawal
	secrets := []string{refund.RefundAcntNo, refund.RefundDpstrNm, withdrawal.VAcntNo, testHashKey, testAESKey}
	told := strings.Join(secrets, " ")
	for name, message := range map[string]string{
		"plain": told, "escaped": url.QueryEscape("계좌 " + told), "at the cut": strings.Repeat("x", maxMessage-6) + told,
	} {
		for _, r := range []CancelRequest{refund, withdrawal} {
			for _, succeeds := range []bool{true, false} {
				t.Run(fmt.Sprint(name, " ", r.Operation, " ", succeeds), func(t *testing.T) {
					t.Parallel()
					var sent string
					c := server0A19(t, 200, func(body []byte) string {
						sent = string(body)
						return answer0A19(body, func(params, _ map[string]any) {
							params["outRsltMsg"] = message
							if !succeeds {
								params["outStatCd"], params["outRsltCd"] = "0031", "RA17"
							}
						})
					})
					out := c.Cancel(context.Background(), r)
					if want := map[bool]Class{true: OK, false: Rejected}[succeeds]; out.Class != want || out.Message == "" {
						t.Errorf("got %+v", out)
					}
					text := bytes.NewBufferString(secrettest.Print(out, r, &r))
					if err := json.NewEncoder(text).Encode(out); err != nil {
						t.Error(err)
					}
					slog.New(slog.NewJSONHandler(text, nil)).Info("x", "outcome", out, "request", r)
					secrettest.Hidden(t, "what is printed", text.String(), append(accountOf(r), testHashKey, testAESKey)...)
					secrettest.Hidden(t, "the wire", sent, refund.RefundAcntNo, withdrawal.VAcntNo, testHashKey, testAESKey)
				})
			}
		}
	}
}

// TestOverlappingSecrets: a key of which the account number is a part is gone as a whole.
func TestOverlappingSecrets(t *testing.T) {
	t.Parallel()
	r := bankRefund
	r.RefundAcntNo = testHashKey[4:14]
	c := server0A19(t, 200, func(body []byte) string {
		return answer0A19(body, func(params, _ map[string]any) { params["outRsltMsg"] = "bad key " + testHashKey })
	})
	if out := c.Cancel(context.Background(), r); out.Class != OK || out.Message != "bad key [redacted]" {
		t.Errorf("got %+v", out)
	}
}
