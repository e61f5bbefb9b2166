package redistest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
)

// masterName is what the sentinels call the master.
const masterName = "settlecancel"

// sentinelConfig makes a sentinel notice within a second that the master is gone. A second one has
// to agree.
const sentinelConfig = `sentinel monitor %[1]s 127.0.0.1 %[2]d 2
sentinel down-after-milliseconds %[1]s 1000
sentinel failover-timeout %[1]s 3000
`

// Failover is a master with its replicas, and three sentinels that let a replica take over where
// the master is gone.
type Failover struct {
	Nodes     []*Server // the first one is the master at the start
	Sentinels []*Server
}

// StartFailover starts a master with so many replicas, all with the same options, and the
// sentinels. It returns once the replicas are in step and every sentinel knows of all the others,
// so that a failover can happen.
func StartFailover(t testing.TB, replicas int, o Options) *Failover {
	t.Helper()
	args := append(o.Args[:len(o.Args):len(o.Args)], "--repl-diskless-sync-delay", "0")
	o.Args = args
	master := Start(t, o)
	f := &Failover{Nodes: []*Server{master}}
	for range replicas {
		o.Args = append(args[:len(args):len(args)], "--replicaof", "127.0.0.1", strconv.Itoa(master.Port))
		f.Nodes = append(f.Nodes, Start(t, o))
	}
	rdb := master.Client(t)
	clocktest.WaitFor(t, "the replicas are in step", func() bool {
		return rdb.Do(context.Background(), "WAIT", replicas, 1000).Val() == int64(replicas)
	})
	for range 3 {
		path := filepath.Join(t.TempDir(), "sentinel.conf")
		if err := os.WriteFile(path, fmt.Appendf(nil, sentinelConfig, masterName, master.Port), 0o600); err != nil {
			t.Fatal(err)
		}
		f.Sentinels = append(f.Sentinels, Start(t, Options{Config: path, Args: []string{"--sentinel"}}))
	}
	for _, s := range f.Sentinels {
		clocktest.WaitFor(t, "each sentinel knows of all others", func() bool {
			m := s.master()
			return m["num-slaves"] == strconv.Itoa(replicas) && m["num-other-sentinels"] == strconv.Itoa(len(f.Sentinels)-1)
		})
	}
	return f
}

// URL returns the sentinels' addresses as a redis-sentinel:// URL.
func (f *Failover) URL() string {
	addrs := make([]string, len(f.Sentinels))
	for i, s := range f.Sentinels {
		addrs[i] = s.Addr()
	}
	return "redis-sentinel://" + strings.Join(addrs, ",") + "/0?master=" + masterName
}

// Successor waits until the sentinels agree on another master than the one before, and answers it.
func (f *Failover) Successor(t testing.TB, before *Server) *Server {
	t.Helper()
	var agreed string
	clocktest.WaitFor(t, "the sentinels agree on another master", func() bool {
		agreed = f.Sentinels[0].master()["port"]
		for _, s := range f.Sentinels[1:] {
			if s.master()["port"] != agreed {
				return false
			}
		}
		return agreed != "" && agreed != strconv.Itoa(before.Port)
	})
	for _, n := range f.Nodes {
		if strconv.Itoa(n.Port) == agreed {
			return n
		}
	}
	t.Fatalf("the sentinels agree on a foreign master at port %s", agreed)
	return nil
}

// master returns what a sentinel knows of the master.
func (s *Server) master() map[string]string {
	c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr()})
	defer c.Close()
	return c.Master(context.Background(), masterName).Val()
}
