package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
)

// provider is a gateway that knows payments under one name each, and refuses every other.
type provider struct {
	mu    sync.Mutex
	knows map[string]string // order number → name
	code  string            // of a refusal; "ST06" where empty
	asked []string          // names, in order
	ids   []string
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m inquiryMessage
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &m); err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, m.Data.Method)
	p.ids = append(p.ids, m.Params.MchtTrdNo)
	if p.knows[m.Data.OrgMchtTrdNo] == m.Data.Method {
		_, _ = io.WriteString(w, `{"params":{"outStatCd":"0021","outRsltCd":"0000"},"data":{"pktHash":"`+m.Data.PktHash+`","cnclAmt":"300"}}`)
		return
	}
	code := p.code
	if code == "" {
		code = "ST06"
	}
	_, _ = io.WriteString(w, `{"outStatCd":"0031","outRsltCd":"`+code+`","outRsltMsg":"`+m.Data.Method+`"}`)
}

// take returns the names that were asked with since the last call.
func (p *provider) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

func easyPayment(order string) InquiryRequest {
	r := testInquiry
	r.Method, r.OrgMchtTrdNo = settlebank.EasyPay, order
	return r
}

func newProvider(t *testing.T, p *provider) *Client {
	t.Helper()
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return testClient(t, Options{BaseURL: srv.URL, Now: func() time.Time { return testTime }})
}

func (p *provider) want(t *testing.T, names ...string) {
	t.Helper()
	if got := p.take(); !slices.Equal(got, names) {
		t.Errorf("asked with %v, want %v", got, names)
	}
}

// TestEasyPaymentProviders: an easy payment is asked after under its providers' names, and what was
// answered is remembered: for the payment, and for its merchant.
func TestEasyPaymentProviders(t *testing.T) {
	t.Parallel()
	p := &provider{knows: map[string]string{"kakao": "KP", "naver": "NP", "plain": "PZ", "payco": "WL"}}
	c := newProvider(t, p)
	inquire := func(order, method string) {
		t.Helper()
		q := c.Inquire(t.Context(), easyPayment(order))
		if q.Class != OK || q.Method != method || q.Cancelled != 300 || !q.CancelledKnown || q.Final() {
			t.Errorf("%s: %+v", order, q)
		}
	}
	inquire("kakao", "KP")
	p.want(t, "PZ", "KP")
	inquire("kakao", "KP")
	p.want(t, "KP")
	inquire("naver", "NP")
	p.want(t, "KP", "PZ", "NP")
	inquire("kakao", "KP")
	p.want(t, "KP")
	inquire("payco", "WL")
	p.want(t, "KP", "PZ", "NP", "PC", "WL")
	inquire("plain", "PZ")
	p.want(t, "WL", "PZ")
	inquire("plain", "PZ")
	p.want(t, "PZ")
	if ids := slices.Compact(slices.Sorted(slices.Values(p.ids[:2]))); len(ids) != 2 || ids[0] != "inquiry-1" {
		t.Errorf("inquiries of one call bear the ids %v", ids)
	}
}

// TestEasyPaymentUnknown: where no name is known, the answer is the refusal that speaks of the
// payment, and it is final. What is no refusal ends the asking.
func TestEasyPaymentUnknown(t *testing.T) {
	t.Parallel()
	p := &provider{}
	c := newProvider(t, p)
	if q := c.Inquire(t.Context(), easyPayment("nobody")); !q.Final() || q.Code != "ST06" || q.Method != "" {
		t.Errorf("%+v", q)
	}
	p.want(t, settlebank.InquiryMethods(settlebank.EasyPay)...)
	p.code = "ST41"
	if q := c.Inquire(t.Context(), easyPayment("nobody")); q.Class != Transient || q.Final() {
		t.Errorf("%+v", q)
	}
	p.want(t, "PZ")
	p.code = ""
	card := testInquiry
	if q := c.Inquire(t.Context(), card); !q.Final() {
		t.Errorf("%+v", q)
	}
	p.want(t, "CA")
}

// TestEasyPaymentTurns: every message after the first waits for its turn, within the one time-out.
func TestEasyPaymentTurns(t *testing.T) {
	t.Parallel()
	p := &provider{knows: map[string]string{"naver": "NP"}}
	c := newProvider(t, p)
	turns := 0
	r := easyPayment("naver")
	r.Turn = func(context.Context) error { turns++; return nil }
	if q := c.Inquire(t.Context(), r); q.Class != OK || turns != 2 {
		t.Errorf("%d turns, %+v", turns, q)
	}
	p.take()
	paused := errors.New("paused")
	r = easyPayment("other")
	r.Turn = func(context.Context) error { return paused }
	if q := c.Inquire(t.Context(), r); q.Class != Transient || !errors.Is(q.Err, paused) {
		t.Errorf("%+v", q)
	}
	p.want(t, "NP")
}

// TestProvidersAreBounded: what is remembered of payments has a bound, and the newest stay.
func TestProvidersAreBounded(t *testing.T) {
	t.Parallel()
	var p providers
	last := maxProviders * 2
	for i := range last + 1 {
		p.remember(easyPayment(fmt.Sprint(i)), "NP")
	}
	p.remember(easyPayment(fmt.Sprint(last)), "KP")
	if len(p.known) != maxProviders || len(p.oldest) != maxProviders {
		t.Errorf("%d payments are remembered, in a ring of %d", len(p.known), len(p.oldest))
	}
	if names := p.names(easyPayment(fmt.Sprint(last))); names[0] != "KP" {
		t.Errorf("the newest is asked after as %v", names)
	}
	if names := p.names(easyPayment(fmt.Sprint(last - 1))); strings.Join(names, " ") != "NP KP PZ PC WL" {
		t.Errorf("the one before is asked after as %v", names)
	}
	if names := p.names(testInquiry); !slices.Equal(names, []string{"CA"}) {
		t.Errorf("a card is asked after as %v", names)
	}
}
