package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

func TestWell(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	found := p.examine()
	found.wantNoWorse(OK, "workers") // nobody is at work, and nothing waits
	found.want("workers", Note, "nothing waits", "settlecancel worker")
	found.want("redis", OK, "master", "")
	found.want("redis-persistence", OK, "appendfsync always", "")
	found.want("redis-memory", OK, "of 512.0 MiB", "")
	found.want("clock", OK, "Redis", "")
	found.want("clock", OK, "SettleBank", "")
	found.want("merchants", OK, "shop: known to SettleBank", "")
	found.want("settings", OK, "21h25m", "")
	var order []string
	for _, f := range found.all {
		if len(order) == 0 || order[len(order)-1] != f.Check {
			order = append(order, f.Check)
		}
	}
	want := []string{"redis", "redis-writes", "redis-persistence", "redis-memory", "redis-replicas", "clock", "gateway", "clock",
		"protocol", "merchants", "keys", "workers", "open", "events", "pauses", "queues", "webhooks", "dead-letters", "forgotten", "retention", "settings"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	// What proved that Redis takes writes does not stay.
	if ttl := p.rdb.PTTL(context.Background(), probeKey).Val(); ttl == -1 {
		t.Error("the probe never expires")
	}
}

// The Redis that we ship is a safe one.
func TestShippedRedis(t *testing.T) {
	t.Parallel()
	conf, err := filepath.Abs("../../../config/redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	p := patientOn(t, redistest.Start(t, redistest.Options{Config: conf}))
	p.examine().wantNoWorse(Note)
}

func TestRedisSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set         map[string]string
		wait        int
		check       string
		level       Level
		says, mends string
	}{
		"ErrEviction":     {map[string]string{"maxmemory-policy": "allkeys-lru"}, 0, "redis-memory", Danger, "allkeys-lru", "noeviction"},
		"NoteMaxmemory":   {map[string]string{"maxmemory": "0"}, 0, "redis-memory", Note, "maxmemory is not set", "set maxmemory"},
		"ErrFull":         {map[string]string{"maxmemory": "500kb"}, 0, "redis-memory", Danger, "of 500.0 KiB", "LEDGER_RETENTION"},
		"ErrFullRefuses":  {map[string]string{"maxmemory": "100kb"}, 0, "redis-writes", Danger, "OOM", "maxmemory"},
		"ErrEverysec":     {map[string]string{"appendfsync": "everysec"}, 0, "redis-persistence", Danger, "up to a second", "appendfsync always"},
		"NoteEverysec":    {map[string]string{"appendfsync": "everysec"}, 1, "redis-persistence", Note, "1 replica has a copy", "appendfsync always"},
		"ErrNoSync":       {map[string]string{"appendfsync": "no"}, 1, "redis-persistence", Danger, "half a minute", "appendfsync always"},
		"ErrNoSyncThen":   {map[string]string{"no-appendfsync-on-rewrite": "yes"}, 0, "redis-persistence", Danger, "while the append-only file is rewritten", "no-appendfsync-on-rewrite no"},
		"ErrNothing":      {map[string]string{"appendonly": "no", "save": ""}, 0, "redis-persistence", Danger, "writes nothing to disk", "while it runs, CONFIG SET appendonly yes"},
		"ErrSnapshots":    {map[string]string{"appendonly": "no", "save": "3600 1"}, 2, "redis-persistence", Danger, "snapshots alone", "do not restart it to switch them on"},
		"ErrMinReplicas":  {map[string]string{"min-replicas-to-write": "1"}, 0, "redis-replicas", Danger, "refuses writes", "min-replicas-to-write"},
		"ErrMinRefuses":   {map[string]string{"min-replicas-to-write": "1"}, 0, "redis-writes", Danger, "NOREPLICAS", "replicas back"},
		"ErrWaitReplicas": {nil, 2, "redis-replicas", Danger, "0 replicas in step, REDIS_WAIT_REPLICAS demands 2", "bring the replicas back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			for name, value := range c.set {
				p.set(name, value)
			}
			p.o.Settings.WaitReplicas = c.wait
			p.examine().want(c.check, c.level, c.says, c.mends)
		})
	}
}

