package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/secrettest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	good := Options{BaseURL: "https://gateway.test", Merchants: []Merchant{testMerchant}}
	for _, tt := range []struct {
		name string
		edit func(*Options)
		want []string // parts of the error; none: no error
	}{
		{"OK", func(*Options) {}, nil},
		{"OKPath", func(o *Options) { o.BaseURL = "http://localhost:8080/relay/" }, nil},
		{"OKNoAESKey", func(o *Options) {
			o.Merchants = []Merchant{{ID: "m", HashKey: settlebank.NewSecret("k"), Protocol: Flat}}
		}, nil},
		{"OK0A19", func(o *Options) { o.Merchants = []Merchant{testMerchant, merchant0A19("twelve_chars")} }, nil},
		{"Err0A19NoKey", func(o *Options) {
			o.Merchants = []Merchant{{ID: "m", HashKey: settlebank.NewSecret("k"), Protocol: Protocol0A19}}
		},
			[]string{`merchant 1 ("m"): AESKey is missing: protocol 0A19`}},
		{"Err0A19Key", func(o *Options) {
			o.Merchants = []Merchant{{ID: "m", HashKey: settlebank.NewSecret("k"), AESKey: settlebank.NewSecret("short"), Protocol: Protocol0A19}}
		}, []string{`merchant 1 ("m"): AESKey has 5 bytes, want 32`}},
		{"ErrAllAtOnce", func(o *Options) {
			*o = Options{
				InquiryPath: "spay", Timeout: -1, ConnectTimeout: -1, MaxConnAge: -1, MaxIdleConns: -1,
				TLS: &tls.Config{MaxVersion: tls.VersionTLS11},
			}
		}, []string{"BaseURL", "InquiryPath", " Timeout", "ConnectTimeout", "MaxConnAge", "MaxIdleConns", "TLS.MaxVersion", "Merchants"}},
		{"ErrMerchants", func(o *Options) {
			o.Merchants = []Merchant{{}, {ID: "thirteenchars", HashKey: settlebank.NewSecret("k"), AESKey: settlebank.NewSecret("short")}, {ID: "m", HashKey: settlebank.NewSecret("k"), Protocol: "0A20"},
				testMerchant, testMerchant}
		}, []string{
			`merchant 1 (""): ID is missing`, `merchant 1 (""): HashKey is missing`, "merchant 2", "ID has 13 characters",
			"AESKey has 5 bytes, want 32", `merchant 3 ("m"): protocol "0A20" is not supported`, `merchant "nxca_jt_bi" stands twice`,
		}},
		{"ErrScheme", func(o *Options) { o.BaseURL = "ftp://gateway.test" }, []string{"BaseURL: want http"}},
		{"ErrHost", func(o *Options) { o.BaseURL = "https://:443" }, []string{"BaseURL: want http"}},
		{"ErrParse", func(o *Options) { o.BaseURL = "https://user:hunter2/x@gateway.test" }, []string{"BaseURL: want http"}},
		{"ErrUser", func(o *Options) { o.BaseURL = "https://user:hunter2@gateway.test" }, []string{"BaseURL: want no user"}},
		{"ErrQuery", func(o *Options) { o.BaseURL = "https://gateway.test/?key=hunter2" }, []string{"no query"}},
		{"ErrFragment", func(o *Options) { o.BaseURL = "https://gateway.test/#hunter2" }, []string{"no fragment"}},
		{"ErrInquiryQuery", func(o *Options) { o.InquiryPath = "/x?y" }, []string{"InquiryPath"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.edit(&o)
			c, err := New(o)
			if (err == nil) != (len(tt.want) == 0) || (c == nil) != (err != nil) {
				t.Fatalf("got %v, %v", c, err)
			}
			if err != nil {
				says(t, err.Error(), tt.want...)
				secrettest.Hidden(t, "the error", err.Error(), "hunter2", "short")
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	if o.Timeout != 30*time.Second || o.ConnectTimeout != 5*time.Second || o.MaxConnAge != time.Minute || o.MaxIdleConns != 256 ||
		o.InquiryPath != "/spay/APITrdcheck.do" || o.Now == nil {
		t.Errorf("got %+v", o)
	}
	if o := (Options{Timeout: time.Second}).withDefaults(); o.ConnectTimeout != time.Second {
		t.Errorf("ConnectTimeout %s is longer than the whole call may take", o.ConnectTimeout)
	}
}

// TestLeaks formats and encodes everything a caller can get hold of, in every way, and looks for
// what nobody may see.
func TestLeaks(t *testing.T) {
	t.Parallel()
	// The gateway tells the keys in its messages, plain and URL-encoded, one at the edge of the
	// cut.
	tell := func(s string) string {
		b, err := json.Marshal(map[string]string{"resultCode": "1901", "resultMsg": s})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	messages := []string{
		"bad key " + testHashKey + " or " + testAESKey, url.QueryEscape("잘못된 키 " + testHashKey),
		strings.Repeat("x", maxMessage-10) + testHashKey,
	}
	var next int
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, tell(messages[next%len(messages)]))
		next++
	}))
	defer srv.Close()
	o := Options{BaseURL: srv.URL, Merchants: []Merchant{testMerchant}}
	c := testClient(t, o)
	down := testClient(t, Options{BaseURL: refusingURL(t)})
	cut := testAESKey[:31]
	_, faults := New(Options{BaseURL: "x", Merchants: []Merchant{{HashKey: settlebank.NewSecret(testHashKey), AESKey: settlebank.NewSecret(cut)}, testMerchant, testMerchant}})
	r := testCancel
	r.RefundAcntNo, r.RefundDpstrNm, r.VAcntNo = "110-987-654321", "홍길동", "56-7890-1234"
	things := map[string]any{
		"secret": testMerchant.HashKey, "merchant": testMerchant, "merchants": o.Merchants, "merchant pointer": &testMerchant,
		"options": o, "client": c, "client value": *c, "faults": faults, "request": r, "request pointer": &r,
		"requests": []CancelRequest{r}, "failure": down.Cancel(context.Background(), r), "refusal": down.Cancel(context.Background(), CancelRequest{}),
	}
	for i := range messages {
		out := c.Cancel(context.Background(), testCancel)
		if out.Class != Misconfigured || out.Message == "" || strings.Contains(out.Message, "%") {
			t.Errorf("got %+v", out)
		}
		things[fmt.Sprint("outcome ", i)] = out
	}
	for name, thing := range things {
		text := bytes.NewBufferString(secrettest.Print(thing))
		if !strings.HasPrefix(name, "request") { // not meant to be stored as it is, and nobody does
			if err := json.NewEncoder(text).Encode(thing); err != nil {
				var unsupported *json.UnsupportedTypeError
				if !errors.As(err, &unsupported) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if !strings.HasPrefix(name, "request") || name == "request" {
			slog.New(slog.NewJSONHandler(text, nil)).Info("json", "thing", thing)
		}
		secrettest.Hidden(t, name, text.String(), testHashKey, testAESKey, "ST1009281", "pgSettle3", r.RefundAcntNo, r.RefundDpstrNm, r.VAcntNo)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"OK", "정상처리 되었습니다.", "정상처리 되었습니다."},
		{"OKLines", " a\r\n\tb \x00 c ", "a b c"},
		{"OKOverride", "a\u202eb\u200bc\u2028d", "a b c d"},
		{"OKNotUTF8", "a\xffb", "a\ufffdb"},
		{"OKCut", strings.Repeat("가", 300), strings.Repeat("가", 200)},
		{"OKCutAtSpace", strings.Repeat("x", 199) + " yz", strings.Repeat("x", 199)},
		{"OKEmpty", " \n ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := clean(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"OK", "%EC%A0%95%EC%83%81+%EC%B2%98%EB%A6%AC", "정상 처리"},
		{"OKSpaces", "%EC%A0%95%20a", "정 a"},
		{"OKPlain", "정상 처리", "정상 처리"},
		{"OKPlus", "1+1", "1+1"},
		{"OKPercent", "100%", "100%"},
		{"OKPercentWords", "100%25 refused", "100%25 refused"},
		{"OKNoUTF8", "%FF%FE", "%FF%FE"},
		{"OKEmpty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := unescape(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
