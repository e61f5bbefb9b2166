package notification

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
	"settlecancel/tasks/tasktest"
)

var (
	noon = time.Date(2024, 1, 2, 12, 0, 0, 0, settlebank.KST)
)

const (
	shop     = "nxca_jt_bi"
	hashKey  = settlebank.TestbedHashKey
	aesKey   = settlebank.TestbedAESKey
	patience = 30 * time.Second
)

var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

// bench is a Handler on a ledger in a real Redis, both of which are at noon.
type bench struct {
	testing.TB
	rdb     *redis.Client
	ledger  *ledger.Ledger
	gw      *gateway.Client
	handler *Handler
	log     *secrettest.Log
	now     time.Time
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, now: noon, log: &secrettest.Log{}, rdb: shared.Client(t)}
	b.ledger = ledger.New(b.rdb, ledger.Options{Now: func() time.Time { return b.now }})
	var err error
	if b.gw, err = gateway.New(gateway.Options{BaseURL: "http://gateway.test",
		Merchants: []gateway.Merchant{{ID: shop, HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey)}}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.gw.Close)
	b.handler, err = New(Options{Ledger: b.ledger, Gateway: b.gw, Logger: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Addresses: []netip.Prefix{netip.MustParsePrefix("61.252.169.24/32"), netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Now:       func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refund is a cancellation of 500 of the payment of that name.
func refund(key, payment string, edits ...func(*tasks.Cancellation)) tasks.Cancellation {
	x := tasks.Cancellation{IdempotencyKey: key, MchtID: shop, OrgTrdNo: payment, OrgMchtTrdNo: "ORDER-" + payment,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
	for _, edit := range edits {
		edit(&x)
	}
	return x
}

// begin accepts a cancellation and sends it at noon.
func (b *bench) begin(x tasks.Cancellation) ledger.Grant {
	b.Helper()
	tasktest.Accept(b, b.ledger, x)
	return tasktest.Begin(b, b.ledger, x)
}

func (b *bench) send(x tasks.Cancellation, n ledger.Next) {
	b.Helper()
	if _, err := b.ledger.Finish(b.Context(), b.begin(x), ledger.Attempt{Class: "test", Duration: time.Second}, n); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) record(key string) ledger.Record {
	b.Helper()
	return tasktest.Record(b, b.ledger, key)
}

// form is a notification of C1, of 500 of P1 a second after noon, signed after the edits.
func form(edits ...string) url.Values {
	f := url.Values{"outStatCd": {"0021"}, "trdNo": {"C1"}, "method": {"CA"}, "bizType": {"C0"}, "mchtId": {shop}, "mchtTrdNo": {"ORDER-P1"},
		"trdDtm": {"20240102120001"}, "trdAmt": {"500"}, "orgTrdNo": {"P1"}, "orgTrdDt": {"20231215"}, "cnclType": {"10"}}
	for i := 0; i+1 < len(edits); i += 2 {
		f.Set(edits[i], edits[i+1])
	}
	if f.Get("pktHash") == "" {
		sum := sha256.Sum256([]byte(f.Get("outStatCd") + f.Get("trdDtm") + f.Get("mchtId") + f.Get("mchtTrdNo") + f.Get("trdAmt") + hashKey))
		f.Set("pktHash", hex.EncodeToString(sum[:]))
	}
	return f
}

// post notifies from an address, and answers status and body.
func (b *bench) post(from string, f url.Values) (int, string) {
	b.Helper()
	r := httptest.NewRequest(http.MethodPost, "/noti", strings.NewReader(f.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.RemoteAddr = from
	return b.serve(r)
}

func (b *bench) serve(r *http.Request) (int, string) {
	b.Helper()
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		b.Fatal(err)
	}
	return w.Code, string(body)
}

// want notifies from SettleBank, and checks the answer.
func (b *bench) want(answer string, f url.Values) {
	b.Helper()
	if code, got := b.post(fromBank, f); code != http.StatusOK || got != answer {
		b.Errorf("answered %d %q, want %q\n%s", code, got, answer, b.log)
	}
}

const fromBank = "61.252.169.24:40000"
