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
	"testing/synctest"
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
		{"OKNothingFoundShort", "1001|none", 0, nil, CollationError{Class: Transient, Line: 1}},
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

func TestCollationLine(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"merchant": listed("0", "nxca_jt_il"), "method": listed("1", "RA"), "no trdNo": listed("2", ""),
		"trdNo": listed("2", "C 1"), "mchtTrdNo": listed("3", "a\x01"), "type": listed("4", "2"), "no type": listed("4", ""),
		"day": listed("5", "20240103"), "date": listed("5", "20240102x"), "time": listed("6", "235960"), "short time": listed("6", "2359"),
		"fraction": listed("6", "235959.5"), "amount": listed("7", "5.00"), "signed amount": listed("7", "-500"), "no amount": listed("7", ""),
		"amount of 13": listed("7", "1234567890123"), "comma": listed("7", "1,000"), "no original": listed("8", ""),
		"original": listed("8", "T\t1"), "original's date": listed("9", "20231315"),
	} {
		t.Run("Err "+name, func(t *testing.T) {
			t.Parallel()
			records, err := collate(t.Context(), collating(t, saying("0000|정상|2|\n"+lineC1+line)), testDay)
			var e *CollationError
			if len(records) != 1 || !errors.As(err, &e) || !errors.Is(err, ErrCollationForm) || e.Line != 3 || e.Class != Unknown {
				t.Errorf("%d records, %v", len(records), err)
			}
		})
	}
	t.Run("ErrAllAtOnce", func(t *testing.T) {
		t.Parallel()
		_, err := readRecord(testDay, strings.TrimSpace(listed("0", "x", "4", "9", "7", "x")))
		for _, want := range []string{"another merchant's", "the type", "the amount"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v lacks %q", err, want)
			}
		}
	})
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{
			listed("3", ""), listed("9", ""), listed("7", "0"), listed("7", "000000000500"), listed("11", ""), listed("10", "\xff\xfe"),
		} {
			if _, err := readRecord(testDay, strings.TrimSpace(line)); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
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

// TestCollationTransport: what ends a list before its end is told, with its cause.
func TestCollationTransport(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0000|정상|2|\n" + lineC1
	t.Run("ErrRefused", func(t *testing.T) {
		t.Parallel()
		_, err := collate(t.Context(), testClient(t, Options{CollationURL: refusingURL(t)}), testDay)
		var e *CollationError
		if !errors.As(err, &e) || e.Class != Transient {
			t.Errorf("error %v", err)
		}
	})
	t.Run("ErrReset", func(t *testing.T) {
		t.Parallel()
		c := testClient(t, Options{CollationURL: listen(t, func(p *peer) { p.request(); p.send(head) })})
		records, err := collate(t.Context(), c, testDay)
		if !errors.Is(err, ErrCollationCut) || !errors.Is(err, io.ErrUnexpectedEOF) || len(records) != 1 {
			t.Errorf("%d records, %v", len(records), err)
		}
	})
	t.Run("ErrClosed", func(t *testing.T) {
		t.Parallel()
		c := collating(t, saying("0000|정상|0|\n"))
		c.Close()
		if _, err := collate(t.Context(), c, testDay); !errors.Is(err, errClosed) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("OKAnotherConnectionEach", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			n := &pipes{serve: func(p *peer) { p.request(); p.send(httpAnswer(200, "0000|정상|1|\n"+lineC1)) }}
			c := testClientOver(t, Options{CollationURL: "http://lists.test"}, n.dial)
			for range 2 {
				if _, err := collate(t.Context(), c, testDay); err != nil {
					t.Error(err)
				}
			}
			if n.count() != 2 || n.dials[0] != "lists.test:80" {
				t.Errorf("dials %q", n.dials)
			}
			c.Close()
			synctest.Wait()
		})
	})
}

