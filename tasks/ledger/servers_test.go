package ledger

import (
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

// meeting is a process of its own on a server, which meets it.
func meeting(t *testing.T, s *redistest.Server, o redis.Options) (*env, *Servers) {
	t.Helper()
	clock := clocktest.New(start)
	servers := NewServers(slog.New(slog.DiscardHandler))
	servers.now = clock.Now
	o.Addr, o.OnConnect = s.Addr(), servers.Meet
	rdb := redis.NewClient(&o)
	t.Cleanup(func() { _ = rdb.Close() })
	e := envOn(t, rdb, Options{Inquiry: true, Servers: servers})
	e.clock = clock
	e.opts.Now, e.store.opts.Now = clock.Now, clock.Now
	e.store.call(":" + newID()[:8]) // as a process that watches
	return e, servers
}

// again makes one more connection.
func again(e *env) {
	e.Helper()
	o := *e.plain().Options()
	rdb := redis.NewClient(&o)
	defer rdb.Close()
	e.must(rdb.Ping(e.ctx).Err())
}

func (e *env) plain() *redis.Client {
	client, ok := e.rdb.(*redis.Client)
	if !ok {
		e.Fatalf("a %T", e.rdb)
	}
	return client
}

// Redis dies and comes back without an intent that it had confirmed. Who knows of no missing write
// waits until the one who was told of it has looked.
func TestQuietAfterRestart(t *testing.T) {
	t.Parallel()
	server := ownServer(t, "--appendonly", "yes", "--appendfsync", "always")
	a, _ := meeting(t, server, redis.Options{})
	b, _ := meeting(t, server, redis.Options{})
	x := partial("refund-1", "pay-1")
	a.accept(x)
	b.get(x.Key)
	_, err := a.Seed(a.ctx, x.MchtID, x.OrgTrdNo, 0, 0)
	a.must(err)
	old := server.Copy(t)
	a.begin(x, StepSend) // it is on the wire from now on
	server.Kill()
	server.PutBack(t, old)
	a.must(server.Restart())

	for range 3 { // on the connection that finds it, and later
		g, err := b.Begin(b.ctx, x)
		if err == nil && g.Step == StepWait && g.Wait > 0 && g.Wait <= quietFor {
			continue
		}
		if !errors.Is(err, errReplaced) || g.Step != 0 {
			t.Fatalf("granted %v, %v, while a request may be on the wire", g.Step, err)
		}
	}
	a.must(a.Notice(a.ctx))
	b.nowadays()
	b.clock.Advance(quietFor)
	if g := b.begin(x, StepWait); g.Wait <= quietFor {
		t.Errorf("wait %v: what was forgotten may be on the wire", g.Wait)
	}
}

// A process that starts after Redis was restarted waits, too, until one that lived before has looked
// or the time is over.
func TestArrive(t *testing.T) {
	t.Parallel()
	server := ownServer(t, "--appendonly", "yes", "--appendfsync", "always")
	sign := func(e *env) {
		t.Helper()
		_, err := e.sign(e.ctx, "")
		e.must(err)
	}
	start := func(want time.Duration) *env {
		t.Helper()
		e, servers := meeting(t, server, redis.Options{})
		e.must(e.Arrive(e.ctx))
		if rest := servers.rest(); rest != want {
			t.Errorf("nothing is granted for %v, want %v", rest, want)
		}
		return e
	}
	a := start(0) // nobody has signed: a new installation
	sign(a)
	start(0)
	server.Kill()
	a.must(server.Restart())
	again(a)
	b := start(quietFor)
	sign(a) // too early, nothing is signed
	sign(b)
	start(quietFor)
	a.clock.Advance(quietFor)
	sign(a)
	start(0)
}

// An intent that was stored while Redis was found to be another one is taken back, also after Redis
// has forgotten writes once: nothing was sent, and nothing is in doubt.
func TestReplacedIsTakenBack(t *testing.T) {
	t.Parallel()
	server := ownServer(t, "--appendonly", "yes", "--appendfsync", "always")
	e, _ := meeting(t, server, redis.Options{})
	e.must(e.Recover(e.ctx, kim))
	e.must(e.Notice(e.ctx))
	e.clock.Advance(e.opts.Caution)
	x := full("refund-1", "pay-1")
	e.accept(x)
	server.Kill()
	e.must(server.Restart())
	g, err := e.Begin(e.ctx, x)
	if wantErr(t, err, errReplaced); e.get(x.Key).Status != Sending {
		t.Fatal("no intent was stored")
	}
	_, err = e.Finish(e.ctx, g, Attempt{Class: Unsent}, Next{Status: Queued})
	if r := e.get(x.Key); err != nil || r.Status != Queued || r.Doubted {
		t.Errorf("%v: %s, doubted %v", err, r.Status, r.Doubted)
	}
}

// One server stays the same however many connections it has. One that was restarted, that was a
// replica meanwhile, or that took the place of another is met anew.
func TestMeet(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(e *env, s *redistest.Server){
		"restarted": func(e *env, s *redistest.Server) { s.Kill(); e.must(s.Restart()) },
		"was a replica": func(e *env, s *redistest.Server) {
			other := ownServer(e.TB, "--repl-diskless-sync-delay", "0")
			e.must(e.plain().ReplicaOf(e.ctx, "127.0.0.1", strconv.Itoa(other.Port)).Err())
			for e.rdb.InfoMap(e.ctx, "replication").Item("Replication", "master_link_status") != "up" {
				runtime.Gosched()
			}
			again(e) // it may be asked
			e.must(e.plain().ReplicaOf(e.ctx, "NO", "ONE").Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := ownServer(t)
			e, servers := meeting(t, server, redis.Options{})
			for range 5 {
				again(e)
			}
			if rest := servers.rest(); rest != 0 {
				t.Fatalf("the same server: nothing is granted for %v", rest)
			}
			change(e, server)
			again(e)
			if rest := servers.rest(); rest != quietFor {
				t.Errorf("nothing is granted for %v, want %v", rest, quietFor)
			}
			e.clock.Advance(quietFor)
			again(e)
			if rest := servers.rest(); rest != 0 {
				t.Errorf("met again: nothing is granted for %v", rest)
			}
		})
	}
}

// The nodes of a cluster are met one by one when a process starts.
func TestMeetMany(t *testing.T) {
	t.Parallel()
	e, servers := meeting(t, ownServer(t), redis.Options{})
	for i := range 3 {
		servers.meet(t.Context(), strconv.Itoa(i), true)
	}
	if rest := servers.rest(); rest != 0 {
		t.Errorf("at the start: nothing is granted for %v", rest)
	}
	e.clock.Advance(noticeEvery)
	for i := range 3 {
		servers.meet(t.Context(), strconv.Itoa(i), true)
	}
	if rest := servers.rest(); rest != 0 {
		t.Errorf("known ones: nothing is granted for %v", rest)
	}
	servers.meet(t.Context(), "new", true)
	if rest := servers.rest(); rest != quietFor {
		t.Errorf("one that was not there: nothing is granted for %v", rest)
	}
}

// Who may not ask a server for its name works all the same, and tells none from another.
func TestMeetRefused(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	forbid := func() {
		err := server.Client(t).Do(t.Context(), "ACL", "SETUSER", "shop", "on", ">pw", "~*", "+@all", "-info").Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	forbid()
	e, servers := meeting(t, server, redis.Options{Username: "shop", Password: "pw"})
	e.accept(stepEntry)
	e.clock.Advance(noticeEvery)
	server.Kill()
	e.must(server.Restart())
	forbid()
	again(e)
	if rest := servers.rest(); rest != 0 {
		t.Errorf("nothing is granted for %v", rest)
	}
}

// While Redis loads what it has stored nobody can look what it has forgotten: the time runs from
// when it has.
func TestMeetLoading(t *testing.T) {
	t.Parallel()
	server := ownServer(t, "--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
	rdb := server.Client(t)
	_, err := rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range 2000 {
			p.Set(t.Context(), strconv.Itoa(i), strings.Repeat("x", 1024), 0)
		}
		return nil
	})
	if err == nil {
		err = rdb.Save(t.Context()).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	back := make(chan error, 1)
	go func() { back <- server.Restart() }()
	clock := clocktest.New(start)
	servers := NewServers(slog.New(slog.DiscardHandler))
	servers.now = clock.Now
	late := redis.NewClient(&redis.Options{Addr: server.Addr(), OnConnect: servers.Meet, MaxRetries: -1})
	defer late.Close()
	clocktest.WaitFor(t, "it loads", func() bool { return redis.IsLoadingError(late.Ping(t.Context()).Err()) })
	if servers.knowsOne() || servers.rest() > 0 {
		t.Errorf("met while it loads: nothing is granted for %v", servers.rest())
	}
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	if err := late.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if rest := servers.rest(); rest != quietFor {
		t.Errorf("nothing is granted for %v", rest)
	}
}

// A replica of a cluster is nobody that was restarted; and no connection to one is kept on which it
// could become a master unnoticed.
func TestMeetReplica(t *testing.T) {
	t.Parallel()
	_, nodes := redistest.StartCluster(t, 1, 1)
	clock := clocktest.New(start)
	servers := NewServers(slog.New(slog.DiscardHandler))
	servers.now = clock.Now
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Addr()}, OnConnect: servers.Meet})
	defer rdb.Close()
	put := func() bool { return rdb.Set(t.Context(), "a", "b", 0).Err() == nil }
	clocktest.WaitFor(t, "the replica is in step", func() bool {
		return put() && nodes[0].Client(t).Do(t.Context(), "WAIT", 1, 1000).Val() == int64(1)
	})
	clock.Advance(noticeEvery)
	replica := redis.NewClient(&redis.Options{Addr: nodes[1].Addr(), OnConnect: servers.Meet})
	defer replica.Close()
	wantErr(t, replica.Ping(t.Context()).Err(), errReplica)
	if rest := servers.rest(); rest != 0 {
		t.Errorf("nothing is granted for %v", rest)
	}
	clocktest.WaitFor(t, "the replica takes over", func() bool {
		_ = nodes[1].Client(t).ClusterFailover(t.Context()).Err()
		return nodes[1].Client(t).InfoMap(t.Context(), "replication").Item("Replication", "role") == "master"
	})
	clocktest.WaitFor(t, "it is written to", put)
	if rest := servers.rest(); rest != quietFor {
		t.Errorf("after a failover: nothing is granted for %v", rest)
	}
	byReplica := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].Addr()},
		OnConnect: NewServers(slog.New(slog.DiscardHandler)).Meet})
	defer byReplica.Close()
	clocktest.WaitFor(t, "a process finds the cluster by a replica", func() bool { return byReplica.Get(t.Context(), "a").Err() == nil })
}
