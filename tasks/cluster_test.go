package tasks_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger/redistest"
)

// clusterNode starts a node that belongs to no cluster yet. Its bus listens 10000 above its port.
func clusterNode(t *testing.T) *redistest.Server {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port > 50000 {
			port -= 20000 // below the ports that the system hands out
		}
		s, err := redistest.Run(t.TempDir(), redistest.Options{Port: port, Args: []string{"--cluster-enabled", "yes"}})
		if err == nil {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatal("no two free ports 10000 apart")
	return nil
}

// cluster makes one of two masters.
func cluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	const slots = 16384
	nodes := [2]*redistest.Server{clusterNode(t), clusterNode(t)}
	for i, node := range nodes {
		rdb := node.Client(t)
		for _, err := range []error{
			rdb.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(),
			rdb.ClusterMeet(t.Context(), "127.0.0.1", strconv.Itoa(nodes[0].Port)).Err(),
			rdb.ClusterAddSlotsRange(t.Context(), i*slots/2, (i+1)*slots/2-1).Err(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, node := range nodes { // foreign processes, so there is nothing to wait on
		for rdb := node.Client(t); ; {
			info := rdb.ClusterInfo(ctx).Val()
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2") {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("no cluster: %s", info)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Addr()}})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// On a Redis Cluster a pipeline goes to several nodes, each of which has to learn the scripts.
func TestEnqueueManyCluster(t *testing.T) {
	t.Parallel()
	rdb := cluster(t)
	client := tasks.NewClient(rdb, tasks.ClientOptions{})
	all := partials(120)
	for i := range all {
		all[i].Queue = []string{tasks.QueueUrgent, tasks.QueueDefault, tasks.QueueBulk}[i%3]
	}
	for _, replayed := range []bool{false, true} {
		for i, o := range client.EnqueueMany(t.Context(), all) {
			if o.Err != nil || o.Receipt.Replayed != replayed {
				t.Fatalf("%d: %+v", i, o)
			}
		}
	}
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	for queue := range tasks.Queues() {
		if info, err := inspector.GetQueueInfo(queue); err != nil || info.Pending != len(all)/3 {
			t.Errorf("queue %s: %+v, %v", queue, info, err)
		}
	}
	if queues, err := inspector.Queues(); err != nil || len(queues) != 3 {
		t.Errorf("queues %q, %v", queues, err)
	}
}
