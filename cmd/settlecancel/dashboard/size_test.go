package dashboard

import (
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"settlecancel/tasks"
)

// crowd is an installation with many open cancellations, beside one in each status.
func crowd(t testing.TB, open int) *fixture {
	t.Helper()
	b := newFixture(t)
	b.board.history = &counted{all: aMonth(time.Now())}
	everyStatus(b)
	var all []tasks.Submission
	for i := range open {
		x := sample(fmt.Sprintf("20260302-%05d", i))
		x.CanAmt, x.OrgTrdAmt = int64(1000*(i%97+7)), int64(2000*(i%97+7))
		x.MchtID = []string{"nxca_jt_bi", "nx_mid_il", "nxca_jt_bi"}[i%3]
		x.Method = []string{"CA", "VA", "CA", "PZ"}[i%4]
		all = append(all, tasks.Submission{Cancellation: x})
	}
	for n, o := range b.client.EnqueueMany(t.Context(), all) {
		if o.Err != nil {
			t.Fatalf("submission %d: %v", n, o.Err)
		}
	}
	return b
}

// With 12,000 open ones our pages weigh what they weigh with a screenful, and are there at once.
func TestSizeOfPages(t *testing.T) {
	t.Parallel()
	few, many := crowd(t, pageRows), crowd(t, 12_000)
	for _, path := range []string{root, cancellations + "list?status=open", cancellations + "list?status=open&sort=-amount",
		cancellations + "list?status=ended", cancellations + "show?key=refund-cancelled"} {
		var took []time.Duration
		var page answer
		for range 3 {
			begun := time.Now()
			page = many.see(path)
			took = append(took, time.Since(begun))
		}
		weight, before := len(page.text), len(few.see(path).text)
		t.Logf("%s: %d bytes, %d packed, fastest of three in %s", path, weight, packed(t, page.text), slices.Min(took))
		if page.StatusCode != 200 || weight > before+4<<10 || weight > 64<<10 {
			t.Errorf("%s: status %d, %d bytes, with few of them %d", path, page.StatusCode, weight, before)
		}
	}
	for _, file := range []string{"style.css", "console.js"} {
		if weight := len(few.see(cancellations + file).text); weight == 0 || weight > 24<<10 {
			t.Errorf("%s weighs %d bytes", file, weight)
		} else {
			t.Logf("%s: %d bytes", file, weight)
		}
	}
	many.want(many.see(cancellations+"list?status=open"), "Matching: 12,003, together")
	if n, _, err := many.ledger.Counts(t.Context()); err != nil || n != 12_003 {
		t.Errorf("%d are open: %v", n, err)
	}
}

func packed(t testing.TB, text string) int {
	t.Helper()
	var n counter
	w := gzip.NewWriter(&n)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return int(n)
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }
