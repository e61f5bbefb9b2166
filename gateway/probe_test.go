package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestProbe: a probe speaks the protocol that it is told, whatever the merchant's is, names a
// payment that cannot exist, and tells in which protocol it was answered.
func TestProbe(t *testing.T) {
	t.Parallel()
	const flatAnswer, bareAnswer = `{"resultCode":"1004","resultMsg":"none"}`, `{"outStatCd":"0031","outRsltCd":"CA10","outRsltMsg":"none"}`
	for name, c := range map[string]struct {
		ask    Protocol
		status int
		body   string
		class  Class
		code   string
		spoken Protocol
	}{
		"OKFlat":          {Flat, 200, flatAnswer, Rejected, "1004", Flat},
		"OK0A19":          {Protocol0A19, 200, bareAnswer, Rejected, "CA10", Protocol0A19},
		"ErrFlatIs0A19":   {Flat, 200, bareAnswer, Misconfigured, "CA10", Protocol0A19},
		"Err0A19IsFlat":   {Protocol0A19, 200, flatAnswer, Misconfigured, "1004", Flat},
		"ErrNothing":      {Flat, 404, "<html>", Misconfigured, "", ""},
		"ErrNoSuch":       {"0A00", 0, "", Misconfigured, Local, ""},
		"ErrBusyNotFlat":  {Flat, 503, "", Unknown, "", ""},
		"ErrFlatAsBusy":   {Protocol0A19, 500, flatAnswer, Unknown, "1004", Flat},
		"OKFlatWithout":   {"", 200, flatAnswer, Rejected, "1004", Flat},
		"ErrUnreadable":   {Flat, 200, `{"resultCode":"1004","outRsltCd":"CA10"}`, Unknown, "", ""},
		"OKSuccessOfFlat": {Protocol0A19, 200, `{"resultCode":"0000","canTrdNo":"C1"}`, Unknown, "0000", Flat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				sent = string(body)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			got := testClient(t, Options{BaseURL: srv.URL, Now: func() time.Time { return testTime }}).Probe(t.Context(), testMerchant.ID, c.ask, "CA")
			if got.Class != c.class || got.Code != c.code || got.Spoken != c.spoken {
				t.Errorf("%s %q, spoken %q, want %s %q %q", got.Class, got.Code, got.Spoken, c.class, c.code, c.spoken)
			}
			if c.status == 0 {
				return
			}
			if nested := strings.HasPrefix(sent, `{"params"`); nested != (c.ask == Protocol0A19) || strings.Count(sent, `"probe-`) < 2 {
				t.Errorf("sent %s", sent)
			}
		})
	}
	if got := testClient(t, Options{}).Probe(t.Context(), "nobody", Flat, ""); got.Class != Misconfigured || got.Code != Local {
		t.Errorf("%+v", got)
	}
}
