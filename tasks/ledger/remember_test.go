package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"settlecancel/tasks/clocktest"
)

// remembering is a process that says again what Redis forgets.
func remembering(t *testing.T) (*env, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	e := envOn(t, shared.Client(t), Options{Remember: time.Hour, Logger: slog.New(slog.NewTextHandler(log, nil))})
	return e.nowadays(), log
}

// notices looks for what is forgotten, and waits until it is said again.
func (e *env) notices() {
	e.Helper()
	e.must(e.Notice(e.ctx))
	e.store.saying.Wait()
}

// Whatever Redis forgets of a cancellation, a process that wrote it says it again: that it was
// asked for, that a request may be on the wire, how it ended, what a person decided.
func TestSaidAgain(t *testing.T) {
	t.Parallel()
	x := stepEntry
	accept := func(e *env) { e.accept(x) }
	intent := func(e *env) { e.begin(x, StepSend) }
	finish := func(n Next) func(*env) { return func(e *env) { e.finish(e.begin(x, StepSend), n) } }
	for name, c := range map[string]struct {
		kept, lost func(*env)
		want       Status
		told       int // the number of its last event
	}{
		"accepted":             {func(*env) {}, accept, Queued, 0},
		"an intent":            {accept, intent, Unknown, 0},
		"all, with its intent": {func(*env) {}, func(e *env) { accept(e); intent(e) }, Unknown, 0},
		"an outcome":           {accept, finish(cancelled(x)), Cancelled, 1},
		"all, cancelled":       {func(*env) {}, func(e *env) { accept(e); finish(cancelled(x))(e) }, Cancelled, 1},
		"a refusal":            {accept, finish(rejectedCode), Rejected, 1},
		"a doubt":              {accept, finish(outcomeLost), Unknown, 0},
		"a second outcome": {func(e *env) {
			accept(e)
			finish(rejectedCode)(e)
			_, err := e.Retry(e.ctx, x.Key, kim)
			e.must(err)
		}, finish(cancelled(x)), Cancelled, 2},
		"a person's word": {accept, func(e *env) {
			_, err := e.Resolve(e.ctx, x.Key, as(Rejected))
			e.must(err)
		}, Rejected, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, log := remembering(t)
			e.accept(partial("other", x.OrgTrdNo)) // something is left of the shard
			e.clock.Advance(time.Second)
			c.kept(e)
			old := e.copyOf()
			c.lost(e)
			before := e.payment(x)
			e.told()
			e.putBack(old)
			e.told()
			e.notices()
			r, after := e.get(x.Key), e.payment(x)
			if r.Status != c.want || r.Closed != before.Find(x.Key).Closed || after.Sum != before.Sum || after.Round != before.Round {
				t.Errorf("%s, closed %v, sum %d, round %d; it was %+v", r.Status, r.Closed, after.Sum, after.Round, before)
			}
			if lost := before.Find(x.Key); after.Find(x.Key).SentAt != lost.SentAt || lost.underWay() != nil != (r.Doubted && c.told == 0 && name != "a doubt") {
				t.Errorf("sent at %d, doubted %v; it was %+v", after.Find(x.Key).SentAt, r.Doubted, lost)
			}
			told := e.told()
			if n := len(told); n != min(c.told, 1) || n > 0 && (told[0].Seq != c.told || told[0].Record.Key != x.Key) {
				t.Errorf("told %+v, want event %d", told, c.told)
			}
			if r.Open() == (e.sets(placeOfEntry(x)) != "open") {
				t.Errorf("it is in %q", e.sets(placeOfEntry(x)))
			}
			if _, known, err := e.Accept(e.ctx, x); err != nil || !known {
				t.Errorf("asked for again: known %v, %v", known, err)
			}
			for _, line := range []string{"level=ERROR msg=\"Redis has forgotten confirmed writes", "said again what Redis had forgotten"} {
				if strings.Count(log.String(), line) != 1 {
					t.Errorf("%q is not logged once:\n%s", line, log)
				}
			}
		})
	}
}

// The answer to a request whose intent Redis has forgotten is stored all the same, before anybody
// else could have noticed.
func TestOutcomeFindsItsIntent(t *testing.T) {
	t.Parallel()
	e, _ := remembering(t)
	x := stepEntry
	e.accept(x)
	old := e.copyOf()
	g := e.begin(x, StepSend)
	e.putBack(old)
	e.finish(g, cancelled(x))
	e.store.saying.Wait()
	r := e.get(x.Key)
	if r.Status != Cancelled || r.CanTrdNo != "C-"+x.Key || r.ConfirmedCancelled != x.Amount || len(e.told()) != 1 {
		t.Errorf("%+v", r)
	}
}

// A process that writes nothing any more notices, too; and one that knows nothing finds nothing.
func TestNotice(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.accept(stepEntry)
	old := e.copyOf()
	e.accept(partial("refund-2", stepEntry.OrgTrdNo))
	e.must(e.Notice(e.ctx))
	if got := e.epochs(); got != (Epochs{}) {
		t.Errorf("nothing is forgotten: %+v", got)
	}
	e.putBack(old)
	e.must(e.another().Notice(e.ctx))
	if got := e.epochs(); got != (Epochs{}) {
		t.Errorf("one that knows nothing: %+v", got)
	}
	for i := range 4 {
		e.must(e.Notice(e.ctx))
		want := int64(shards) // one Redis holds them all
		if i == 0 {
			want = 1
		}
		if got := e.epochs(); got.Raised != want || got.Forgotten != 1 {
			t.Errorf("look %d: epochs %+v", i+1, got)
		}
	}
	if n := len(e.payment(stepEntry).Cancellations); n != 1 {
		t.Errorf("%d cancellations", n)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is said again of a payment that Redis has not forgotten changes nothing, however old it is.
func TestRestoreIsHarmless(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*fixture, Entry){
		"cancelled": func(f *fixture, x Entry) { f.finish(f.begin(x, StepSend), cancelled(x)) },
		"rejected":  func(f *fixture, x Entry) { f.finish(f.begin(x, StepSend), rejectedCode) },
		"verified": func(f *fixture, x Entry) {
			f.finish(f.begin(x, StepSend), outcomeLost)
			f.pass(verifyAfter)
			f.finish(f.begin(x, StepInquire), Next{Status: Cancelled, Credit: x.Amount, Rounds: 1})
		},
		"retried": func(f *fixture, x Entry) {
			f.finish(f.begin(x, StepSend), rejectedCode)
			f.pass(time.Second)
			must(f, f.p.Retry(f.at, f.rules, x.Key, kim))
		},
		"resolved": func(f *fixture, x Entry) { must(f, f.p.Resolve(f.at, f.rules, x.Key, as(RefundedElsewhere))) },
	}
	for name, end := range ends {
		f := newFixture(t)
		x := partial("refund-1", "pay-1")
		var kept []*Payment
		keep := func() {
			raw, err := json.Marshal(f.p)
			must(f, err)
			var p Payment
			must(f, json.Unmarshal(raw, &p))
			kept = append(kept, &p)
		}
		f.accept(x)
		keep()
		f.pass(time.Second)
		g := f.begin(x, StepSend)
		keep()
		f.finish(g, queuedAgain)
		keep()
		f.pass(time.Minute)
		end(f, x)
		keep()
		now, _ := json.Marshal(f.p)
		f.p.settle(now, false)
		f.forget()
		for i, was := range kept {
			must(f, f.p.Restore(f.at, f.rules, was, x.Key))
			if then, _ := json.Marshal(f.p); !bytes.Equal(now, then) || f.p.changed() {
				t.Errorf("%s: what was said at step %d changes\n%s to\n%s", name, i, now, then)
			}
		}
	}
}

// A request that was granted since Redis forgot is seen to its end first.
func TestRestoreWaitsForARequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	x := partial("refund-1", "pay-1")
	f.accept(x)
	raw, _ := json.Marshal(f.p)
	f.finish(f.begin(x, StepSend), cancelled(x))
	ended := *f.p
	var before Payment
	must(f, json.Unmarshal(raw, &before))
	before.MchtID, before.OrgTrdNo = f.p.MchtID, f.p.OrgTrdNo
	f.p = &before
	f.p.settle(f.p.stored, false)
	f.forget()
	f.pass(calmTime)
	f.finish(f.begin(x, StepInquire), told(0))
	g := f.begin(x, StepSend)
	wantErr(t, f.p.Restore(f.at, f.rules, &ended, x.Key), ErrBusy)
	f.finish(g, outcomeLost)
	must(f, f.p.Restore(f.at, f.rules, &ended, x.Key))
	c := f.p.Find(x.Key)
	if c.Status != Cancelled || f.p.Sum != 500 || f.p.Based(f.at) || len(c.Attempts) < 3 {
		t.Errorf("%s, sum %d, based %v, %+v", c.Status, f.p.Sum, f.p.Based(f.at), c.Attempts)
	}
}

