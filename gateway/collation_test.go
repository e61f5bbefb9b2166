package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testDay = CollationRequest{MchtID: "nxca_jt_bi", Method: "CA", Date: "20240102"}

// listed is a line of that day; edits replace fields, counted from 0.
func listed(edits ...string) string {
	f := []string{"nxca_jt_bi", "CA", "C1", "ORDER1", "1", "20240102", "235959", "500", "T1", "20231215",
		"홍길동", "상품", "00000000", "001", "00", "N"}
	for i := 0; i+1 < len(edits); i += 2 {
		var at int
		if _, err := fmt.Sscan(edits[i], &at); err != nil {
			panic(err)
		}
		f[at] = edits[i+1]
	}
	return strings.Join(f, "|") + "|\n"
}

var (
	lineC1   = listed()
	approval = listed("2", "T2", "3", "주문 2", "4", "0", "8", "", "9", "")
)

var recordC1 = CollationRecord{
	MchtID: "nxca_jt_bi", Method: "CA", TrdNo: "C1", MchtTrdNo: "ORDER1", Cancellation: true,
	Time: time.Date(2024, 1, 2, 14, 59, 59, 0, time.UTC), Amount: 500, OrgTrdNo: "T1", OrgTrdDt: "20231215",
	Product: "상품", ApprovalNo: "00000000", Institution: "001", Instalments: "00", InterestFree: "N",
}

var sameInstant = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

// collate reads a whole list.
func collate(ctx context.Context, c *Client, r CollationRequest) (records []CollationRecord, err error) {
	for record, failed := range c.Collation(ctx, r) {
		if failed != nil {
			if err != nil {
				panic("a second error")
			}
			err = failed
			continue
		}
		if err != nil {
			panic("a record behind an error")
		}
		records = append(records, record)
	}
	return records, err
}

// collating is a client of a server that answers so.
func collating(t testing.TB, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return testClient(t, Options{CollationURL: srv.URL + "/relay/"})
}

func saying(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func TestCollationRequest(t *testing.T) {
	t.Parallel()
	var form url.Values
	var seen *http.Request
	c := collating(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form, seen = r.PostForm, r
		_, _ = io.WriteString(w, "0000|정상|2|\n"+lineC1+approval)
	})
	records, err := collate(t.Context(), c, testDay)
	if err != nil {
		t.Fatal(err)
	}
	paid := recordC1
	paid.TrdNo, paid.MchtTrdNo, paid.Cancellation, paid.OrgTrdNo, paid.OrgTrdDt = "T2", "주문 2", false, "", ""
	if d := cmp.Diff([]CollationRecord{recordC1, paid}, records, sameInstant); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
	sum := sha256.Sum256([]byte("nxca_jt_bi" + "20240102" + testHashKey))
	want := url.Values{"mchtId": {"nxca_jt_bi"}, "mchtTy": {"M"}, "method": {"CA"}, "pdTy": {"D"}, "trdDtSt": {"20240102"},
		"pktHash": {hex.EncodeToString(sum[:])}}
	if d := cmp.Diff(want, form); d != "" {
		t.Errorf("form (-want +got):\n%s", d)
	}
	if seen.Method != "POST" || seen.URL.Path != "/relay/api/pg/nxca_jt_bi/transInfo.do" || seen.URL.RawQuery != "" {
		t.Errorf("asked with %s %s", seen.Method, seen.URL)
	}
}

