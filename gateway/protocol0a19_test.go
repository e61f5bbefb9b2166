package gateway

import (
	"context"
	"encoding/json"
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

// Test0A19Request compares the bytes on the wire with the golden requests, and takes a success
// in answer to each.
func Test0A19Request(t *testing.T) {
	t.Parallel()
	for _, g := range loadGolden(t) {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			var path, body string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				path, body = r.URL.Path, string(b)
				_, _ = io.WriteString(w, answer0A19(b, nil))
			}))
			defer srv.Close()
			c := testClient(t, Options{
				BaseURL: srv.URL, Merchants: []Merchant{merchant0A19(g.Cancel.MchtID)}, Now: func() time.Time { return g.At },
			})
			out := c.Cancel(context.Background(), g.Cancel)
			want := Outcome{Class: OK, Code: "0000", Message: "정상처리", Listed: true, CanTrdNo: "C1", HTTPStatus: 200, Written: true}
			if g.Cancel.CanAmt != 0 {
				balance := int64(300)
				want.Detail = Detail{CancelledAmt: &g.Cancel.CanAmt, BalanceAmt: &balance}
			}
			if diff := cmp.Diff(want, out, butRaw); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(g.body(), body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if path != g.Path {
				t.Errorf("path %s, want %s", path, g.Path)
			}
		})
	}
}

// TestGoldenRequestsAreComplete: there is a golden request for every operation of every method, in
// full and, where that is allowed, in part. The lists here are the documents', not methods.go's.
func TestGoldenRequestsAreComplete(t *testing.T) {
	t.Parallel()
	have := make(map[string]bool)
	for _, g := range loadGolden(t) {
		p, d := members(t, g.Params), members(t, g.Data)
		size := "full"
		if d["cnclAmt"] == testSealed("500") {
			size = "part"
		}
		have[strings.Join([]string{p["method"], g.Path, p["bizType"], size}, " ")] = true
	}
	const full, part = " full", " part"
	var want []string
	for _, method := range []string{"CA", "RA", "MP", "CP", "PZ"} {
		want = append(want, method+" /spay/APICancel.do C0"+full, method+" /spay/APICancel.do C0"+part)
	}
	for _, method := range []string{"TC", "HM", "CG", "SG", "BG", "TM"} {
		want = append(want, method+" /spay/APICancel.do C0"+full)
	}
	want = append(want, "MP /spay/APIRefund.do C1"+full, "MP /spay/APIRefund.do C1"+part,
		"VA /spay/APIRefund.do C0"+full, "VA /spay/APIRefund.do C0"+part, "VA /spay/APIVBank.do A2"+full)
	for _, w := range want {
		if !have[w] {
			t.Errorf("no golden request for %s", w)
		}
	}
}

// Test0A19Vectors builds the vendor's own examples.
func Test0A19Vectors(t *testing.T) {
	t.Parallel()
	type vector struct{ TrdDt, TrdTm, MchtID, MchtTrdNo, Amount, PktHash, CnclAmt string }
	var v struct {
		Cancel   []vector `json:"0A19_cancel"`
		Withdraw []vector `json:"0A19_vbank_withdraw"`
	}
	if err := json.Unmarshal(vectorFile, &v); err != nil || len(v.Cancel) == 0 || len(v.Withdraw) == 0 {
		t.Fatalf("%d and %d vectors, %v", len(v.Cancel), len(v.Withdraw), err)
	}
	build := func(v vector, r CancelRequest) map[string]string {
		at, err := time.ParseInLocation(settlebank.DateTimeLayout, v.TrdDt+v.TrdTm, settlebank.KST)
		if err != nil {
			t.Fatal(err)
		}
		r.ID, r.MchtID = v.MchtTrdNo, v.MchtID
		q, faults := protocol0A19{}.build(&merchant{Merchant: merchant0A19(v.MchtID)}, r, at.UTC())
		if faults != nil {
			t.Fatal(faults)
		}
		var m struct{ Data map[string]string }
		if err := json.Unmarshal(q.body, &m); err != nil {
			t.Fatal(err)
		}
		if m.Data["pktHash"] != v.PktHash || q.hash != v.PktHash {
			t.Errorf("pktHash %s and %s, want %s", m.Data["pktHash"], q.hash, v.PktHash)
		}
		return m.Data
	}
	for _, v := range v.Cancel {
		amount, err := strconv.ParseInt(v.Amount, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r := cancel0A19
		r.CanAmt, r.OrgTrdAmt = amount, amount
		if got := build(v, r)["cnclAmt"]; got != v.CnclAmt {
			t.Errorf("cnclAmt %s, want %s", got, v.CnclAmt)
		}
	}
	for _, v := range v.Withdraw {
		build(v, numberWithdrawal)
	}
}

// Test0A19Limits: what just fits is sent, and a longer reason cut.
func Test0A19Limits(t *testing.T) {
	t.Parallel()
	r := bankRefund
	r.ID, r.OrgTrdNo, r.Round, r.CanAmt, r.OrgTrdAmt = strings.Repeat("~", 100), strings.Repeat("x", 40), 999, settlebank.MaxAmount, 0
	r.MchtID, r.RefundAcntNo, r.RefundDpstrNm = "twelve_chars", strings.Repeat("9", 16), strings.Repeat("가", 50)
	request0A19(t, r)
	w := numberWithdrawal
	w.Round, w.VAcntNo = 0, strings.Repeat("9", 20)
	request0A19(t, w)

	for _, tt := range []struct{ name, in, want string }{
		{"OKLongest", strings.Repeat("가", 255), strings.Repeat("가", 255)},
		{"OKCut", strings.Repeat("x", 254) + "😀가", strings.Repeat("x", 254) + "😀"},
		{"OKLines", "a\r\nb\tc", "a  b c"},
		{"OKNotUTF8", "a\xff", "a\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := request0A19(t, edited(cancel0A19, func(r *CancelRequest) { r.Reason = tt.in }))
			var m struct{ Data map[string]string }
			if err := json.Unmarshal(q.body, &m); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, m.Data["cnclRsn"]); diff != "" {
				t.Errorf("cnclRsn (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProtocolPerMerchant: one client speaks each merchant's protocol, and the inquiry is the same.
func TestProtocolPerMerchant(t *testing.T) {
	t.Parallel()
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		params, _ := m["params"].(map[string]any)
		got = append(got, fmt.Sprint(r.URL.Path, " ", params["ver"]))
	}))
	defer srv.Close()
	c, err := New(Options{BaseURL: srv.URL, Merchants: []Merchant{testMerchant, merchant0A19("nxca_jt_il")}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	inquiry := testInquiry
	inquiry.MchtID = "nxca_jt_il"
	for _, class := range []Class{
		c.Cancel(context.Background(), testCancel).Class, c.Cancel(context.Background(), cancel0A19).Class,
		c.Inquire(context.Background(), inquiry).Class,
	} {
		if class != Unknown {
			t.Errorf("an empty answer: got %s", class)
		}
	}
	want := []string{"/spay/APICancel.do <nil>", "/spay/APICancel.do 0A19", "/spay/APITrdcheck.do 0A1M"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
