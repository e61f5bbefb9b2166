package ledger

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
)

// searchDays are the days over which BenchmarkSearch spreads its cancellations.
const searchDays = 30

// BenchmarkSearch finds cancellations among many that have ended: SEARCH=300000, else 3,000. It
// reports what each step takes of Redis, and how much memory this process holds meanwhile.
func BenchmarkSearch(b *testing.B) {
	n := 3000
	if text := os.Getenv("SEARCH"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	e := envOn(b, clientOn(b, ownServer(b), redis.Options{}), Options{Retention: 180 * 24 * time.Hour})
	for day := range searchDays {
		e.endMany(8, n*day/searchDays, n*(day+1)/searchDays, usualEntry)
		e.clock.Advance(24 * time.Hour)
		e.told()
	}
	b.Logf("%d cancellations, bytes of each:\n%s", n, e.whereTheyGo(n))
	old := dayOf(start.AddDate(0, 0, 3).UnixMilli())
	from, err := time.ParseInLocation(dayLayout, old, settlebank.KST)
	e.must(err)
	page := func(q Query, want int) {
		records, _, err := e.Search(e.ctx, q)
		e.must(err)
		if len(records) != want {
			b.Fatalf("%+v finds %d, want %d", q, len(records), want)
		}
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"order", func() { page(Query{OrgMchtTrdNo: usualEntry(n / 2).OrgMchtTrdNo}, 1) }},
		{"payment", func() { page(Query{MchtID: "nxca_jt_bi", OrgTrdNo: usualEntry(n / 2).OrgTrdNo}, 1) }},
		{"newest", func() { page(Query{}, 100) }},
		{"day", func() { page(Query{From: from, Before: from.AddDate(0, 0, 1)}, 100) }},
		{"wholeDay", func() { // as reconcile does
			found := 0
			for _, err := range e.Day(e.ctx, old) {
				e.must(err)
				found++
			}
			if found < n/searchDays/2 || found > n/searchDays*2 {
				b.Fatalf("day %s has %d", old, found)
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := e.commands()
			var most, now runtime.MemStats
			best := time.Hour // which says more than the mean on a machine that does other things, too
			for b.Loop() {
				begun := time.Now()
				c.do()
				best = min(best, time.Since(begun))
				if runtime.ReadMemStats(&now); now.HeapInuse > most.HeapInuse {
					most = now
				}
			}
			b.ReportMetric(float64(e.commands()-before)/float64(b.N), "commands/op")
			b.ReportMetric(best.Seconds()*1000, "best-ms")
			b.ReportMetric(float64(most.HeapInuse)/1e6, "heapMB")
		})
	}
}

// commands returns how many commands Redis has carried out.
func (e *env) commands() int {
	e.Helper()
	info, err := e.rdb.Info(e.ctx, "stats").Result()
	e.must(err)
	_, text, _ := strings.Cut(info, "total_commands_processed:")
	n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(text, "\n", 2)[0]))
	e.must(err)
	return n
}
