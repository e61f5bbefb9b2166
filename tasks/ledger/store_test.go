package ledger

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
)

// A step is one call of the ledger and what must be there before it.
type step struct {
	name  string
	given func(*env)
	do    func(*env) (any, error)
}

var stepEntry = partial("refund-1", "pay-1")

// stepsOfAll returns each call that writes, from each state that it may find.
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
	in := func(s Status) func(e *env) { return func(e *env) { e.reach(x, s) } }
	begin := func(e *env) (any, error) {
		g, err := e.Begin(e.ctx, x)
		return []any{g.Step, g.Purpose, g.Record, g.Doubts, g.Wait}, err
	}
	finish := func(n Next) func(e *env) (any, error) {
		return func(e *env) (any, error) { return e.Finish(e.ctx, g, Attempt{Class: "test"}, n) }
	}
	resolve := func(s Status) func(e *env) (any, error) {
		return func(e *env) (any, error) { return e.Resolve(e.ctx, x.Key, as(s)) }
	}
	retry := func(e *env) (any, error) { return e.Retry(e.ctx, x.Key, kim) }
	return []step{
		{"accept", func(*env) {}, func(e *env) (any, error) { r, _, err := e.Accept(e.ctx, x); return r, err }},
		{"accept a second part", func(e *env) { e.accept(partial("refund-2", "pay-1")) },
			func(e *env) (any, error) { r, _, err := e.Accept(e.ctx, x); return r, err }},
		{"accept many", queued, func(e *env) (any, error) {
			a := e.AcceptMany(e.ctx, []Entry{x, partial("refund-2", "pay-1"), partial("refund-3", "pay-3")})
			return a, errors.Join(a[0].Err, a[1].Err, a[2].Err)
		}},
		{"begin", queued, begin},
		{"begin an inquiry", func(e *env) { e.reach(x, Unknown); e.clock.Advance(verifyAfter) }, begin},
		{"begin after a lost lease", func(e *env) { e.reach(x, Sending); e.clock.Advance(time.Hour) }, begin},
		{"begin a dead letter", in(Rejected), begin},
		{"renew", granted, func(e *env) (any, error) { e.clock.Advance(time.Second); return nil, e.Renew(e.ctx, &g) }},
		{"finish cancelled", granted, finish(cancelled(x))},
		{"finish queued", granted, finish(queuedAgain)},
		{"finish unknown", granted, finish(outcomeLost)},
		{"finish rejected", granted, finish(rejectedCode)},
		{"finish after a renewal", func(e *env) { granted(e); e.must(e.Renew(e.ctx, &g)) }, finish(cancelled(x))},
		{"finish an inquiry unknown", inquiring, finish(notApplied)},
		{"finish an inquiry cancelled", inquiring, finish(cancelled(x))},
		{"retry rejected", in(Rejected), retry},
		{"retry review", in(Review), retry},
		{"resolve cancelled", in(Review), resolve(Cancelled)},
		{"resolve refunded", in(Review), resolve(RefundedElsewhere)},
		{"resolve rejected", in(Exhausted), resolve(Rejected)},
		{"prove", in(Review), func(e *env) (any, error) { return e.Prove(e.ctx, x.Key, Evidence{Who: "list", CanTrdNo: "C"}) }},
		{"seed", queued, func(e *env) (any, error) { return e.Seed(e.ctx, x.MchtID, x.OrgTrdNo, 300, 1) }},
	}
}

// run returns what a step answered and where everything stands after it.
func (s step) run(e *env) []any {
	e.Helper()
	answer, err := s.do(e)
	e.must(err)
	return []any{answer, e.everything()}
}

// everything is where the cancellation of the steps stands, and what goes with it.
func (e *env) everything() []any {
	e.Helper()
	r := e.get(stepEntry.Key)
	counters, err := e.Counters(e.ctx, start.Add(-time.Hour), start.Add(48*time.Hour))
	e.must(err)
	events, err := e.Outbox(e.ctx, 100)
	e.must(err)
	var told []string
	for _, ev := range events {
		told = append(told, fmt.Sprint(ev.Record.Key, " ", ev.Seq, " ", ev.Record.Status))
	}
	var days []string
	for r, err := range e.Day(e.ctx, dayOf(start.UnixMilli())) {
		e.must(err)
		days = append(days, r.Key)
	}
	slices.Sort(days) // several payments are written at once
	return []any{e.stand(stepEntry), r, told, counters, days, e.keys()}
}