func TestCollationList(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		records    int
		is         error
		want       CollationError // Class, Code and Line; none: no error
	}{
		{"OK", "0000|정상|1|\n" + lineC1, 1, nil, CollationError{}},
		{"OKNoLastLineEnd", "0000|정상|1|\r\n" + strings.TrimRight(lineC1, "\n"), 1, nil, CollationError{}},
		{"OKEmptyLinesBehind", "0000|정상|1|\n" + lineC1 + "\r\n\n", 1, nil, CollationError{}},
		{"OKNone", "0000|정상|0|\n", 0, nil, CollationError{}},
		{"OKNothingFound", "1001|조회된 내역이 없습니다.|0|\n", 0, nil, CollationError{}},
		{"ErrNothingFoundShort", "1001|none", 0, nil, CollationError{Class: Transient, Line: 1}},
		{"OKNothingFoundUncounted", "1001|none|", 0, nil, CollationError{}},
		{"ErrNothingFoundButLines", "1001|none|0|\n" + lineC1, 0, ErrCollationForm, CollationError{Class: Unknown, Line: 2}},
		{"ErrNothingFoundButCount", "1001|none|3|\n", 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrSystem", "ST10|시스템 오류|0|\n", 0, nil, CollationError{Class: Transient, Code: "ST10"}},
		{"ErrMerchant", "ST90|x|0|\n", 0, nil, CollationError{Class: Misconfigured, Code: "ST90"}},
		{"ErrHash", "ST92|x|0|\n", 0, nil, CollationError{Class: Misconfigured, Code: "ST92"}},
		{"ErrField", "ST91|x|\n", 0, nil, CollationError{Class: Rejected, Code: "ST91"}},
		{"ErrInvalid", "ST09|x|\n", 0, nil, CollationError{Class: Rejected, Code: "ST09"}},
		{"ErrUnlisted", "XX99|x|0|\n", 0, nil, CollationError{Class: Unknown, Code: "XX99"}},
		{"ErrEmpty", "", 0, ErrCollationCut, CollationError{Class: Transient}},
		{"ErrFewer", "0000|정상|2|\n" + lineC1, 1, ErrCollationCut, CollationError{Class: Transient, Line: 2}},
		{"ErrWithinLine", "0000|정상|2|\n" + lineC1 + lineC1[:20], 1, ErrCollationCut, CollationError{Class: Transient, Line: 3}},
		{"ErrAtField", "0000|정상|1|\n" + "nxca_jt_bi|CA|", 0, ErrCollationForm, CollationError{Class: Unknown, Line: 2}},
		{"ErrMore", "0000|정상|1|\n" + lineC1 + lineC1, 1, ErrCollationForm, CollationError{Class: Unknown, Line: 3}},
		{"ErrPage", "<html>\n<p>busy</p>\n", 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrPageWithBar", "<html lang=\"ko kr\">|\n", 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrUncounted", "0000|정상|\n" + lineC1, 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrCountSigned", "0000|정상|+1|\n" + lineC1, 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrCountNegative", "0000|정상|-1|\n", 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrCountHuge", "0000|정상|9999999999|\n", 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrHeadFields", "0000|정상|1|x|\n" + lineC1, 0, ErrCollationForm, CollationError{Class: Unknown, Line: 1}},
		{"ErrEmptyLineBetween", "0000|정상|2|\n" + lineC1 + "\n" + lineC1, 1, ErrCollationForm, CollationError{Class: Unknown, Line: 4}},
		{"Err15Fields", "0000|정상|1|\n" + strings.Replace(lineC1, "|N|", "|", 1), 0, ErrCollationForm, CollationError{Class: Unknown, Line: 2}},
		{"Err17Fields", "0000|정상|1|\n" + strings.Replace(lineC1, "|N|", "|N|x|", 1), 0, ErrCollationForm, CollationError{Class: Unknown, Line: 2}},
		{"ErrNoBar", "0000|정상|2|\n" + strings.Replace(lineC1, "|N|", "|N", 1) + lineC1, 0, ErrCollationForm, CollationError{Class: Unknown, Line: 2}},
		{"ErrLongLine", "0000|정상|1|\n" + listed("11", strings.Repeat("x", collationLimits.line)), 0, ErrCollationForm, CollationError{Class: Unknown, Line: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			records, err := collate(t.Context(), collating(t, saying(tt.text)), testDay)
			if len(records) != tt.records {
				t.Errorf("%d records", len(records))
			}
			var e *CollationError
			if errors.As(err, &e) != (tt.want.Class != "") {
				t.Fatalf("error %v", err)
			}
			if e == nil {
				return
			}
			if e.Class != tt.want.Class || e.Code != tt.want.Code || e.Line != tt.want.Line || e.HTTPStatus != 200 || e.Request != testDay {
				t.Errorf("got %+v", *e)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v is not %v", err, tt.is)
			}
			if text := err.Error(); !strings.Contains(text, "nxca_jt_bi/CA for 20240102") || strings.Contains(text, "홍길동") || strings.ContainsRune(text, '\n') {
				t.Errorf("the error reads %q", text)
			}
		})
	}
}

func TestCollationStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Class{
		500: Transient, 503: Transient, 429: Transient, 408: Transient, 401: Misconfigured, 403: Misconfigured, 404: Misconfigured,
		400: Unknown, 302: Unknown, 204: Unknown,
	} {
		c := collating(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		_, err := collate(t.Context(), c, testDay)
		var e *CollationError
		if !errors.As(err, &e) || e.Class != want || e.HTTPStatus != status || !strings.Contains(err.Error(), fmt.Sprint("HTTP ", status)) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestCollationErrLocal(t *testing.T) {
	t.Parallel()
	c := collating(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	for name, tt := range map[string]struct {
		client *Client
		edit   func(*CollationRequest)
		class  Class
	}{
		"no host":  {testClient(t, Options{}), func(*CollationRequest) {}, Misconfigured},
		"merchant": {c, func(r *CollationRequest) { r.MchtID = "other" }, Misconfigured},
		"date":     {c, func(r *CollationRequest) { r.Date = "20240230" }, Rejected},
		"method":   {c, func(r *CollationRequest) { r.Method = "card" }, Rejected},
	} {
		r := testDay
		tt.edit(&r)
		_, err := collate(t.Context(), tt.client, r)
		var e *CollationError
		if !errors.As(err, &e) || e.Class != tt.class || e.Code != Local {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCollationURL(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"ftp://lists.test", "https://user:hunter2@lists.test", "https://lists.test?key=hunter2", "lists"} {
		_, err := New(Options{BaseURL: "https://gateway.test", CollationURL: u, Merchants: []Merchant{testMerchant}})
		if err == nil || !strings.Contains(err.Error(), "CollationURL: want") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", u, err)
		}
	}
}

// A refusal may repeat what it was sent; its hash is no secret, the key is.
func TestCollationLeaks(t *testing.T) {
	t.Parallel()
	c := collating(t, saying("ST92|bad key "+testHashKey+"\x1b[31m|0|\n"))
	_, err := collate(t.Context(), c, testDay)
	if err == nil || strings.Contains(err.Error(), testHashKey) || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("error %q", err)
	}
}