// A snapshot fails because its folder is gone.
func TestFailedSnapshot(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.set("appendonly", "no")
	p.set("save", "3600 1")
	p.must(os.RemoveAll(p.rdb.ConfigGet(context.Background(), "dir").Val()["dir"]))
	p.must(p.rdb.BgSave(context.Background()).Err())
	clocktest.WaitFor(t, "the snapshot has failed", func() bool {
		return fields(p.rdb.Info(context.Background(), "persistence").Val())["rdb_last_bgsave_status"] == "err"
	})
	found := p.examine()
	found.want("redis-persistence", Danger, "last snapshot failed, so it refuses writes", "disk space")
	found.want("redis-writes", Danger, "MISCONF", "disk space")
	p.set("stop-writes-on-bgsave-error", "no")
	p.examine().want("redis-persistence", Danger, "goes on nevertheless", "disk space")
}

// What a managed Redis does not let us see is said, and INFO is read instead.
func TestConfigDenied(t *testing.T) {
	t.Parallel()
	p := newPatient(t, "--maxmemory-policy", "volatile-ttl")
	p.must(p.rdb.Do(context.Background(), "ACL", "SETUSER", "tenant", "on", ">tenant-password", "~*", "&*", "+@all", "-config").Err())
	p.o.Redis = redis.NewClient(&redis.Options{Addr: p.redis.Addr(), Username: "tenant", Password: "tenant-password"})
	t.Cleanup(func() { _ = p.o.Redis.Close() })
	found := p.examine()
	found.want("redis", Note, "CONFIG is not permitted (NOPERM", "appendfsync must be always")
	found.want("redis-persistence", Note, "cannot be seen", "appendfsync always")
	found.want("redis-memory", Danger, "volatile-ttl", "noeviction")
	found.wantNoWorse(Note, "redis-memory")
	p.set("appendonly", "no")
	p.examine().want("redis-persistence", Danger, "writes no append-only file", "appendonly yes")
}

func TestNoPermission(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.must(p.rdb.Do(context.Background(), "ACL", "SETUSER", "reader", "on", ">reader-password", "~*", "&*", "+@all", "-eval", "-info", "-time").Err())
	p.o.Redis = redis.NewClient(&redis.Options{Addr: p.redis.Addr(), Username: "reader", Password: "reader-password"})
	t.Cleanup(func() { _ = p.o.Redis.Close() })
	found := p.examine()
	found.want("redis-writes", Danger, "NOPERM", "let its user run scripts and write keys that begin with settlecancel:, asynq: and rate:settlecancel:")
	found.want("redis", Note, "does not tell its version", "6.2")
	found.want("clock", Note, "cannot be read", "TIME")
	found.want("redis-memory", Note, "does not tell its maxmemory-policy", "noeviction")
}

// A Redis that refuses connections, and one that takes them and says nothing, are found, and
// nothing else is asked of them.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	p := newPatient(t)
	p.redis.Kill()
	for name, addr := range map[string]string{"killed": p.redis.Addr(), "silent": silent.Addr().String()} {
		rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1})
		t.Cleanup(func() { _ = rdb.Close() })
		q := &patient{TB: t, o: p.o}
		q.o.Redis, q.o.Client = rdb, tasks.NewClient(rdb, tasks.ClientOptions{})
		if name == "silent" {
			q.o.Timeout = 200 * time.Millisecond
		}
		found := q.examine()
		found.want("redis", Danger, "no Redis at", "REDIS_URL")
		found.want("merchants", OK, "known", "")
		found.wantNoWorse(OK, "redis")
		if name == "killed" {
			found.want("redis", Danger, "connection refused", "start it")
		}
		for _, f := range found.all {
			if f.Check == "queues" || f.Check == "open" {
				t.Errorf("%s: asked in vain: %+v", name, f)
			}
		}
	}
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	p := newPatient(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.Start(t, redistest.Options{Args: []string{"--replicaof", "127.0.0.1", fmt.Sprint(p.redis.Port)}})
	online := func(n int) {
		clocktest.WaitFor(t, fmt.Sprintf("%d replicas", n), func() bool {
			return node{info: fields(p.rdb.Info(context.Background(), "replication").Val())}.inStep() == n
		})
	}
	online(1)
	p.examine().want("redis-replicas", Note, "1 replica, and none is waited for", "REDIS_WAIT_REPLICAS=1")
	p.o.Settings.Failover = true
	p.examine().want("redis-replicas", Danger, "may be promoted", "REDIS_WAIT_REPLICAS=1")
	p.o.Settings.WaitReplicas = 1
	p.examine().want("redis-replicas", Note, "min-replicas-to-write 0", "min-replicas-to-write 1")
	p.set("min-replicas-to-write", "1")
	p.examine().want("redis-replicas", OK, "1 replica in step, 1 demanded", "")

	// REDIS_URL leads to the replica.
	q := patientOn(t, replica)
	found := q.examine()
	found.want("redis", Danger, "is a replica", "redis-sentinel://")
	found.want("redis-writes", Danger, "READONLY", "name the master")
	found.want("redis-persistence", Note, "(it is a replica)", "appendonly yes")

	replica.Kill()
	online(0)
	p.examine().want("redis-replicas", Danger, "0 replicas in step, min-replicas-to-write demands 1", "bring the replicas back")
}