// sameAnswer compares what two runs answered: ids of calls are never the same, and a repeat of what
// was accepted is known.
var sameAnswer = cmp.Options{cmp.AllowUnexported(stored{}), cmpopts.IgnoreFields(Act{}, "ID"), cmpopts.IgnoreFields(Accepted{}, "Known"), cmpopts.EquateEmpty(),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Err" }, cmp.Ignore())}

// pipelines are how callers can share a connection.
var pipelines = map[string]bool{"sharing pipelines": false, "each on its own": true}

// go-redis says again what it got no reply to. Whichever reply is lost, the answer is the same, and
// so is all that is stored: the payment, the sets, the indexes, the events, the counters.
func TestLostReply(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	p := newProxy(t, server)
	for name, noAuto := range pipelines {
		for i, s := range stepsOfAll() {
			t.Run(name+", "+s.name, func(t *testing.T) {
				plain := on(t, server, redis.Options{})
				s.given(plain)
				want := s.run(plain)
				for n := 1; ; n++ {
					s = stepsOfAll()[i] // with grants of its own
					e := envOn(t, p.client(t, redis.Options{DB: server.Database(t)}), Options{NoAutoPipeline: noAuto})
					s.given(e)
					p.loseReply(n)
					answer, err := s.do(e)
					lost := p.lost.Load()
					p.loseReply(0)
					if err != nil {
						t.Fatalf("reply %d lost: %v", n, err)
					}
					if d := cmp.Diff(want, []any{answer, e.everything()}, sameAnswer); d != "" {
						t.Errorf("lost reply %d shows (-without +with):\n%s", n, d)
					}
					if lost == 0 { // it takes fewer
						if n == 1 {
							t.Error("no reply was lost")
						}
						break
					}
				}
			})
		}
	}
}

// Where the client gives up, the caller says it again.
func TestLostReplyRepeatedByCaller(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	p := newProxy(t, server)
	x := stepEntry
	for name, noAuto := range pipelines {
		setUp := func(t *testing.T, given func(*env)) *env {
			e := envOn(t, p.client(t, redis.Options{DB: server.Database(t), MaxRetries: -1}), Options{NoAutoPipeline: noAuto})
			given(e)
			return e
		}
		// lost lets the last reply of a call get lost.
		lost := func(t *testing.T, replies int, do func() error) {
			t.Helper()
			p.loseReply(replies)
			if err := do(); err == nil || p.lost.Load() != 1 {
				t.Fatalf("confirmed without a reply: %v; %d lost", err, p.lost.Load())
			}
			p.loseReply(0)
		}
		for _, n := range []Next{cancelled(x), rejectedCode, queuedAgain, outcomeLost, {Status: Review}} {
			t.Run(name+", finish "+string(n.Status), func(t *testing.T) {
				given := func(e *env) { e.accept(x) }
				plain := setUp(t, given)
				plain.finish(plain.begin(x, StepSend), n)
				want := plain.everything()
				e := setUp(t, given)
				g := e.begin(x, StepSend)
				lost(t, 1, func() error {
					_, err := e.Finish(e.ctx, g, Attempt{Class: "test", Duration: time.Second}, n)
					return err
				})
				for range 2 {
					e.finish(g, n)
				}
				if d := cmp.Diff(want, e.everything(), sameAnswer); d != "" {
					t.Errorf("said again (-once +again):\n%s", d)
				}
			})
		}
		t.Run(name+", accept", func(t *testing.T) {
			e := setUp(t, func(*env) {})
			lost(t, 1, func() error { _, _, err := e.Accept(e.ctx, x); return err })
			_, known, err := e.Accept(e.ctx, x)
			e.must(err)
			if !known {
				t.Error("accepted twice")
			}
			e.wantStand(x, stored{stand: stand{Status: Queued}, In: "open"})
		})
		t.Run(name+", begin", func(t *testing.T) {
			e := setUp(t, func(e *env) { e.accept(x) })
			var g Grant
			lost(t, 2, func() (err error) { g, err = e.Begin(e.ctx, x); return err })
			if g.Step != 0 {
				t.Fatalf("step %d without a reply", g.Step)
			}
			e.begin(x, StepHeld)
			_, err := e.Finish(e.ctx, g, Attempt{Class: Unsent}, Next{Status: Queued})
			e.must(err)
			e.begin(x, StepSend)
		})
		t.Run(name+", resolve", func(t *testing.T) {
			e := setUp(t, func(e *env) { e.reach(x, Review) })
			lost(t, 3, func() error { _, err := e.Resolve(e.ctx, x.Key, as(Cancelled)); return err })
			r, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
			wantErr(t, err, ErrEnded)
			if r.Status != Cancelled || len(r.Acts) != 1 || len(e.told()) != 2 {
				t.Errorf("record %+v", r)
			}
			if s := e.stand(x); !s.Expires || !s.Index {
				t.Errorf("it stands so: %+v", s)
			}
		})
	}
}

// After a restart Redis knows no script. Each step tells it again.
func TestForgottenScript(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	for name, noAuto := range pipelines {
		for i, s := range stepsOfAll() {
			t.Run(name+", "+s.name, func(t *testing.T) {
				plain := on(t, server, redis.Options{})
				s.given(plain)
				want := s.run(plain)

				s = stepsOfAll()[i]
				e := envOn(t, clientOn(t, server, redis.Options{}), Options{NoAutoPipeline: noAuto})
				s.given(e)
				e.must(e.rdb.ScriptFlush(e.ctx).Err())
				if d := cmp.Diff(want, s.run(e), sameAnswer); d != "" {
					t.Errorf("a forgotten script shows (-without +with):\n%s", d)
				}
			})
		}
	}
}

// A call that was stuck in the network arrives after its repeat has long been answered, used and
// finished: it changes nothing.
func TestDelayedWrite(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := stepEntry
	e.accept(x)
	p := e.payment(x)
	c := &change{at: placeOfEntry(x), moment: Moment{Now: e.clock.Now().UnixMilli()}}
	p.Begin(c.moment, e.rules, Beginning{Entry: x, Token: "delayed"})
	read := p.Write
	g := e.begin(x, StepSend)
	e.finish(g, Next{Status: Queued})
	want := e.everything()
	done, err := e.store.write(e.ctx, c, p, read)
	e.must(err)
	if done {
		t.Error("it was written")
	}
	if d := cmp.Diff(want, e.everything(), sameAnswer); d != "" {
		t.Errorf("it shows (-before +after):\n%s", d)
	}
	if c.payment == nil || c.payment.Find(x.Key).Status != Queued {
		t.Errorf("it was answered %+v", c.payment)
	}
}

// However many ask for one payment at once, one has it.
func TestBeginConcurrently(t *testing.T) {
	t.Parallel()
	for name, noAuto := range pipelines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := envOn(t, shared.Client(t), Options{NoAutoPipeline: noAuto})
			other := e.another()
			x, y := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
			e.accept(x)
			e.accept(y)
			steps := make(chan Step)
			var all sync.WaitGroup
			for i := range 50 {
				l := []*env{e, other}[i/2%2]
				all.Go(func() {
					g, err := l.Begin(e.ctx, []Entry{x, y}[i%2])
					if err != nil {
						t.Error(err)
					}
					steps <- g.Step
				})
			}
			go func() { all.Wait(); close(steps) }()
			got := map[Step]int{}
			for s := range steps {
				got[s]++
			}
			if d := cmp.Diff(map[Step]int{StepSend: 1, StepHeld: 49}, got); d != "" {
				t.Errorf("steps (-want +got):\n%s", d)
			}
		})
	}
}

