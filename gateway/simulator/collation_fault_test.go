package simulator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
)

func TestCollationFaults(t *testing.T) {
	t.Parallel()
	const lines = 9                 // of the true answer: the first, a payment, seven cancellations
	ask := func(b *fixture) reply { // by POST: Go's client sends a GET again by itself
		return b.do(context.Background(), "POST", collationPath, contentForm, strings.NewReader(collationForm(nil).Encode()))
	}
	complete := func(t *testing.T, r reply, count string) {
		t.Helper()
		head, records := splitCollation(t, string(r.body))
		if r.err != nil || len(records) != lines-1 || head[2] != count {
			t.Errorf("first line %q, %d records, error %v; want count %s and %d", head, len(records), r.err, count, lines-1)
		}
	}
	tests := []struct {
		name  string
		fault Fault
		saw   func(*testing.T, reply, string) // with the true answer
	}{
		{"OK code", Fault{Kind: KindCode, Code: "ST10"}, func(t *testing.T, r reply, _ string) {
			if head, records := splitCollation(t, string(r.body)); head[0] != "ST10" || head[2] != "0" || len(records) != 0 {
				t.Errorf("first line %q, %d records; want ST10 alone", head, len(records))
			}
		}},
		{"OK status", Fault{Kind: KindStatus, Status: 503}, func(t *testing.T, r reply, _ string) {
			if r.status != 503 || !bytes.HasPrefix(r.body, []byte("<html>")) {
				t.Errorf("status %d, body %q; want 503 with a page", r.status, r.body)
			}
		}},
		{"OK truncated", Fault{Kind: KindTruncated}, func(t *testing.T, r reply, truth string) {
			if r.err != nil || string(r.body) != truth[:len(truth)/2] {
				t.Errorf("error %v, body %q; want half of it, ended in order", r.err, r.body)
			}
		}},
		{"OK cut", Fault{Kind: KindCut}, func(t *testing.T, r reply, truth string) {
			if !errors.Is(r.err, io.ErrUnexpectedEOF) || string(r.body) != truth[:len(truth)/2] {
				t.Errorf("error %v, body %q; want half of it and %v", r.err, r.body, io.ErrUnexpectedEOF)
			}
		}},
		{"OK wrongCount", Fault{Kind: KindWrongCount}, func(t *testing.T, r reply, _ string) { complete(t, r, "9") }},
		{"OK drip", Fault{Kind: KindDrip, Delay: time.Nanosecond}, func(t *testing.T, r reply, _ string) { complete(t, r, "8") }},
		{"OK delayAfter", Fault{Kind: KindDelayAfter, Delay: time.Millisecond}, func(t *testing.T, r reply, _ string) { complete(t, r, "8") }},
		{"OK drop", Fault{Kind: KindDrop}, func(t *testing.T, r reply, _ string) {
			if r.err == nil {
				t.Errorf("status %d, want a reset", r.status)
			}
		}},
		{"OK stale", Fault{Kind: KindStale, Delay: time.Minute}, func(t *testing.T, r reply, _ string) {
			if head, records := splitCollation(t, string(r.body)); head[2] != "1" || len(records) != 1 {
				t.Errorf("first line %q, %d records; want the payment alone", head, len(records))
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{Now: at(2023, 12, 15, 12, 0)}, 1000)
			for range lines - 2 {
				b.cancel("100")
			}
			truth := string(ask(b).body)
			if strings.Count(truth, "\n") != lines {
				t.Fatalf("true answer %q", truth)
			}
			b.script(Rule{Path: PathCollation, MchtID: testMerchant, Times: 1, Fault: tt.fault})
			b.script(Rule{CanAmt: 100, Fault: codeFault("9999")}) // meets no collation
			tt.saw(t, ask(b), truth)
			if got := ask(b); string(got.body) != truth {
				t.Errorf("then %q, want the truth again", got.body)
			}
		})
	}
}

// TestCollationSuffersNoChaos: random faults are for messages.
func TestCollationSuffersNoChaos(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{FaultRate: 1, InquiryFaults: true, Kinds: []Fault{codeFault("9999")}}, 1000)
	if head, _ := b.collate(nil); head[0] != "0000" {
		t.Errorf("first line %q, want 0000", head)
	}
}

// FuzzCollation sends forms: a list is told to nobody who did not sign for exactly this merchant
// and day.
func FuzzCollation(f *testing.F) {
	f.Add(testMerchant, collationForm(nil).Encode())
	f.Add("nx_mid_il", collationForm(fields{"mchtId": "nx_mid_il"}).Encode())
	f.Add(testMerchant, collationForm(fields{"trdDtSt": "20231216"}).Encode()+"&mchtId=x")
	sim, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := sim.Register(testOriginal(1000)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, mchtID, form string) {
		req := httptest.NewRequest(http.MethodPost, "/api/pg/m/transInfo.do", strings.NewReader(form))
		req.URL.Path = "/api/pg/" + mchtID + "/transInfo.do"
		req.Header.Set("Content-Type", contentForm)
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			return
		}
		head, records := splitCollation(t, w.Body.String())
		if len(records) == 0 {
			return
		}
		o, err := decodeForm(form)
		signed := sum(o.get("mchtId"), o.get("trdDtSt"), settlebank.TestbedHashKey)
		if err != nil || head[0] != "0000" || o.get("pktHash") != signed || mchtID != testMerchant || o.get("trdDtSt") != testDate {
			t.Fatalf("%q answered to %q of %q", w.Body, form, mchtID)
		}
	})
}
