package redistest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
)

const slots = 16384

// StartNode starts a node that belongs to no cluster yet. Its bus listens 10000 above its port.
func StartNode(t testing.TB, args ...string) *Server {
	t.Helper()
	for range 100 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if port > 50000 {
			port -= 20000 // below the ports that the system hands out
		}
		bus, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+10000)))
		if err != nil {
			continue
		}
		_ = bus.Close()
		s, err := Run(t.TempDir(), Options{Port: port, Args: append([]string{"--cluster-enabled", "yes"}, args...)})
		if err == nil {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatal("redistest: no two free ports 10000 apart")
	return nil
}

// StartCluster makes one of so many masters, each with its share of the slots, and of replicas,
// dealt out to them one by one: the first replica follows the first master. It returns once all
// know of each other.
func StartCluster(t testing.TB, masters, replicas int) (*redis.ClusterClient, []*Server) {
	t.Helper()
	ctx := context.Background()
	nodes := make([]*Server, masters+replicas)
	clients := make([]*redis.Client, len(nodes))
	addrs := make([]string, len(nodes))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range nodes {
		nodes[i] = StartNode(t, "--repl-diskless-sync-delay", "0", "--cluster-node-timeout", "2000")
		clients[i], addrs[i] = nodes[i].Client(t), nodes[i].Addr()
		must(clients[i].Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
		must(clients[i].ClusterMeet(ctx, "127.0.0.1", strconv.Itoa(nodes[0].Port)).Err())
	}
	for i, c := range clients[:masters] {
		must(c.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err())
	}
	for i, c := range clients[masters:] {
		master := clients[i%masters].ClusterMyID(ctx).Val()
		clocktest.WaitFor(t, "a replica knows its master", func() bool { return c.ClusterReplicate(ctx, master).Err() == nil })
	}
	for _, c := range clients {
		clocktest.WaitFor(t, "the cluster is up", func() bool {
			info := c.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", len(nodes)))
		})
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb, nodes
}