func TestCollationSilence(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0000|정상|2|\n" + lineC1
	for name, serve := range map[string]func(*peer){
		"ErrNoAnswer": func(p *peer) { p.request(); untilClosed(p) },
		"ErrWithin":   func(p *peer) { p.request(); p.send(head); untilClosed(p) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := testClientOver(t, Options{CollationURL: "http://lists.test", Timeout: 7 * time.Second}, (&pipes{serve: serve}).dial)
				start := time.Now()
				_, err := collate(t.Context(), c, testDay)
				var e *CollationError
				if !errors.As(err, &e) || e.Class != Transient || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nothing came for 7s") {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took != 7*time.Second {
					t.Errorf("it took %s", took)
				}
				c.Close()
				synctest.Wait()
			})
		})
	}
	// Neither a slow list nor a slow reader is silence.
	t.Run("OKSlow", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			n := &pipes{serve: func(p *peer) {
				p.request()
				body := "0000|정상|3|\n" + lineC1 + lineC1 + lineC1
				p.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)))
				for line := range strings.Lines(body) {
					p.send(line)
					time.Sleep(6 * time.Second) // the bubble's time
				}
			}}
			c := testClientOver(t, Options{CollationURL: "http://lists.test", Timeout: 7 * time.Second}, n.dial)
			records := 0
			for _, err := range c.Collation(t.Context(), testDay) {
				if err != nil {
					t.Fatal(err)
				}
				records++
				time.Sleep(20 * time.Second)
			}
			if records != 3 {
				t.Errorf("%d records", records)
			}
			c.Close()
			synctest.Wait()
		})
	})
	t.Run("ErrCancelled", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("had enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := testClient(t, Options{CollationURL: listen(t, func(p *peer) { p.request(); p.send(head); cancel(cause); untilClosed(p) })})
		if _, err := collate(ctx, c, testDay); !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	})
	// Who stops reading leaves no connection behind.
	t.Run("OKStopped", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			n := &pipes{serve: func(p *peer) { p.request(); p.send(head); untilClosed(p); close(gone) }}
			c := testClientOver(t, Options{CollationURL: "http://lists.test"}, n.dial)
			for range c.Collation(t.Context(), testDay) {
				break
			}
			<-gone
			c.Close()
			synctest.Wait()
		})
	})
}

// endless says the same line for ever.
type endless struct {
	line []byte
	told int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.line[e.told%int64(len(e.line)):])
	e.told += int64(n)
	return n, nil
}

func TestCollationErrTooLong(t *testing.T) {
	t.Parallel()
	text := &endless{line: []byte(lineC1)}
	l := newList(testDay, io.MultiReader(strings.NewReader("0000|정상|999999999|\n"), text), listLimits{line: 4 << 10, total: 1 << 20})
	for more := true; more; {
		_, more = l.next()
	}
	if l.fault == nil || !errors.Is(l.fault, ErrCollationForm) || !strings.Contains(l.fault.Error(), "too long") {
		t.Errorf("fault %v", l.fault)
	}
	if text.told > 1<<20+8<<10 {
		t.Errorf("%d bytes were read", text.told)
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

// FuzzCollation: a list counts only when every line was whole, of 16 fields, and as many as it says.
func FuzzCollation(f *testing.F) {
	for _, s := range []string{
		"0000|정상|1|\n" + lineC1, "0000|정상|2|\n" + lineC1 + approval, "1001|none|0|\n", "ST10|x|0|", "", "0000|정상|1|\n" + lineC1[:30],
		"0000|정상|0|\n\n\n", "0000|정상|1|\r\n" + strings.TrimRight(lineC1, "\n") + "\r\n", "|||\n", "0000|x|1|\n" + strings.Repeat("|", 16) + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := newList(testDay, strings.NewReader(text), listLimits{line: 256, total: 4 << 10})
		var records []CollationRecord
		for r, more := l.next(); more; r, more = l.next() {
			records = append(records, r)
		}
		if len(records)*collationFields > strings.Count(text, "|") {
			t.Errorf("%d records of %q", len(records), text)
		}
		for _, r := range records {
			if r.MchtID != testDay.MchtID || r.Method != testDay.Method || r.Amount < 0 || r.Amount > maxAmount || r.TrdNo == "" ||
				r.Time.Format("20060102") != testDay.Date || r.Cancellation && r.OrgTrdNo == "" {
				t.Errorf("record %+v", r)
			}
		}
		if l.fault != nil {
			if l.fault.Class == "" || l.fault.Class == OK {
				t.Errorf("fault of class %q", l.fault.Class)
			}
			return
		}
		lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
		if len(lines) != len(records)+1 || !strings.HasPrefix(text, "0000|") && !strings.HasPrefix(text, "1001|") {
			t.Errorf("%d records without a fault in %q", len(records), text)
		}
	})
}

// BenchmarkCollation reads a day of 50,000 lines, made while they are read.
func BenchmarkCollation(b *testing.B) {
	const lines = 50_000
	c := collating(b, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "0000|정상|%d|\n", lines)
		for range lines {
			_, _ = io.WriteString(w, lineC1)
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range c.Collation(b.Context(), testDay) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != lines {
			b.Fatalf("%d records", n)
		}
	}
}
