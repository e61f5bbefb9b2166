package ledger

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

// On a Redis Cluster each write stays within one slot, whichever nodes the payments lie on; the
// index from keys lies on others.
func TestCluster(t *testing.T) {
	t.Parallel()
	rdb, nodes := redistest.StartCluster(t, 3, 0)
	for name, noAuto := range pipelines {
		t.Run(name, func(t *testing.T) {
			e := envOn(t, rdb, Options{NoAutoPipeline: noAuto})
			e.must(rdb.ForEachMaster(e.ctx, func(ctx context.Context, c *redis.Client) error { return c.FlushAll(ctx).Err() }))
			const n = 60
			entries := make([]Entry, n)
			for i := range entries {
				entries[i] = partial(fmt.Sprintf("refund-%d", i), fmt.Sprintf("pay-%d", i/2)) // two parts a payment
			}
			for i, a := range e.AcceptMany(e.ctx, entries) {
				if a.Err != nil || a.Known || a.Record.Key != entries[i].Key {
					t.Fatalf("%d: %+v", i, a)
				}
				if e.expires(indexKey(entries[i].Key)) {
					t.Fatalf("the index entry of %s, which is open, expires", entries[i].Key)
				}
			}
			for i, s := range nodes {
				if size := s.Client(t).DBSize(t.Context()).Val(); size < n/6 {
					t.Errorf("node %d holds %d keys: nothing was spread", i, size)
				}
			}
			for i, x := range entries {
				g := e.begin(x, StepSend)
				switch i % 3 {
				case 0:
					e.finish(g, cancelled(x))
					if got := e.stand(x); got.Status != Cancelled || got.In != "" || !got.Index {
						t.Errorf("it stands so: %+v", got)
					}
				case 1:
					e.finish(g, rejectedCode)
				default:
					e.finish(g, Next{Status: Queued})
				}
			}
			if open, dead, err := e.Counts(e.ctx); open != n/3 || dead != n/3 || err != nil {
				t.Errorf("counts %d, %d, %v", open, dead, err)
			}
			var keys []string
			for r, err := range e.All(e.ctx, DeadLetters, Listing{Limit: 7, Newest: true}) {
				e.must(err)
				keys = append(keys, r.Key)
			}
			for i, key := range keys {
				var err error
				if i%2 == 0 {
					_, err = e.Retry(e.ctx, key, kim)
				} else {
					_, err = e.Resolve(e.ctx, key, as(Cancelled))
				}
				e.must(err)
			}
			if open, dead, err := e.Counts(e.ctx); open != n/2 || dead != 0 || err != nil || len(keys) != n/3 {
				t.Errorf("after people: %d open, %d dead, %v; %d listed", open, dead, err, len(keys))
			}
			found := 0
			for q := (Query{Limit: 7}); ; {
				records, next, err := e.Search(e.ctx, q)
				e.must(err)
				found += len(records)
				if q.Cursor = next; next == "" {
					break
				}
			}
			if found != n {
				t.Errorf("%d of %d are found by their day", found, n)
			}
			if records, _, err := e.Search(e.ctx, Query{OrgMchtTrdNo: entries[0].OrgMchtTrdNo, Limit: n}); len(records) != n || err != nil {
				t.Errorf("%d of %d are found by their order: %v", len(records), n, err)
			}
			if told := e.told(); len(told) != n/3+n/3+n/6 {
				t.Errorf("%d events", len(told))
			}
			counted := 0
			counters, err := e.Counters(e.ctx, start, start.Add(time.Hour))
			e.must(err)
			for _, c := range counters {
				counted += int(c.Count)
			}
			if counted != n/3+n/3+n/6 {
				t.Errorf("%d are counted", counted)
			}
		})
	}
}

