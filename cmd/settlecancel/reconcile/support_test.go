package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/tasktest"
)

var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

const (
	day      = "20240102" // that the tests compare
	shop     = "nxca_jt_bi"
	hashKey  = settlebank.TestbedHashKey
	aesKey   = settlebank.TestbedAESKey
	patience = 30 * time.Second
)

// on is a time of a day of January 2024 in Korea: "2 12:00:00".
func on(text string) time.Time {
	t, err := time.ParseInLocation("2006-1-2 15:04:05", "2024-1-"+text, settlebank.KST)
	if err != nil {
		panic(err)
	}
	return t
}

// bench is a ledger on a real Redis, and a server of lists, with a clock for both.
type bench struct {
	testing.TB
	rdb    *redis.Client
	ledger *ledger.Ledger
	clock  *clocktest.Clock
	lists  *lists
	gw     *gateway.Client
	log    *strings.Builder
	rec    *Reconciler
}

func newBench(t testing.TB, edits ...func(*Options)) *bench {
	t.Helper()
	rdb := shared.Client(t)
	b := &bench{TB: t, rdb: rdb, clock: clocktest.New(time.Time{}), lists: &lists{t: t, text: map[string]string{}}, log: &strings.Builder{}}
	b.ledger = ledger.New(rdb, ledger.Options{Now: b.clock.Now})
	server := httptest.NewServer(b.lists)
	t.Cleanup(server.Close)
	var merchants []gateway.Merchant
	for _, id := range []string{shop, "nxca_jt_il"} {
		merchants = append(merchants, gateway.Merchant{ID: id, HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey)})
	}
	var err error
	if b.gw, err = gateway.New(gateway.Options{Merchants: merchants, BaseURL: server.URL, CollationURL: server.URL, Timeout: patience}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.gw.Close)
	o := Options{
		Ledger: b.ledger, Gateway: b.gw, MchtIDs: []string{shop, "nxca_jt_il"}, Redis: rdb, Now: b.clock.Now,
		Wait:   func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) },
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	for _, edit := range edits {
		edit(&o)
	}
	if b.rec, err = New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

// lists returns collations by hand: what is not set was not found.
type lists struct {
	t     testing.TB
	mu    sync.Mutex
	text  map[string]string // by merchant, method and date; or only the date: what every list of it answers
	asked []string
	then  map[string]string // by the same name: what is answered from the second time on
}

func (l *lists) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f := r.PostForm
	sum := sha256.Sum256([]byte(f.Get("mchtId") + f.Get("trdDtSt") + hashKey))
	if f.Get("pktHash") != hex.EncodeToString(sum[:]) || r.URL.Path != "/api/pg/"+f.Get("mchtId")+"/transInfo.do" {
		l.t.Errorf("asked %s with %v", r.URL.Path, f)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name := f.Get("mchtId") + " " + f.Get("method") + " " + f.Get("trdDtSt")
	l.asked = append(l.asked, name)
	text, ok := l.text[name]
	if !ok {
		text, ok = l.text[f.Get("trdDtSt")]
	}
	if !ok {
		text = "1001|none|0|\n"
	}
	if next, ok := l.then[name]; ok {
		l.text[name] = next
		delete(l.then, name)
	}
	_, _ = io.WriteString(w, text)
}

// listNames are the names of the lists of a merchant and day.
func listNames() (names []string) {
	for _, method := range Methods() {
		names = append(names, settlebank.InquiryMethods(method)...)
	}
	return names
}

// put sets the list of cards of a day: what the lines say.
func (l *lists) put(date string, lines ...string) { l.text[shop+" CA "+date] = listOf(lines...) }

func listOf(lines ...string) string {
	return fmt.Sprintf("0000|ok|%d|\n%s", len(lines), strings.Join(lines, ""))
}