// Parts of one payment that are accepted all at once are all there, and their index entries and
// places in the sets with them.
func TestAcceptConcurrentlyParts(t *testing.T) {
	t.Parallel()
	for name, noAuto := range pipelines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := envOn(t, shared.Client(t), Options{NoAutoPipeline: noAuto})
			other := e.another()
			const n = 60
			var all sync.WaitGroup
			for i := range n {
				l := []*env{e, other}[i%2]
				all.Go(func() {
					x := partial(fmt.Sprintf("refund-%02d", i), "pay-1")
					x.Amount = 10
					if _, known, err := l.Accept(e.ctx, x); known || err != nil {
						t.Errorf("%s: known %v, %v", x.Key, known, err)
					}
				})
			}
			all.Wait()
			records, err := e.Transaction(e.ctx, "nxca_jt_bi", "pay-1")
			e.must(err)
			if len(records) != n {
				t.Errorf("%d of %d are there", len(records), n)
			}
			for _, r := range records {
				if got := e.get(r.Key); got.Key != r.Key {
					t.Errorf("%s leads to %s", r.Key, got.Key)
				}
			}
			if open, dead, err := e.Counts(e.ctx); open != n || dead != 0 || err != nil {
				t.Errorf("%d open, %d dead, %v", open, dead, err)
			}
		})
	}
}