// A producer that dies between claim and acceptance leaves a claim that expires, and hinders nobody
// who means the same. Whoever accepts makes it last, also one that was accepted before.
func TestClusterClaim(t *testing.T) {
	t.Parallel()
	rdb, _ := redistest.StartCluster(t, 3, 0)
	e := envOn(t, rdb, Options{})
	x := partial("refund-1", "pay-1")
	if _, err := e.claim(e.ctx, []Entry{x}, []int{0}); err != nil {
		t.Fatal(err)
	}
	_, err := e.Get(e.ctx, x.Key)
	wantErr(t, err, ErrNotFound)
	if ttl := e.rdb.PTTL(e.ctx, indexKey(x.Key)).Val(); ttl <= 0 || ttl > claimLife {
		t.Errorf("the claim lives for %v", ttl)
	}
	_, _, err = e.Accept(e.ctx, partial("refund-1", "pay-2"))
	wantErr(t, err, ErrConflict)
	e.accept(x)
	e.wantStand(x, stored{stand: stand{Status: Queued}, In: "open"})

	for name, harm := range map[string]func(){
		"gone":     func() { e.must(e.rdb.Del(e.ctx, indexKey(x.Key)).Err()) },
		"expiring": func() { e.must(e.rdb.PExpire(e.ctx, indexKey(x.Key), claimLife).Err()) },
	} {
		harm()
		if _, known, err := e.Accept(e.ctx, x); !known || err != nil {
			t.Errorf("%s: known %v, %v", name, known, err)
		}
		if e.expires(indexKey(x.Key)) {
			t.Errorf("%s: accepted again, its index entry expires", name)
		}
	}
}

// An index entry that got lost, or would expire, is there again when a person has to find the
// cancellation by it.
func TestClusterIndexOfDeadLetters(t *testing.T) {
	t.Parallel()
	rdb, _ := redistest.StartCluster(t, 3, 0)
	for name, harm := range map[string]func(*env, string){
		"gone":     func(e *env, key string) { e.must(e.rdb.Del(e.ctx, indexKey(key)).Err()) },
		"expiring": func(e *env, key string) { e.must(e.rdb.PExpire(e.ctx, indexKey(key), claimLife).Err()) },
	} {
		for _, s := range []Status{Rejected, Exhausted, Review} {
			e := envOn(t, rdb, Options{})
			x := partial(name+"-"+string(s), "pay-"+name+string(s))
			e.accept(x)
			g := e.begin(x, StepSend)
			harm(e, x.Key)
			e.finish(g, Next{Status: s})
			if e.expires(indexKey(x.Key)) {
				t.Errorf("%s, %s: the index entry expires", name, s)
			}
			_, err := e.Retry(e.ctx, x.Key, kim)
			e.must(err)
		}
	}
}

// Where replicas must hold it, nothing is confirmed without them on a cluster either.
func TestClusterWaitReplicas(t *testing.T) {
	t.Parallel()
	rdb, nodes := redistest.StartCluster(t, 1, 1)
	e := envOn(t, rdb, Options{WaitReplicas: 1, WaitTimeout: 5 * time.Second})
	clocktest.WaitFor(t, "the replica is in step", func() bool { return nodes[0].Client(t).Do(t.Context(), "WAIT", 1, 1000).Val() == int64(1) })
	x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-2")
	e.accept(x)
	if e.expires(indexKey(x.Key)) {
		t.Error("the index entry of an accepted one expires")
	}
	e.begin(x, StepSend)
	nodes[1].Kill()
	e.impatient()
	for range 2 {
		_, _, err := e.Accept(e.ctx, y)
		wantErr(t, err, ErrNotReplicated)
	}
	g, err := e.Begin(e.ctx, y)
	wantErr(t, err, ErrNotReplicated)
	if g.Step != 0 {
		t.Errorf("step %d", g.Step)
	}
	if l := e.payment(y).Lease; l == nil || l.Key != y.Key {
		t.Errorf("the intent was not stored: %+v", l)
	}
}