// listed is a cancellation's line: its number, payment, amount, when, and what else its merchant's
// number is.
func listed(trdNo, orgTrdNo string, amount int64, at time.Time, mchtTrdNo ...string) string {
	id := append(mchtTrdNo, "ORDER")[0]
	return fmt.Sprintf("%s|CA|%s|%s|1|%s|%s|%d|%s|20231215|홍길동|상품|0|001|00|N|\n",
		shop, trdNo, id, at.In(settlebank.KST).Format(settlebank.DateLayout), at.In(settlebank.KST).Format("150405"), amount, orgTrdNo)
}

// refund is a cancellation of 500 of the payment of that name.
func refund(key, payment string, edits ...func(*tasks.Cancellation)) tasks.Cancellation {
	x := tasks.Cancellation{IdempotencyKey: key, MchtID: shop, OrgTrdNo: payment, OrgMchtTrdNo: "ORDER-" + payment,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 2000, Method: "CA"}
	for _, edit := range edits {
		edit(&x)
	}
	return x
}

func amount(n int64) func(*tasks.Cancellation)  { return func(x *tasks.Cancellation) { x.CanAmt = n } }
func method(m string) func(*tasks.Cancellation) { return func(x *tasks.Cancellation) { x.Method = m } }
func currency(c string) func(*tasks.Cancellation) {
	return func(x *tasks.Cancellation) { x.Currency = c }
}

// The outcomes that the tests have.
func done(number string) ledger.Next {
	return ledger.Next{Status: ledger.Cancelled, Credit: 500, Rounds: 1, CanTrdNo: number, Code: "0000"}
}

func ends(s ledger.Status) ledger.Next { return ledger.Next{Status: s, Code: "XX99"} }

// send accepts a cancellation and sends it at a time; it takes a second to what follows.
func (b *bench) send(x tasks.Cancellation, at time.Time, n ledger.Next) {
	b.Helper()
	b.clock.Set(at)
	tasktest.Accept(b, b.ledger, x)
	g := tasktest.Begin(b, b.ledger, x)
	b.clock.Set(at.Add(time.Second))
	if _, err := b.ledger.Finish(b.Context(), g, ledger.Attempt{Class: "test", Duration: time.Second}, n); err != nil {
		b.Fatal(err)
	}
}

// resolve ends one whose outcome was not known, at a later time.
func (b *bench) resolve(key string, at time.Time, d ledger.Decision) {
	b.Helper()
	b.clock.Set(at)
	if _, err := b.ledger.Resolve(b.Context(), key, d); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) record(key string) ledger.Record {
	b.Helper()
	return tasktest.Record(b, b.ledger, key)
}

// run compares the day, as seen at a time; rows are cut to what a test names.
func (b *bench) run(at time.Time, edits ...func(*Query)) ([]string, Summary) {
	b.Helper()
	rows, s, err := b.try(at, edits...)
	if err != nil {
		b.Fatal(err)
	}
	return rows, s
}

func (b *bench) try(at time.Time, edits ...func(*Query)) (rows []string, s Summary, err error) {
	b.clock.Set(at)
	q := Query{Date: day}
	for _, edit := range edits {
		edit(&q)
	}
	s, err = b.rec.Run(b.Context(), q, func(r Row) error {
		rows = append(rows, brief(r))
		return nil
	})
	return rows, s, err
}

// brief is category, key and status, and the number that is listed.
func brief(r Row) string {
	parts := []string{string(r.Category)}
	if r.Key != "" {
		parts = append(parts, r.Key, string(r.Status))
	}
	if r.ListedTrdNo != "" {
		parts = append(parts, r.ListedTrdNo)
	}
	return strings.Join(parts, " ")
}

func (b *bench) want(got []string, want ...string) {
	b.Helper()
	if d := cmp.Diff(want, got); d != "" {
		b.Errorf("rows (-want +got):\n%s", d)
	}
}

// later is when the day and the next one are over.
var later = on("4 06:00:00")

func dry(q *Query) { q.DryRun = true }
