package simulator

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

// FuzzDecodeMessage checks the strict decoder against encoding/json: what it takes is JSON with
// these very values.
func FuzzDecodeMessage(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b"}`, `{"params":{"a":"b"},"data":{}}`, `{"a":"\ud83d\ude00\n"}`, `{"a":"b","a":"c"}`, `{"a":1}`,
		`{"a":null}`, `{"params":{"a":{}},"data":{}}`, `{"a":"b"} x`, `{"a":"b",}`, `{"a" "b"}`, `{"\u0061":"b","a":"c"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decodeMessage(body, false)
		if err != nil {
			return
		}
		var want, got map[string]any
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("took %q: %v", body, err)
		}
		written := appendObject(nil, m.flat)
		if m.nested {
			written = append(appendObject([]byte(`{"params":`), m.params), `,"data":`...)
			written = append(appendObject(written, m.data), '}')
		}
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("wrote %q: %v", written, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", body, diff)
		}
	})
}

// blank is a ResponseWriter that keeps nothing, so that a benchmark measures the simulator alone.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(int)             {}

// BenchmarkCancel is one cancellation inside the simulator, without a network.
func BenchmarkCancel(b *testing.B) {
	for _, mode := range []struct {
		name    string
		options Options
	}{
		{"plain", Options{AutoAmount: 1000}},
		{"rate0.3", Options{AutoAmount: 1000, FaultRate: 0.3, Kinds: []Fault{{Kind: KindCode, Code: "9999", Apply: ApplyYes}}}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			sim, err := New(mode.options)
			if err != nil {
				b.Fatal(err)
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				w := &blank{http.Header{}}
				for pb.Next() {
					sim.ServeHTTP(w, benchRequest(next.Add(1)))
				}
			})
			if got := len(sim.Effects()); got != b.N {
				b.Fatalf("%d effects of %d cancellations", got, b.N)
			}
		})
	}
}

// benchRequest is a cancellation of a transaction of its own; making it costs too, about a tenth of
// the whole.
func benchRequest(i int64) *http.Request {
	m := Merchant{HashKey: settlebank.TestbedHashKey}
	number := strconv.FormatInt(i, 10)
	body := `{"mchtId":"nxca_jt_bi","orgTrdNo":"T` + number + `","orgMchtTrdNo":"O` + number +
		`","orgTrdDt":"20231215","canAmt":"500","pktHash":"` + m.sign("T"+number, "O"+number, "20231215", "500") + `"}`
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, cancelPath, strings.NewReader(body))
	req.Header["Content-Type"] = []string{contentJSON}
	return req
}

// BenchmarkCancelHTTP is the same over a connection on loopback, client and server on one machine.
func BenchmarkCancelHTTP(b *testing.B) {
	sim, err := New(Options{AutoAmount: 1000})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	host := strings.TrimPrefix(server.URL, "http://")
	var next atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req := benchRequest(next.Add(1))
			req.URL.Scheme, req.URL.Host = "http", host
			resp, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			resp.Body.Close()
		}
	})
	if got := len(sim.Effects()); got != b.N {
		b.Fatalf("%d effects of %d cancellations", got, b.N)
	}
}