// What is kept is bounded by time, by number and by size.
func TestRemembered(t *testing.T) {
	t.Parallel()
	m, now := newMemory(time.Minute), time.Now()
	at := func(i int) place { return place{mchtID: "m", orgTrdNo: fmt.Sprint(i)} }
	m.keep(at(0), []byte("old"), now)
	m.keep(at(0), []byte("new"), now)
	if all := m.of(0, "", now); len(all) != 1 || string(all[0].doc) != "new" || m.bytes != 3 {
		t.Errorf("%+v, %d bytes", all, m.bytes)
	}
	if all := m.of(0, "", now.Add(time.Minute+1)); len(all) != 0 {
		t.Errorf("after its time: %+v", all)
	}
	if all := m.of(1, "", now); len(all) != 0 {
		t.Errorf("of another shard: %+v", all)
	}
	m.keep(at(1), []byte("next"), now.Add(time.Minute+1))
	if m.oldest.Len() != 1 || m.bytes != 4 {
		t.Errorf("%d payments, %d bytes", m.oldest.Len(), m.bytes)
	}
	for i := range rememberedPayments + 5 {
		m.keep(at(i), nil, now)
	}
	if m.oldest.Len() != rememberedPayments || len(m.byName) != rememberedPayments {
		t.Errorf("%d payments", m.oldest.Len())
	}
	for i := range 40 {
		m.keep(at(i), make([]byte, 1<<20), now)
	}
	if m.bytes > rememberedBytes || m.bytes < rememberedBytes-1<<20 {
		t.Errorf("%d bytes", m.bytes)
	}
	none := newMemory(-1)
	none.keep(at(1), []byte("x"), now)
	if d := cmp.Diff(0, none.oldest.Len(), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

// A process notices that writes of its own are gone although others, who know less, have written as
// much again since; each of several processes does.
func TestNoticesItsOwn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	other, stranger := e.another(), e.another()
	e.store.call(":one")
	other.store.call(":two")
	e.accept(stepEntry)
	other.accept(partial("two", stepEntry.OrgTrdNo))
	old := e.copyOf()
	e.accept(partial("lost", stepEntry.OrgTrdNo))
	e.putBack(old)
	for i := range 5 {
		stranger.accept(partial(fmt.Sprint("since-", i), stepEntry.OrgTrdNo))
	}
	must(t, other.store.notice(e.ctx, placeOfEntry(stepEntry).shard))
	if got := e.epochs(); got.Raised != 0 {
		t.Fatalf("by who lost nothing: %+v", got)
	}
	for range 2 {
		must(t, e.store.notice(e.ctx, placeOfEntry(stepEntry).shard))
		must(t, other.store.notice(e.ctx, placeOfEntry(stepEntry).shard))
		e.accept(partial(newID(), stepEntry.OrgTrdNo))
		if got := e.epochs(); got.Raised != 1 || got.Forgotten != 1 {
			t.Fatalf("epochs %+v", got)
		}
	}
}

// A process that ends leaves no count behind.
func TestWatchLeavesNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan error)
	go func() { done <- e.Watch(ctx) }()
	state := shardStateKey(placeOfEntry(stepEntry).shard)
	clocktest.WaitFor(t, "its writes are counted", func() bool {
		e.accept(partial(newID(), stepEntry.OrgTrdNo))
		return e.rdb.HLen(e.ctx, state).Val() == 2
	})
	cancel()
	must(t, <-done)
	if keys := e.rdb.HKeys(e.ctx, state).Val(); len(keys) != 1 {
		t.Errorf("left are %v", keys)
	}
}

// What was counted under the name of a process that died is taken away after a day, by whoever lives;
// of one that lives nothing is.
func TestDeadWatchersAreForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	state := shardStateKey(placeOfEntry(stepEntry).shard)
	counted := func(names ...string) {
		t.Helper()
		for name, want := range map[string]bool{":dead": slices.Contains(names, ":dead"), ":lives": slices.Contains(names, ":lives")} {
			if got := e.rdb.HExists(e.ctx, state, "w"+name).Val(); got != want {
				t.Errorf("writes of %s are counted: %v, want %v", name, got, want)
			}
		}
	}
	for _, name := range []string{":dead", ":lives"} {
		e.store.call(name)
		must(t, e.appear(e.ctx, name))
		e.accept(partial(newID(), stepEntry.OrgTrdNo))
	}
	counted(":dead", ":lives")
	e.clock.Advance(23 * time.Hour)
	must(t, e.appear(e.ctx, ":lives"))
	counted(":dead", ":lives")
	e.clock.Advance(2 * time.Hour)
	must(t, e.appear(e.ctx, ":lives"))
	counted(":lives")
	if names := e.rdb.ZRange(e.ctx, watchersKey, 0, -1).Val(); !slices.Equal(names, []string{":lives"}) {
		t.Errorf("watchers %v", names)
	}
	e.accept(partial(newID(), stepEntry.OrgTrdNo))
	if got := e.epochs(); got.Raised != 0 {
		t.Errorf("taken for a loss: %+v", got)
	}
}
