package ledger

import (
	"fmt"
	"testing"
	"time"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

// On a Redis Cluster each script stays within one slot, whichever nodes the transactions lie on.
func TestCluster(t *testing.T) {
	t.Parallel()
	rdb, nodes := redistest.StartCluster(t, 3, 0)
	e := envOn(t, rdb, Options{})
	const n = 60
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = partial(fmt.Sprintf("refund-%d", i), fmt.Sprintf("pay-%d", i))
	}
	answers, err := e.AcceptMany(e.ctx, entries)
	e.must(err)
	for i, a := range answers {
		if a.Err != nil || a.Known || a.Record.Key != entries[i].Key {
			t.Fatalf("%d: %+v", i, a)
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
			e.wantStand(x, stand{Status: Cancelled, Attempts: []string{"request 0s 1s test"}, Sum: 500, Round: 2, Expires: true, Index: true})
		case 1:
			e.finish(g, rejectedCode)
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
		if i%2 == 0 {
			_, err = e.Retry(e.ctx, key, kim)
		} else {
			_, err = e.Resolve(e.ctx, key, as(Cancelled))
		}
		e.must(err)
	}
	if open, dead, err := e.Counts(e.ctx); open != n/2 || dead != 0 || err != nil || len(keys) != n/3 {
		t.Errorf("after the office: %d open, %d dead, %v; %d listed", open, dead, err, len(keys))
	}
}

// The transaction and the index entry lie on nodes of their own, and each must be held by replicas.
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
	e.opts.WaitTimeout = 50 * time.Millisecond
	for range 2 {
		_, _, err := e.Accept(e.ctx, y)
		wantErr(t, err, ErrNotReplicated)
	}
	g, err := e.Begin(e.ctx, y)
	wantErr(t, err, ErrNotReplicated)
	if g.Step != StepSend {
		t.Errorf("step %d", g.Step)
	}
	if l := e.raw(y).L; l == nil || l.K != y.Key {
		t.Errorf("the intent was not stored: %+v", l)
	}
}
