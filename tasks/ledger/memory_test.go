package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
)

// maxBytes is what an ended cancellation may take of Redis's memory: there are those of six months.
const maxBytes = 700

func TestMemory(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
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
	accept := func(entries []Entry) {
		for batch := range slices.Chunk(entries, n/2) {
			_, err := e.AcceptMany(e.ctx, batch)
			e.must(err)
		}
	}
	end := func(entries []Entry) {
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for i := w; i < len(entries); i += workers {
					g, err := e.Begin(e.ctx, entries[i])
					if err == nil {
						err = e.Finish(e.ctx, g, Attempt{Class: "ok", Code: "0000", HTTPStatus: 200, Duration: 345 * time.Millisecond},
							Next{Status: Cancelled, Credit: 1000, Rounds: 1, CanTrdNo: "STFP_PGCAnxca_jt_il0211129135810C1" + entries[i].Key[17:]})
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
	}
	// What Redis keeps once is not counted: its connections, and the latencies of each command.
	first, rest := entries[:workers], entries[workers:]
	accept(first)
	end(first)
	before := e.memory()
	accept(rest)
	accepted := e.memory()
	e.clock.Advance(90 * time.Second)
	end(rest)
	if keys := e.rdb.DBSize(e.ctx).Val(); keys != 2*n {
		t.Errorf("%d keys, want two for each of %d", keys, n)
	}
	var ended int
	defer func() {
		t.Logf("bytes a cancellation: %d open, %d ended", (accepted-before)/len(rest), (ended-before)/len(rest))
	}()
	clocktest.WaitFor(t, fmt.Sprintf("Redis has moved its tables, and an ended cancellation takes %d bytes at most", maxBytes), func() bool {
		ended = e.memory()
		return (ended-before)/len(rest) <= maxBytes
	})
}

// memory returns what Redis's data take, without what its clients' buffers do.
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
