package ledger

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger/redistest"
)

// A step is one call of the ledger and what must be there before it.
type step struct {
	name    string
	replies int // of Redis, in order
	script  int // which of them is that of the script
	given   func(*env)
	do      func(*env) (any, error)
}

var stepEntry = partial("refund-1", "pay-1")

func stepsOfAll() []step {
	x := stepEntry
	queued := func(e *env) { e.reach(x, Queued) }
	var g Grant
	granted := func(e *env) { e.accept(x); g = e.begin(x, StepSend) }
	inquiring := func(e *env) {
		e.reach(x, Unknown)
		e.clock.Advance(verifyAfter)
		g = e.begin(x, StepInquire)
	}
	dead := func(s Status) func(e *env) { return func(e *env) { e.reach(x, s) } }
	begin := func(e *env) (any, error) {
		g, err := e.Begin(e.ctx, x)
		return []any{g.Step, g.Record, g.Doubt, g.Wait}, err
	}
	finish := func(n Next) func(e *env) (any, error) {
		return func(e *env) (any, error) { return nil, e.Finish(e.ctx, g, Attempt{Class: "test"}, n) }
	}
	resolve := func(s Status) func(e *env) (any, error) {
		return func(e *env) (any, error) { return e.Resolve(e.ctx, x.Key, Decision{Who: "kim", Note: "n", As: s}) }
	}
	return []step{
		{"accept", 2, 2, func(*env) {}, func(e *env) (any, error) { r, _, err := e.Accept(e.ctx, x); return r, err }},
		{"accept many", 2, 2, queued, func(e *env) (any, error) {
			return e.AcceptMany(e.ctx, []Entry{x, partial("refund-2", "pay-1"), partial("refund-3", "pay-3")})
		}},
		{"begin", 1, 1, queued, begin},
		{"begin an inquiry", 1, 1, func(e *env) { e.reach(x, Unknown); e.clock.Advance(verifyAfter) }, begin},
		{"begin after a lost lease", 1, 1, func(e *env) { e.reach(x, Sending); e.clock.Advance(time.Hour) }, begin},
		{"begin a dead letter", 1, 1, dead(Rejected), begin},
		{"finish cancelled", 1, 1, granted, finish(cancelled(x))},
		{"finish queued", 1, 1, granted, finish(queuedAgain)},
		{"finish unknown", 1, 1, granted, finish(outcomeLost)},
		{"finish rejected", 1, 1, granted, finish(rejectedCode)},
		{"finish an inquiry unknown", 1, 1, inquiring, finish(notApplied)},
		{"finish an inquiry cancelled", 1, 1, inquiring, finish(cancelled(x))},
		{"retry rejected", 2, 2, dead(Rejected), func(e *env) (any, error) { return e.Retry(e.ctx, x.Key, Decision{Who: "kim"}) }},
		{"retry review", 2, 2, dead(Review), func(e *env) (any, error) { return e.Retry(e.ctx, x.Key, Decision{Who: "kim"}) }},
		{"resolve cancelled", 3, 2, dead(Review), resolve(Cancelled)},
		{"resolve rejected", 3, 2, dead(Exhausted), resolve(Rejected)},
	}
}

// answered is what a step answered and where the cancellation stands after it.
func (s step) run(e *env) []any {
	e.Helper()
	answer, err := s.do(e)
	e.must(err)
	r, err := e.Get(e.ctx, stepEntry.Key)
	e.must(err)
	return []any{answer, e.stand(stepEntry), r, e.raw(stepEntry).Sum, e.keys()}
}

