//go:build partition

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/config"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/events"
)

// TestPartition cuts the network between a master with a worker, which relays the events, and the
// replicas with another worker. Both reach the gateway all the while. The sentinels let a replica take
// over. With REDIS_WAIT_REPLICAS the old master's side tells nothing that the new one does not have;
// without, the test shows what that costs, and demands nothing but that nothing is lost.
func TestPartition(t *testing.T) {
	for _, replicas := range []int{1, 0} {
		t.Run(fmt.Sprintf("REDIS_WAIT_REPLICAS=%d", replicas), func(t *testing.T) { partition(t, replicas) })
	}
}

func partition(t *testing.T, replicas int) {
	a, b := newSides(t, string(rune('a'+replicas)))
	a.redis(masterPort, a)
	b.redis(masterPort, a)
	b.redis(masterPort+1, a)
	c := &chaos{count: setting("PARTITION_COUNT", 400), rand: rand.New(rand.NewPCG(1, 0))}
	old, ahead := a.client(masterPort), b.client(masterPort)
	var gateway string
	c.plant, gateway = newPartitionPlant(t, a, b, replicas)
	c.until("the replicas follow, and the sentinels know each other", time.Minute, func() bool {
		return strings.Contains(old.Info(context.Background(), "replication").Val(), "connected_slaves:2") && sentinelsKnow(a, b)
	})
	c.prepare()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*side{a, b} {
		s.start(append(c.environ, "SETTLEBANK_BASE_URL=http://"+net.JoinHostPort(s.gateway, gateway)), path, "worker")
	}
	var producers sync.WaitGroup
	for i := range 4 {
		producers.Go(func() { c.produce(i, 4) })
	}
	c.until("some are carried out", time.Minute, func() bool { return c.sim.Stats().Effects >= c.count/4 })
	a.cut()
	c.until("a replica leads", time.Minute, func() bool { return leads(ahead) || leads(b.client(masterPort+1)) })
	producers.Wait()
	open := func() bool {
		n, _, err := c.client.Ledger().Counts(context.Background())
		return err == nil && n == 0
	}
	c.until("nothing is open on the new master's side", 5*time.Minute, open)
	told := c.events(old) // while the old master is on its own
	a.heal()
	c.until("the old master follows", time.Minute, func() bool { return !leads(old) })
	c.until("nothing is open", 5*time.Minute, open)
	leader := ahead
	if !leads(ahead) {
		leader = b.client(masterPort + 1)
	}
	alone := c.compareTold(told, c.events(leader), replicas > 0)
	t.Logf("the old side had told %d events when it was found again; of %d the new one says something else, or nothing", len(told), alone)
	if replicas > 0 {
		c.compare(0, 1)
		return
	}
	t.Log(c.sim.Stats().Effects, "effects, where", len(c.cancellations), "cancellations were asked for")
	for _, x := range c.cancellations {
		if _, err := c.client.Ledger().Get(context.Background(), x.IdempotencyKey); err != nil {
			t.Errorf("lost: %v", err)
		}
	}
}

// newPartitionPlant returns a gateway that both sides reach, with its port, and a producer on side b.
func newPartitionPlant(t *testing.T, a, b *side, replicas int) (p *plant, port string) {
	t.Helper()
	p = &plant{TB: t}
	var err error
	if p.sim, err = simulator.New(simulator.Options{Latency: 100 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p.sim, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	sentinel := func(s *side, port int) string { return net.JoinHostPort(s.address, fmt.Sprint(port+sentinelOffset)) }
	p.environ = []string{"REDIS_URL=redis-sentinel://" + strings.Join([]string{sentinel(a, masterPort), sentinel(b, masterPort), sentinel(b, masterPort+1)}, ",") +
		"/0?master=settlecancel", fmt.Sprintf("REDIS_WAIT_REPLICAS=%d", replicas), "SETTLEBANK_TIMEOUT=1s", "SETTLEBANK_CONNECT_TIMEOUT=500ms",
		"SETTLEBANK_VERIFY_AFTER=1s", "RETRY_INITIAL=100ms", "RETRY_CAP=2s", "OPS_ADDR=127.0.0.1:0", "LOG_LEVEL=error", "LOG_FORMAT=text", "WORKER_CONCURRENCY=8"}
	cfg, err := config.Load(p.environ)
	if err != nil {
		t.Fatal(err)
	}
	o := cfg.RedisOptions()
	o.Dialer = b.dial
	rdb := redis.NewUniversalClient(o)
	t.Cleanup(func() { _ = rdb.Close() })
	p.client = (&installation{cfg: cfg, rdb: rdb}).newClient()
	return p, port
}

func sentinelsKnow(a, b *side) bool {
	for _, at := range []struct {
		*side
		port int
	}{{a, masterPort}, {b, masterPort}, {b, masterPort + 1}} {
		c := redis.NewSentinelClient(&redis.Options{Addr: net.JoinHostPort(at.address, fmt.Sprint(at.port+sentinelOffset)), Dialer: at.dial})
		m := c.Master(context.Background(), "settlecancel").Val()
		_ = c.Close()
		if m["num-slaves"] != "2" || m["num-other-sentinels"] != "2" {
			return false
		}
	}
	return true
}

func leads(rdb *redis.Client) bool {
	return strings.Contains(rdb.Info(context.Background(), "replication").Val(), "role:master")
}

// events returns what one Redis has told, by id.
func (c *chaos) events(rdb redis.UniversalClient) map[string]events.Event {
	c.Helper()
	told := map[string]events.Event{}
	for e, err := range events.Read(context.Background(), rdb, time.Time{}, time.Time{}) {
		if err != nil {
			c.Fatal(err)
		}
		told[e.ID] = e
	}
	return told
}

// compareTold counts the events of the old master's side that the new one does not tell, under the same
// id and with the same outcome.
func (c *chaos) compareTold(old, now map[string]events.Event, strict bool) (alone int) {
	c.Helper()
	for id, e := range old {
		if now[id].Data.Status == e.Data.Status {
			continue
		}
		if alone++; strict {
			c.Errorf("the old side told %s of %s (%s), and the new one %q", e.Type, e.Data.IdempotencyKey, id, now[id].Type)
		}
	}
	return alone
}
