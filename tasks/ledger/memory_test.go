package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
)

// maxBytes is what an ended cancellation may take of Redis's memory, everything of the ledger
// included: there are those of six months. It is what was measured, 925, and a tenth.
const maxBytes = 1018

// TestMemory measures ended cancellations as a shop of some size has them, and fails where they
// take more. The whole payment of each is cancelled by one request.
func TestMemory(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	e := on(t, server, redis.Options{})
	const n, workers = 12000, 8 // with the index of orders their keys nearly fill a table of 32768
	all := func(from, to int) {
		e.endMany(workers, from, to, usualEntry)
		e.told()
	}
	// What Redis keeps once is not counted: its connections, and the latencies of each command.
	all(0, workers)
	e.sameAsStepByStep(usualEntry(0), usualEntry(n))
	before := e.memory()
	all(workers, n)
	var ended int
	clocktest.WaitFor(t, "Redis has moved its tables", func() bool {
		now := e.memory()
		same := now == ended
		ended = now
		return same
	})
	each := float64(ended-before) / (n - workers)
	t.Logf("bytes of an ended cancellation: %.0f\n%s", each, e.whereTheyGo(n))
	if each > maxBytes {
		t.Errorf("an ended cancellation takes %.0f bytes, more than %d", each, maxBytes)
	}
}

// usualEntry is a cancellation of a whole payment, as long as they are.
func usualEntry(i int) Entry {
	return Entry{
		Key: fmt.Sprintf("refund-20231215-%07d", i), MchtID: "nxca_jt_bi", OrgTrdNo: fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810M1%06d", i),
		OrgMchtTrdNo: fmt.Sprintf("ORDER20231215%06d", i), Method: "CA", Amount: 1000, PaymentAmount: 1000, Params: []byte(`{"d":"20231215"}`),
	}
}

// endMany brings the cancellations of some numbers to their ends, each in one write, by so many
// writers at once.
func (e *env) endMany(writers, from, to int, entry func(int) Entry) {
	e.Helper()
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := from + w; i < to; i += writers {
				if err := e.end(entry(i)); err != nil {
					e.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// end brings a cancellation to its end by the rules, all in one write: what is stored is the same.
func (e *env) end(x Entry) error {
	c := &change{at: placeOfEntry(x), read: true, claim: true, rule: func(p *Payment, at Moment) error {
		if _, err := p.Accept(at, x); err != nil {
			return err
		}
		at.Now += 80
		g := p.Begin(at, e.rules, Beginning{Entry: x, Token: "token"})
		if g.Step != StepSend {
			return fmt.Errorf("step %d", g.Step)
		}
		at.Now += 345
		return p.Finish(at, endingOf(x))
	}}
	_, err := e.store.apply(e.ctx, c)
	return err
}

func endingOf(x Entry) Finishing {
	return Finishing{Key: x.Key, Token: "token", Attempt: Attempt{Class: "ok", Code: "0000", HTTPStatus: 200, Duration: 345 * time.Millisecond},
		Next: Next{Status: Cancelled, Credit: 1000, Rounds: 1, Code: "0000", CanTrdNo: "STFP_PGCAnxca_jt_il0211129135810C1" + x.Key[17:]}}
}

// sameAsStepByStep fails unless what was written at once is as long as what is written step by
// step.
func (e *env) sameAsStepByStep(atOnce, steps Entry) {
	e.Helper()
	e.accept(steps)
	e.clock.Advance(80 * time.Millisecond)
	g := e.begin(steps, StepSend)
	e.clock.Advance(345 * time.Millisecond)
	f := endingOf(steps)
	_, err := e.Finish(e.ctx, g, f.Attempt, f.Next)
	e.must(err)
	e.told()
	long := func(x Entry) int { return len(e.rdb.Get(e.ctx, placeOfEntry(x).paymentKey()).Val()) }
	if a, b := long(atOnce), long(steps); a != b {
		e.Errorf("written at once a payment takes %d bytes, step by step %d:\n%s\n%s", a, b,
			e.rdb.Get(e.ctx, placeOfEntry(atOnce).paymentKey()).Val(), e.rdb.Get(e.ctx, placeOfEntry(steps).paymentKey()).Val())
	}
	e.must(e.rdb.Del(e.ctx, placeOfEntry(steps).paymentKey(), indexKey(steps.Key)).Err())
}

// whereTheyGo tells how much each kind of key takes, of n cancellations.
func (e *env) whereTheyGo(n int) string {
	e.Helper()
	kinds := map[string]string{":p:": "payment", "cel:k:": "index from the key", ":d:": "day", ":o:": "order", ":n:": "counters", ":out": "outbox", ":state": "state of the shard"}
	bytes, keys := map[string]int64{}, map[string]int{}
	scan := e.rdb.Scan(e.ctx, 0, "*", 5000).Iterator()
	var names []string
	for scan.Next(e.ctx) {
		names = append(names, scan.Val())
	}
	e.must(scan.Err())
	for some := range slices.Chunk(names, 2000) {
		cmds := make([]*redis.IntCmd, len(some))
		_, err := e.rdb.Pipelined(e.ctx, func(p redis.Pipeliner) error {
			for i, name := range some {
				cmds[i] = p.MemoryUsage(context.WithoutCancel(e.ctx), name, 0)
			}
			return nil
		})
		e.must(err)
		for i, name := range some {
			for part, kind := range kinds {
				if strings.Contains(name, part) {
					bytes[kind] += cmds[i].Val()
					keys[kind]++
					break
				}
			}
		}
	}
	var lines []string
	for kind, total := range bytes {
		lines = append(lines, fmt.Sprintf("%6.1f %s (%d keys)", float64(total)/float64(n), kind, keys[kind]))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(b, a) })
	x := fmt.Sprintf("a document: %s", e.rdb.Get(e.ctx, names[slices.IndexFunc(names, func(s string) bool { return strings.Contains(s, ":p:") })]).Val())
	return strings.Join(append(lines, x), "\n")
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