// While a slot is being moved, a write either is done or says so, and is done when it is said again
// after; nothing is lost, nothing is done twice, and other slots notice nothing.
func TestClusterMigration(t *testing.T) {
	t.Parallel()
	rdb, nodes := redistest.StartCluster(t, 2, 0)
	e := envOn(t, rdb, Options{})
	x := stepEntry
	shard := placeOfEntry(x).shard
	var elsewhere Entry
	for i := 0; ; i++ {
		if elsewhere = partial(fmt.Sprint("elsewhere-", i), fmt.Sprint("else-", i)); placeOfEntry(elsewhere).shard != shard {
			break
		}
	}
	e.accept(x)
	g := e.begin(x, StepSend)
	m := newMigration(t, e, nodes, shard)
	m.begin()
	for moved := 0; ; moved++ { // key by key
		_, _, err := e.Accept(e.ctx, partial(fmt.Sprint("meanwhile-", moved), x.OrgTrdNo))
		m.mayWait(err)
		e.accept(partial(fmt.Sprint("other-", moved), elsewhere.OrgTrdNo))
		if !m.moveOne() {
			break
		}
	}
	_, err := e.Finish(e.ctx, g, Attempt{Class: "test"}, cancelled(x))
	m.mayWait(err)
	m.end()
	e.finish(g, cancelled(x))
	if s := e.stand(x); s.Status != Cancelled || s.Sum != 500 || s.Round != 1 {
		t.Errorf("it stands so: %+v", s)
	}
	if told := e.told(); len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
	e.accept(partial("after", x.OrgTrdNo))
	e.begin(partial("after", x.OrgTrdNo), StepSend)
	if got := e.epochs(); got.Raised != 0 {
		t.Errorf("a migration was taken for forgetting: %+v", got)
	}
	t.Logf("%d of the writes to the slot that was being moved were to be repeated", m.waited)
}

// migration moves the slot of a shard from the node that has it to the other one.
type migration struct {
	*env
	from, to     *redis.Client
	fromID, toID string
	slot, toPort int
	waited       int
}

func newMigration(t *testing.T, e *env, nodes []*redistest.Server, shard int) *migration {
	t.Helper()
	m := &migration{env: e, slot: int(e.rdb.ClusterKeySlot(e.ctx, shardStateKey(shard)).Val())}
	m.from, m.to = nodes[0].Client(t), nodes[1].Client(t)
	m.toPort = nodes[1].Port
	if m.slot >= 8192 {
		m.from, m.to, m.toPort = m.to, m.from, nodes[0].Port
	}
	m.fromID, m.toID = m.from.ClusterMyID(e.ctx).Val(), m.to.ClusterMyID(e.ctx).Val()
	return m
}

func (m *migration) begin() {
	m.must(m.to.Do(m.ctx, "CLUSTER", "SETSLOT", m.slot, "IMPORTING", m.fromID).Err())
	m.must(m.from.Do(m.ctx, "CLUSTER", "SETSLOT", m.slot, "MIGRATING", m.toID).Err())
}

// moveOne moves one key, and reports whether there was one.
func (m *migration) moveOne() bool {
	keys := m.from.ClusterGetKeysInSlot(m.ctx, m.slot, 1).Val()
	if len(keys) == 0 {
		return false
	}
	m.must(m.from.Migrate(m.ctx, "127.0.0.1", fmt.Sprint(m.toPort), keys[0], 0, time.Minute).Err())
	return true
}

func (m *migration) end() {
	for _, c := range []*redis.Client{m.to, m.from} {
		m.must(c.Do(m.ctx, "CLUSTER", "SETSLOT", m.slot, "NODE", m.toID).Err())
	}
}

// mayWait fails unless a call was carried out, or refused because its slot is being moved.
func (m *migration) mayWait(err error) {
	m.Helper()
	if err == nil {
		return
	}
	if !strings.Contains(err.Error(), "TRYAGAIN") {
		m.Errorf("while its slot is moved: %v", err)
	}
	m.waited++
}
