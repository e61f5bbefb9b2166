package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkCancel measures a whole call against a server in the same process (whose part is in the
// numbers too).
func BenchmarkCancel(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, success)
	}))
	defer srv.Close()
	c := testClient(b, Options{BaseURL: srv.URL})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if out := c.Cancel(context.Background(), testCancel); out.Class != OK {
				b.Errorf("got %+v", out)
				return
			}
		}
	})
}

// BenchmarkPlainPost is the same exchange by net/http alone, to compare with.
func BenchmarkPlainPost(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, success)
	}))
	defer srv.Close()
	q, _ := flat{}.build(&merchant{Merchant: testMerchant}, testCancel, testTime)
	p := newPoster(nil, nil)
	p.base, _ = parseBaseURL(srv.URL)
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	defer transport.CloseIdleConnections()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := transport.RoundTrip(p.request(context.Background(), q.path, q.body))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
	})
}

// Benchmark0A19 is BenchmarkFlat for 0A19.
func Benchmark0A19(b *testing.B) {
	m := &merchant{Merchant: merchant0A19("nxca_jt_il")}
	answer := []byte(answer0A19(request0A19(b, cancel0A19).body, nil))
	b.ReportAllocs()
	for b.Loop() {
		q, _ := protocol0A19{}.build(m, cancel0A19, testTime)
		if a, ok := (protocol0A19{}).parse(q, answer); !ok || a.class != OK {
			b.Fatal(a)
		}
	}
}

// BenchmarkFlat measures what one flat cancellation costs besides the exchange: its request and its
// answer.
func BenchmarkFlat(b *testing.B) {
	m := &merchant{Merchant: testMerchant}
	answer := []byte(success)
	b.ReportAllocs()
	for b.Loop() {
		q, _ := flat{}.build(m, testCancel, testTime)
		if a, ok := (flat{}).parse(q, answer); !ok || a.class != OK {
			b.Fatal(a)
		}
	}
}
