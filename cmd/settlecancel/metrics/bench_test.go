package metrics

import (
	"fmt"
	"testing"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// BenchmarkLook measures a look at as many cancellations as one looks at.
func BenchmarkLook(b *testing.B) {
	bench := newBench(b)
	const batch = 1000
	for i := 0; i < walkMost; i += batch {
		xs := make([]tasks.Submission, batch)
		for n := range xs {
			xs[n].Cancellation = sample(fmt.Sprint("bench-", i+n))
		}
		for _, r := range bench.client.EnqueueMany(b.Context(), xs) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	for b.Loop() {
		if st := bench.survey.look(b.Context()); !st.complete || st.open != walkMost {
			b.Fatalf("complete %v, %d open", st.complete, st.open)
		}
	}
	b.ReportMetric(float64(walkMost), "records/op")
}

// BenchmarkObserver measures what the metrics cost a worker for one cancellation.
func BenchmarkObserver(b *testing.B) {
	m := newBench(b).metrics
	r := ledger.Record{MchtID: shop, Status: ledger.Sending, Amount: 500, Params: []byte(`{"o":"ORDER","d":"20231215","t":1000,"x":"CA"}`)}
	b.ReportAllocs()
	for b.Loop() {
		m.Attempt(b.Context(), r, "CA", ledger.Attempt{Class: "ok", Code: "0000", Duration: 80 * time.Millisecond})
		m.Settled(b.Context(), r, "CA")
	}
}