func TestCluster(t *testing.T) {
	t.Parallel()
	server := redistest.StartNode(t, safe...)
	p := patientOn(t, server)
	p.must(p.rdb.ClusterAddSlotsRange(context.Background(), 0, 16383).Err())
	state := func(want string) {
		clocktest.WaitFor(t, "the cluster's state is "+want, func() bool {
			return fields(p.rdb.ClusterInfo(context.Background()).Val())["cluster_state"] == want
		})
	}
	state("ok")
	p.examine().want("redis", Danger, "is a node of a cluster", "redis-cluster://")

	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr()}})
	t.Cleanup(func() { _ = cluster.Close() })
	p.o.Redis, p.o.Client = cluster, tasks.NewClient(cluster, tasks.ClientOptions{})
	found := p.examine()
	found.want("redis", OK, fmt.Sprintf(":%d: Redis", server.Port), "")
	found.want("redis-cluster", OK, "all 16384 hash slots", "")
	found.wantNoWorse(OK, "workers")

	p.must(p.rdb.ClusterDelSlotsRange(context.Background(), 16000, 16383).Err())
	state("fail")
	p.examine().want("redis-cluster", Danger, "16000 of 16384 hash slots", "--cluster fix")
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][2]bool{
		"6.0.16": {true, true}, "5.0.14": {true, true}, "6.2.0": {false, true}, "7.0.15": {false, true}, "10.0": {false, true}, "": {true, false}, "unstable": {true, false},
	} {
		if old, told := tooOld(version); told != want[1] || (told && old != want[0]) {
			t.Errorf("%q: %v, %v", version, old, told)
		}
	}
	x := &examiner{Options: Options{Redis: &redis.Client{}}}
	s := &sheet{check: "redis"}
	x.kind(s, node{addr: "old", info: map[string]string{"redis_version": "6.0.16"}})
	findings{t, s.findings}.want("redis", Danger, "old is Redis 6.0.16", "6.2 or later")
}

// What no test brings about in a real server is read from INFO's fields.
func TestBadSigns(t *testing.T) {
	t.Parallel()
	x := &examiner{Options: Options{Now: time.Now}, survey: survey{nodes: []node{
		{addr: "a", ping: time.Second, info: map[string]string{"redis_version": "7.2.4", "role": "master", "aof_enabled": "1", "aof_last_write_status": "err",
			"aof_last_bgrewrite_status": "err", "evicted_keys": "3", "maxmemory_policy": "noeviction", "maxmemory": "100", "used_memory": "80"}},
		{addr: "b", err: errors.New("i/o timeout")},
	}}}
	s := &sheet{check: "redis"}
	x.reach(context.Background(), s)
	x.persistence(context.Background(), s)
	x.memory(context.Background(), s)
	found := findings{t, s.findings}
	found.want("redis", Note, "a round trip takes 1s", "closer")
	found.want("redis", Danger, "no Redis at b: i/o timeout", "REDIS_URL")
	found.want("redis", Danger, "last write to the append-only file failed", "disk space")
	found.want("redis", Danger, "last rewrite of the append-only file failed", "disk space")
	found.want("redis", Danger, "has deleted 3 keys", "reconcile")
	found.want("redis", Note, "80 bytes of 100 bytes", "more memory")
}
