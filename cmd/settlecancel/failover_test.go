package main

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// TestFailover is TestChaos with a Redis that has replicas: a master is killed while half of the
// cancellations are carried out, and the other half is enqueued into the gap. A replica takes over,
// and then the old master comes back.
func TestFailover(t *testing.T) {
	t.Parallel()
	t.Run("Sentinel", func(t *testing.T) {
		t.Parallel()
		f := redistest.StartFailover(t, 2, shipped("--min-replicas-to-write", "1"))
		o, master := newOutage(t, f.URL()), f.Nodes[0]
		o.produce(2, 3)
		master.Kill()
		f.Successor(t, master)
		o.restart(master) // and the sentinels make a replica of it
		o.settle()
	})
	t.Run("Sentinel, the master ahead of its replica", getAhead)
	t.Run("Cluster", func(t *testing.T) {
		t.Parallel()
		rdb, nodes := redistest.StartCluster(t, 3, 3)
		o, master, replica := newOutage(t, clusterURL(rdb)), nodes[0], nodes[3].Client(t)
		o.produce(2, 3)
		master.Kill()
		o.until("the replica leads", time.Minute, func() bool {
			return strings.Contains(replica.Info(context.Background(), "replication").Val(), "role:master")
		})
		o.restart(master) // and it follows the one that leads
		o.settle()
	})
}

// getAhead loses a master that holds what its replica does not. That was neither confirmed nor
// sent; without REDIS_WAIT_REPLICAS it would be lost, or sent twice.
func getAhead(t *testing.T) {
	t.Parallel()
	f := redistest.StartFailover(t, 1, shipped())
	o, master, replica := newOutage(t, f.URL()), f.Nodes[0], f.Nodes[1]
	there := ledger.New(master.Client(t), ledger.Options{})
	replica.Kill()
	o.produce(2, 3)
	o.until("the master holds what the replica does not", time.Minute, func() bool {
		_, err := there.Get(context.Background(), o.cancellations[2].IdempotencyKey)
		return err == nil
	})
	master.Kill()
	o.restart(replica)
	next := f.Successor(t, master)
	o.restart(master)
	// The sentinels would do the same, ten seconds later.
	o.must(master.Client(t).ReplicaOf(context.Background(), "127.0.0.1", strconv.Itoa(next.Port)).Err())
	o.settle()
}

// shipped is a Redis with the settings that ship, and some more.
func shipped(args ...string) redistest.Options {
	return redistest.Options{Config: "../../config/redis.conf", Args: args}
}

// clusterURL returns what REDIS_URL says of a cluster.
func clusterURL(rdb *redis.ClusterClient) string {
	return "redis-cluster://" + strings.Join(rdb.Options().Addrs, ",")
}

// outage is a chaos at half of its work, in which a master is about to be killed.
type outage struct {
	*chaos
	seed      int
	begun     time.Time
	workers   []*process
	producers sync.WaitGroup
}

func newOutage(t *testing.T, redisURL string) *outage {
	seed := setting("CHAOS_SEED", 1)
	o := &outage{begun: time.Now(), seed: seed}
	o.chaos = &chaos{count: 200, restarts: 1, rand: rand.New(rand.NewPCG(uint64(seed), 0))}
	o.plant = plantOn(t, redisURL, simulator.Options{FaultRate: 0.2, Seed: uint64(seed), InquiryFaults: true},
		"REDIS_WAIT_REPLICAS=1", "SETTLEBANK_TIMEOUT=1s", "SETTLEBANK_CONNECT_TIMEOUT=500ms", "SETTLEBANK_VERIFY_AFTER=1s",
		"RETRY_INITIAL=100ms", "RETRY_CAP=2s", "LOG_LEVEL=error")
	o.prepare()
	o.workers = []*process{o.start("worker"), o.start("worker")}
	o.produce(0, 1)
	o.until("some cancellations have been applied", time.Minute, func() bool { return o.sim.Stats().Effects >= o.count/8 })
	return o
}

// produce lets some of four producers begin.
func (o *outage) produce(which ...int) {
	for _, i := range which {
		o.producers.Go(func() { o.chaos.produce(i, 4) })
	}
}

func (o *outage) restart(s *redistest.Server) {
	o.Helper()
	o.must(s.Restart())
}

func (o *outage) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// settle waits until all is accepted and done, and looks at what came of it. The workers have lived
// through it.
func (o *outage) settle() {
	o.Helper()
	o.producers.Wait()
	o.until("nothing is open", 5*time.Minute, func() bool {
		open, _, err := o.client.Ledger().Counts(context.Background())
		return err == nil && open == 0
	})
	o.until("nothing is on its way in the gateway", time.Minute, func() bool { return o.sim.Stats().Idle() })
	o.compare(time.Since(o.begun), o.seed)
	for _, w := range o.workers {
		select {
		case err := <-w.done:
			w.done <- err
			o.Errorf("a worker ended: %v\n%s", err, w.log)
		default:
		}
	}
}
