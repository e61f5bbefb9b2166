package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

const (
	manyCancellations = 50_000
	maxHeap           = 100 << 20
)

// vast is a ledger of many cancellations and the lists of their day, neither of which is ever there
// as a whole.
type vast struct {
	numbered bool // the ledger knows the numbers
	shift    int  // of so many lines the payments are none of the ledger's
	at       time.Time
	mu       sync.Mutex
	heap     uint64 // the highest seen
	reads    int    // of payments
}

func key(i int) string       { return fmt.Sprintf("refund-20240102-%032d", i) }
func trdNo(i int) string     { return fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810C1%06d", i) }
func paymentOf(i int) string { return fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810M1%06d", i) }

func (v *vast) record(i int) ledger.Record {
	r := ledger.Record{Key: key(i), MchtID: shop, OrgTrdNo: paymentOf(i), Amount: 1000, Full: true,
		OrgMchtTrdNo: fmt.Sprintf("ORDER20231215%06d", i), Method: "CA", Params: json.RawMessage(`{"d":"20231215"}`), Status: ledger.Cancelled,
		AcceptedAt: v.at, EndedAt: v.at.Add(time.Second),
		Attempts: []ledger.Attempt{{Kind: ledger.Request, StartedAt: v.at, Duration: time.Second, Class: "ok", Code: "0000", HTTPStatus: 200}}}
	if v.numbered {
		r.CanTrdNo = trdNo(i)
	}
	return r
}

// look measures the heap now, with what is garbage on it.
func (v *vast) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heap = max(v.heap, m.HeapAlloc)
}

func (v *vast) Day(context.Context, string) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		for i := range manyCancellations {
			if i%500 == 0 {
				v.look()
			}
			if !yield(v.record(i), nil) {
				return
			}
		}
	}
}

func (v *vast) All(context.Context, ledger.Set, ledger.Listing) iter.Seq2[ledger.Record, error] {
	return func(func(ledger.Record, error) bool) {}
}

func (v *vast) Seed(context.Context, string, string, int64, int) (bool, error) { return false, nil }

func (v *vast) Transaction(_ context.Context, _, orgTrdNo string) ([]ledger.Record, error) {
	i, err := strconv.Atoi(orgTrdNo[len(orgTrdNo)-6:])
	if v.reads++; v.reads%1000 == 0 {
		v.look()
	}
	if err != nil || i >= manyCancellations {
		return nil, err
	}
	return []ledger.Record{v.record(i)}, nil
}

func (v *vast) Prove(context.Context, string, ledger.Evidence) (ledger.Record, error) {
	return ledger.Record{}, ledger.ErrNotFound
}

func (v *vast) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	if r.PostForm.Get("method") != "CA" || r.PostForm.Get("trdDtSt") != day {
		_, _ = io.WriteString(w, "1001|none|0|\n")
		return
	}
	approval := fmt.Sprintf("%s|CA|A1|ORDER|0|%s|110000|1000|||홍길동|상품 이름|00000000|001|00|N|\n", shop, day)
	_, _ = fmt.Fprintf(w, "0000|ok|%d|\n", 2*manyCancellations)
	for i := range manyCancellations {
		_, _ = io.WriteString(w, approval)
		_, _ = io.WriteString(w, listed(trdNo(i+v.shift), paymentOf(i+v.shift), 1000, v.at))
		if i%2000 == 0 {
			v.look()
		}
	}
}

// TestMany: of a day with 50,000 cancellations little is held, whether all agree or nothing does.
func TestMany(t *testing.T) { // not parallel: it measures the heap
	for _, tt := range []struct {
		name string
		v    *vast
		want map[Category]int
	}{
		{"all agree", &vast{numbered: true}, map[Category]int{Agreed: manyCancellations}},
		{"no number was told", &vast{}, map[Category]int{Agreed: manyCancellations}},
		{"nothing agrees", &vast{numbered: true, shift: manyCancellations}, map[Category]int{NotWithUs: manyCancellations, NotAtSettleBank: manyCancellations}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := tt.v
			v.at = on("2 12:00:00")
			server := httptest.NewServer(v)
			defer server.Close()
			gw, err := gateway.New(gateway.Options{Merchants: []gateway.Merchant{{ID: shop, HashKey: settlebank.NewSecret(hashKey)}},
				BaseURL: server.URL, CollationURL: server.URL, Timeout: patience})
			if err != nil {
				t.Fatal(err)
			}
			defer gw.Close()
			rec, err := New(Options{Ledger: v, Gateway: gw, MchtIDs: []string{shop}, Now: func() time.Time { return later }})
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			start, rows := time.Now(), 0
			out := NewCSV(io.Discard)
			s, err := rec.Run(t.Context(), Query{Date: day}, func(r Row) error {
				if rows++; rows%2000 == 0 {
					v.look()
				}
				return out.Row(r)
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rows in %s, heap at most %d MiB, %d MiB before", rows, time.Since(start).Round(time.Millisecond), v.heap>>20, before.HeapAlloc>>20)
			for _, category := range Categories() {
				if got := s.Totals[category].Count; got != tt.want[category] {
					t.Errorf("%d are %s, want %d", got, category, tt.want[category])
				}
			}
			if v.heap > maxHeap {
				t.Errorf("the heap had %d bytes, at most %d are wanted", v.heap, maxHeap)
			}
		})
	}
}
