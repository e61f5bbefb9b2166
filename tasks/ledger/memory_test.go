package ledger

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxBytes is what an ended cancellation may take of Redis's memory: there are those of six months.
const maxBytes = 700

func TestMemory(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	teach(t, server) // what Redis keeps once is not counted
	e := on(t, server, redis.Options{})
	const n, workers = 4000, 8 // two keys each nearly fill a table of 8192
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{
			Key: fmt.Sprintf("refund-20231215-%07d", i), MchtID: "nxca_jt_bi",
			OrgTrdNo: fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810M1%06d", i), Amount: 1000, Full: true,
			Params: json.RawMessage(fmt.Sprintf(`{"o":"ORDER20231215%06d","d":"20231215","x":"CA"}`, i)),
		}
	}
	if len(entries[0].OrgTrdNo) != 40 {
		t.Fatalf("orgTrdNo of %d characters", len(entries[0].OrgTrdNo))
	}
	before := e.memory()
	for _, batch := range [][]Entry{entries[:n/2], entries[n/2:]} {
		_, err := e.AcceptMany(e.ctx, batch)
		e.must(err)
	}
	accepted := e.memory()
	e.clock.Advance(90 * time.Second)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				g, err := e.Begin(e.ctx, entries[i])
				if err == nil {
					err = e.Finish(e.ctx, g, Attempt{Class: "ok", Code: "0000", HTTPStatus: 200, Duration: 345 * time.Millisecond},
						Next{Status: Cancelled, Credit: 1000, Rounds: 1, CanTrdNo: fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810C1%06d", i)})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	e.told()
	if keys := e.rdb.DBSize(e.ctx).Val(); keys != 2*n {
		t.Errorf("%d keys, want two for each of %d", keys, n)
	}
	var ended int
	waitFor(t, "Redis has moved its tables", func() bool { ended = e.memory(); return (ended-before)/n <= maxBytes })
	t.Logf("bytes a cancellation: %d open, %d ended", (accepted-before)/n, (ended-before)/n)
	if per := (ended - before) / n; per > maxBytes {
		t.Errorf("%d bytes an ended cancellation, at most %d are allowed", per, maxBytes)
	}
}

// memory answers what Redis's data take, without what its clients' buffers do.
func (e *env) memory() (n int) {
	e.Helper()
	stats, err := e.rdb.Do(e.ctx, "MEMORY", "STATS").Result()
	e.must(err)
	m, ok := stats.(map[any]any)
	if !ok {
		e.Fatalf("MEMORY STATS answers a %T", stats)
	}
	total, clients := m["total.allocated"].(int64), m["clients.normal"].(int64)
	return int(total - clients)
}