var sameAnswer = cmp.Options{sameJSON, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Known" }, cmp.Ignore())}

// on returns an environment on a database of its own of s.
func on(t testing.TB, s *redistest.Server, o redis.Options) *env {
	t.Helper()
	o.Addr, o.DB = s.Addr(), s.Database(t)
	rdb := redis.NewClient(&o)
	t.Cleanup(func() { _ = rdb.Close() })
	return envOn(t, rdb, Options{})
}

func ownServer(t testing.TB, args ...string) *redistest.Server {
	t.Helper()
	return redistest.Start(t, redistest.Options{Args: args})
}

// teach tells a server all scripts, so that each step takes the round trips that it takes in the
// long run.
func teach(t testing.TB, s *redistest.Server) {
	t.Helper()
	for _, script := range []*redis.Script{acceptScript, beginScript, finishScript, retryScript, resolveScript} {
		if err := script.Load(t.Context(), s.Client(t)).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// scriptRuns counts the runs by hash of all scripts on a server.
func scriptRuns(t testing.TB, rdb redis.UniversalClient) (n int) {
	t.Helper()
	stats := rdb.InfoMap(t.Context(), "commandstats")
	if stats.Err() != nil {
		t.Fatal(stats.Err())
	}
	if line := stats.Item("Commandstats", "cmdstat_evalsha"); line != "" {
		if _, err := fmt.Sscanf(line, "calls=%d", &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return n
}

// go-redis says again what it got no reply to. Whichever reply is lost: the answer is the same, and
// so is what is stored.
func TestLostReply(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	teach(t, server)
	p := newProxy(t, server)
	for i, s := range stepsOfAll() {
		for n := range s.replies {
			t.Run(fmt.Sprintf("%s, reply %d", s.name, n+1), func(t *testing.T) {
				plain := on(t, server, redis.Options{})
				s.given(plain)
				want := s.run(plain)

				s = stepsOfAll()[i] // with grants of its own
				e := envOn(t, p.client(t, redis.Options{DB: server.Database(t)}), Options{})
				s.given(e)
				p.loseReply(n + 1)
				before := scriptRuns(t, plain.rdb)
				got := s.run(e)
				if runs := scriptRuns(t, plain.rdb) - before; (runs%2 == 0) != (n+1 == s.script) {
					t.Errorf("the script ran %d times", runs)
				}
				if p.lost.Load() != 1 {
					t.Errorf("%d replies were lost", p.lost.Load())
				}
				if d := cmp.Diff(want, got, sameAnswer); d != "" {
					t.Errorf("a lost reply shows (-without +with):\n%s", d)
				}
			})
		}
	}
}

// Where the client gives up, the caller says it again.
func TestLostReplyRepeatedByCaller(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	teach(t, server)
	p := newProxy(t, server)
	x := partial("refund-1", "pay-1")
	setUp := func(t *testing.T, s Status) *env {
		e := envOn(t, p.client(t, redis.Options{DB: server.Database(t), MaxRetries: -1}), Options{})
		if s != "" {
			e.reach(x, s)
		}
		p.loseReply(1)
		return e
	}
	t.Run("accept", func(t *testing.T) {
		e := setUp(t, "")
		p.loseReply(2)
		if _, _, err := e.Accept(e.ctx, x); err == nil {
			t.Fatal("confirmed without a reply")
		}
		_, known, err := e.Accept(e.ctx, x)
		e.must(err)
		if !known {
			t.Error("accepted twice")
		}
		e.wantStand(x, stand{Status: Queued, In: "open", Round: 1, Unended: 1})
	})
	t.Run("begin", func(t *testing.T) {
		e := setUp(t, Queued)
		g, err := e.Begin(e.ctx, x)
		if err == nil || g.Step != 0 {
			t.Fatalf("step %d without a reply, %v", g.Step, err)
		}
		e.begin(x, StepHeld)
		e.must(e.Finish(e.ctx, g, Attempt{Class: Unsent}, Next{Status: Queued}))
		e.begin(x, StepSend)
	})
	t.Run("finish", func(t *testing.T) {
		e := setUp(t, Queued)
		p.loseReply(0)
		g := e.begin(x, StepSend)
		p.loseReply(1)
		if err := e.Finish(e.ctx, g, Attempt{}, cancelled(x)); err == nil {
			t.Fatal("confirmed without a reply")
		}
		e.must(e.Finish(e.ctx, g, Attempt{}, cancelled(x)))
		if s := e.stand(x); s.Sum != 500 || s.Status != Cancelled {
			t.Errorf("it stands so: %+v", s)
		}
	})
	t.Run("resolve", func(t *testing.T) {
		e := setUp(t, Review)
		p.loseReply(2)
		if _, err := e.Resolve(e.ctx, x.Key, Decision{As: Cancelled}); err == nil {
			t.Fatal("confirmed without a reply")
		}
		_, err := e.Resolve(e.ctx, x.Key, Decision{As: Cancelled})
		wantErr(t, err, ErrEnded)
		if s := e.stand(x); s.Sum != 500 || !s.Expires || !s.Index {
			t.Errorf("it stands so: %+v", s)
		}
	})
}

// After a restart Redis knows no script. Each step tells it again, alone or amid a pipeline.
func TestForgottenScripts(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	for i, s := range stepsOfAll() {
		t.Run(s.name, func(t *testing.T) {
			plain := on(t, server, redis.Options{})
			s.given(plain)
			want := s.run(plain)

			s = stepsOfAll()[i]
			e := on(t, server, redis.Options{})
			s.given(e)
			e.must(e.rdb.ScriptFlush(e.ctx).Err())
			if d := cmp.Diff(want, s.run(e), sameAnswer); d != "" {
				t.Errorf("a forgotten script shows (-without +with):\n%s", d)
			}
		})
	}
	t.Run("one of several", func(t *testing.T) {
		e := on(t, server, redis.Options{})
		e.must(e.rdb.ScriptFlush(e.ctx).Err())
		x := partial("refund-1", "pay-1")
		e.accept(x)
		g := Grant{token: newToken(), place: locate(x.Key, x.MchtID, x.OrgTrdNo)}
		begin := &call{script: beginScript, place: g.place, args: []any{x.Amount, "", string(x.Params), g.token, 1000, 1000}}
		calls := []*call{e.acceptCall(e.ctx, x), begin, e.acceptCall(e.ctx, partial("refund-2", "pay-1"))}
		before := scriptRuns(t, e.rdb)
		e.must(e.run(e.ctx, false, calls...))
		if a, b, c := calls[0].reply.word(), begin.reply.word(), calls[2].reply.word(); a != "known" || b != "send" || c != "accepted" {
			t.Errorf("answers %s, %s, %s", a, b, c)
		}
		if n := scriptRuns(t, e.rdb) - before; n != 3 {
			t.Errorf("%d runs by hash, want 3: what had answered was sent again", n)
		}
	})
}

// What was confirmed is there after Redis was killed, and goes on where it was.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	// With everysec Redis confirms a write while the one before it is being synced, and loses it
	// when it is killed then.
	server := ownServer(t, "--appendonly", "yes", "--appendfsync", "always")
	for _, s := range stepsOfAll() {
		t.Run(s.name, func(t *testing.T) {
			e := on(t, server, redis.Options{MaxRetries: -1, DialerRetries: 1})
			s.given(e)
			server.Kill()
			if _, err := s.do(e); err == nil {
				t.Error("confirmed without Redis")
			}
			e.must(server.Restart())
			s.run(e)
			want := e.stand(stepEntry)
			e.must(server.Restart())
			e.wantStand(stepEntry, want)
		})
	}
}

// A first call that was stuck in the network arrives after its repeat has long been answered, used
// and finished. It takes the transaction for a while, and costs a verification; it sends nothing.
func TestDelayedBegin(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	e.accept(x)
	g := e.begin(x, StepSend)
	e.finish(g, Next{Status: Queued})
	delayed := &call{script: beginScript, place: g.place, args: []any{
		x.Amount, "", string(x.Params), g.token, lease.Milliseconds(), verifyAfter.Milliseconds()}}
	e.must(e.run(e.ctx, true, delayed))
	if delayed.reply.word() != "send" {
		t.Fatalf("answer %s", delayed.reply.word())
	}
	e.begin(x, StepHeld)
	e.clock.Advance(lease + verifyAfter)
	e.begin(x, StepInquire)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody answers here
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	rdb := redis.NewClient(&redis.Options{Addr: l.Addr().String(), MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	e := envOn(t, rdb, Options{})
	x := partial("refund-1", "pay-1")
	for name, ctx := range map[string]context.Context{"no server": t.Context(), "cancelled": ctx} {
		for what, do := range map[string]func() error{
			"accept":  func() error { _, _, err := e.Accept(ctx, x); return err },
			"begin":   func() error { _, err := e.Begin(ctx, x); return err },
			"finish":  func() error { return e.Finish(ctx, Grant{place: locate(x.Key, "m", "o")}, Attempt{}, cancelled(x)) },
			"get":     func() error { _, err := e.Get(ctx, x.Key); return err },
			"retry":   func() error { _, err := e.Retry(ctx, x.Key, Decision{}); return err },
			"resolve": func() error { _, err := e.Resolve(ctx, x.Key, Decision{As: Cancelled}); return err },
			"list":    func() error { _, _, err := e.List(ctx, Open, Listing{}); return err },
			"counts":  func() error { _, _, err := e.Counts(ctx); return err },
			"all": func() (err error) {
				for _, err = range e.All(ctx, Open, Listing{}) {
				}
				return err
			},
			"transaction": func() error { _, err := e.Transaction(ctx, "m", "o"); return err },
		} {
			if err := do(); err == nil {
				t.Errorf("%s, %s: no error", name, what)
			}
		}
	}
}