// One key names one cancellation, however many want it, and for two payments at once.
func TestAcceptConcurrentlyKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	type answer struct {
		known bool
		err   error
	}
	answers := make(chan answer)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			_, known, err := e.Accept(e.ctx, partial("refund-1", fmt.Sprintf("pay-%d", i%2)))
			answers <- answer{known, err}
		})
	}
	go func() { all.Wait(); close(answers) }()
	var fresh, known, conflicts int
	for a := range answers {
		switch {
		case errors.Is(a.err, ErrConflict):
			conflicts++
		case a.err != nil:
			t.Error(a.err)
		case a.known:
			known++
		default:
			fresh++
		}
	}
	if fresh != 1 || known != 24 || conflicts != 25 {
		t.Errorf("%d new, %d known, %d conflicts of 25 a payment", fresh, known, conflicts)
	}
	if open, _, err := e.Counts(e.ctx); open != 1 || err != nil {
		t.Errorf("%d open, %v", open, err)
	}
}

// What is refused leaves nothing behind; the others are taken.
func TestAcceptMany(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	a, b := partial("a", "pay-1"), partial("b", "pay-2")
	other, bad, foreign, amount := a, b, b, partial("c", "pay-1")
	other.Amount, bad.Key, foreign.OrgTrdNo, amount.PaymentAmount = 1, "b b", "pay-1", 999
	// Two calls: of one key for two payments, either may come first in one.
	answers := slices.Concat(e.AcceptMany(e.ctx, []Entry{a, bad, b}), e.AcceptMany(e.ctx, []Entry{a, other, foreign, amount}))
	got := make([]string, len(answers))
	for i, x := range answers {
		got[i] = fmt.Sprintf("%s %s known=%v conflict=%v amount=%v fault=%v", x.Record.Key, x.Record.Status, x.Known,
			errors.Is(x.Err, ErrConflict), errors.Is(x.Err, ErrAmount), x.Err != nil)
	}
	want := []string{
		"a queued known=false conflict=false amount=false fault=false", "  known=false conflict=false amount=false fault=true",
		"b queued known=false conflict=false amount=false fault=false", "a queued known=true conflict=false amount=false fault=false",
		"  known=false conflict=true amount=false fault=true", "  known=false conflict=true amount=false fault=true",
		"  known=false conflict=false amount=true fault=true",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answers (-want +got):\n%s", d)
	}
	if answers := e.AcceptMany(e.ctx, nil); len(answers) > 0 {
		t.Errorf("none: %v", answers)
	}
	if open, dead, err := e.Counts(e.ctx); open != 2 || dead != 0 || err != nil {
		t.Errorf("counts %d, %d, %v", open, dead, err)
	}
	_, err := e.Get(e.ctx, "c")
	wantErr(t, err, ErrNotFound)
	if keys := e.keys(); slices.Contains(keys, indexKey("c")) || slices.Contains(keys, indexKey("b b")) {
		t.Errorf("what was refused is in the index: %q", keys)
	}
}

// What cannot be read is never taken for nothing, and never written over.
func TestDamagedIsNotOverwritten(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"null", "{}", "", "x", "nonsense", `{"f":2,"w":"ABCDEFGHIJKLMNOP"}`} {
		e := newEnv(t)
		at := placeOfEntry(stepEntry).paymentKey()
		e.must(e.rdb.Set(e.ctx, at, raw, 0).Err())
		_, _, err := e.Accept(e.ctx, stepEntry)
		wantErr(t, err, ErrDamaged)
		_, err = e.Begin(e.ctx, stepEntry)
		wantErr(t, err, ErrDamaged)
		if got := e.rdb.Get(e.ctx, at).Val(); got != raw {
			t.Errorf("%q became %q", raw, got)
		}
	}
}

// Without a clock of its own the ledger goes by that of Redis.
func TestClockOfRedis(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	o := e.opts
	o.Now = nil
	e.Ledger = New(e.rdb, o)
	x := stepEntry
	before := e.rdb.Time(e.ctx).Val().Truncate(time.Millisecond)
	r := e.accept(x)
	after := e.rdb.Time(e.ctx).Val()
	if r.AcceptedAt.Before(before) || r.AcceptedAt.After(after) {
		t.Errorf("accepted at %v, not between %v and %v", r.AcceptedAt, before, after)
	}
	e.begin(x, StepSend)
	e.begin(x, StepHeld)
}

// Deadline and expiry count from before the intent was stored; the deadline ends a margin before
// the lease. So does a renewal's expiry.
func TestBeginDeadline(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := stepEntry
	e.accept(x)
	before := time.Now()
	g := e.begin(x, StepSend)
	after := time.Now()
	check := func(what string, got time.Time, life time.Duration) {
		t.Helper()
		if got.Before(before.Add(life)) || got.After(after.Add(life)) {
			t.Errorf("%s is %v after the call, want %v", what, got.Sub(before), life)
		}
	}
	check("deadline", g.Deadline, lease*2/3)
	check("expiry", g.Expiry, lease)
	check("the latest end", g.Latest, e.Longest())
	before = time.Now()
	e.must(e.Renew(e.ctx, &g))
	after = time.Now()
	check("renewed expiry", g.Expiry, lease)
	if e.Lease() != lease {
		t.Errorf("lease %v", e.Lease())
	}
	_, err := e.Finish(e.ctx, g, Attempt{}, cancelled(x))
	e.must(err)
	wantErr(t, e.Renew(e.ctx, &g), ErrStale)
}

// The time of Redis is followed between its answers, and lags by as long as the last one took. A
// renewed lease must not be believed for longer than Redis keeps it.
func TestRenewBehindRedis(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	o := e.opts
	o.Now = nil
	e.Ledger = New(e.rdb, o)
	x := stepEntry
	e.accept(x)
	g := e.begin(x, StepSend)
	s := &e.store.shards[g.place.shard]
	e.store.mu.Lock()
	s.redis -= 5000 // what was answered last came late
	e.store.mu.Unlock()
	e.must(e.Renew(e.ctx, &g))
	kept := time.Duration(e.payment(x).Lease.Expires-e.rdb.Time(e.ctx).Val().UnixMilli()) * time.Millisecond
	if believed := time.Until(g.Expiry); believed > kept+time.Second {
		t.Errorf("the lease lasts for %v, its holder believes %v", kept, believed)
	}
}

// The defaults are those of the documentation.
func TestDefaults(t *testing.T) {
	t.Parallel()
	o := New(shared.Client(t), Options{}).opts
	got := []time.Duration{o.Retention, o.Lease, o.Margin, o.Request, o.VerifyAfter, o.Farthest, o.Caution, o.WaitTimeout}
	want := []time.Duration{4320 * time.Hour, 15 * time.Second, 5 * time.Second, 45 * time.Second, time.Minute, 24 * time.Hour, 720 * time.Hour, 2 * time.Second}
	if d := cmp.Diff(want, got); d != "" || o.WaitReplicas != 0 || o.Now != nil || o.NoAutoPipeline || o.Inquiry {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
}

// No attempt ends as what only a grant or a person brings about.
func TestFinishRefuses(t *testing.T) {
	t.Parallel()
	x := stepEntry
	for _, s := range []Status{"", Sending, RefundedElsewhere, "done"} {
		e := newEnv(t)
		e.accept(x)
		g := e.begin(x, StepSend)
		before := e.stand(x)
		if _, err := e.Finish(e.ctx, g, Attempt{}, Next{Status: s}); err == nil {
			t.Errorf("as %q: no error", s)
		}
		e.wantStand(x, before)
	}
	e := newEnv(t)
	e.accept(x)
	g := e.begin(x, StepSend)
	e.must(e.rdb.FlushDB(e.ctx).Err())
	_, err := e.Finish(e.ctx, g, Attempt{}, queuedAgain)
	wantErr(t, err, ErrNotFound)
	_, err = e.Finish(e.ctx, Grant{}, Attempt{}, queuedAgain)
	wantErr(t, err, ErrNotFound)
}

// Only three words of a person end a cancellation.
func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := stepEntry
	_, err := e.Resolve(e.ctx, x.Key, as(Cancelled))
	wantErr(t, err, ErrNotFound)
	e.reach(x, Review)
	before := e.stand(x)
	for _, s := range append(Statuses(), "", "done") {
		if slices.Contains(Resolutions(), s) {
			continue
		}
		if _, err := e.Resolve(e.ctx, x.Key, as(s)); err == nil {
			t.Errorf("as %q: no error", s)
		}
	}
	e.wantStand(x, before)
	e.must(e.rdb.Del(e.ctx, placeOfEntry(x).paymentKey()).Err())
	for _, do := range []func() error{
		func() error { _, err := e.Resolve(e.ctx, x.Key, as(Cancelled)); return err },
		func() error { _, err := e.Retry(e.ctx, x.Key, kim); return err },
		func() error { _, err := e.Prove(e.ctx, x.Key, Evidence{}); return err },
	} {
		wantErr(t, do(), ErrNotFound)
	}
}

// What one payment's state is says nothing of another's, however alike their names are.
func TestOtherPayments(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.reach(partial("a", "pay-1"), Sending)
	e.reach(partial("b", "pay-2"), Unknown)
	for i, payment := range []string{"pay-3", "pay-1:1", "pay", "o o:o"} {
		x := partial(fmt.Sprint("other-", i), payment)
		e.accept(x)
		if r := e.get(x.Key); r.OrgTrdNo != payment {
			t.Errorf("it is of %q", r.OrgTrdNo)
		}
		e.begin(x, StepSend)
	}
}
