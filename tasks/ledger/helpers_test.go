package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

// shared serves all tests that neither stop it nor flush it.
var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

// start is when every test begins.
var start = time.UnixMilli(1_702_600_000_000)

const (
	lease       = time.Minute
	verifyAfter = 90 * time.Second
	retention   = time.Hour
)

// partial and full are cancellations of the payment of that name.
func partial(key, payment string) Entry {
	return Entry{Key: key, MchtID: "nxca_jt_bi", OrgTrdNo: payment, OrgMchtTrdNo: "ORDER20231215143022", Method: "CA",
		Amount: 500, PaymentAmount: 1000, Params: json.RawMessage(`{"d":"20231215","y":"too small"}`)}
}

func full(key, payment string) Entry {
	e := partial(key, payment)
	e.Amount = 1000
	return e
}

func replace(raw json.RawMessage, old, by string) json.RawMessage {
	return json.RawMessage(strings.Replace(string(raw), old, by, 1))
}

// What policies answer.
func cancelled(x Entry) Next {
	return Next{Status: Cancelled, Credit: x.Amount, Rounds: 1, CanTrdNo: "C-" + x.Key}
}

var (
	queuedAgain  = Next{Status: Queued, After: 5 * time.Second, Spend: 1, Code: "MP95", Message: "busy"}
	outcomeLost  = Next{Status: Unknown, After: verifyAfter, Doubt: true, Reason: ReasonNoAnswer}
	notApplied   = Next{Status: Unknown, After: verifyAfter, Asked: true, Reason: ReasonNoAnswer, Verification: Verification{Seen: 1}}
	sendAgain    = Next{Status: Queued, Asked: true, Verification: Verification{Resent: 1}}
	rejectedCode = Next{Status: Rejected, Code: "ST25", Message: "refused", Reason: ReasonRefused, NewID: true}
	kim          = Decision{Who: "kim", Note: "the bank said so"}
)

func as(s Status) Decision { d := kim; d.As = s; return d }

// leading returns what lets a request that was sent come to a status.
func leading(x Entry, s Status) Next {
	switch s {
	case Unknown:
		return outcomeLost
	case Cancelled:
		return cancelled(x)
	case AlreadyCancelled:
		return Next{Status: s, Credit: x.Amount, Rounds: 1, Code: "ST38"}
	}
	return Next{Status: s, Code: "ST25", Message: "refused"}
}

// env is a ledger on a database of its own.
type env struct {
	*Ledger
	testing.TB
	ctx   context.Context
	clock *clocktest.Clock
}

func newEnv(t testing.TB) *env {
	t.Helper()
	return envOn(t, shared.Client(t), Options{})
}

// envOn is a ledger on rdb. Of the options, those that a test does not care about are set.
func envOn(t testing.TB, rdb redis.UniversalClient, o Options) *env {
	c := clocktest.New(start)
	o.Lease, o.VerifyAfter, o.Now = lease, verifyAfter, c.Now
	if o.Remember == 0 {
		o.Remember = -1 // what is forgotten stays so
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retention == 0 {
		o.Retention = retention
	}
	return &env{Ledger: New(rdb, o), TB: t, ctx: t.Context(), clock: c}
}

// on returns an environment on a database of its own of s.
func on(t testing.TB, s *redistest.Server, o redis.Options) *env {
	t.Helper()
	return envOn(t, clientOn(t, s, o), Options{})
}

func clientOn(t testing.TB, s *redistest.Server, o redis.Options) *redis.Client {
	t.Helper()
	o.Addr, o.DB = s.Addr(), s.Database(t)
	rdb := redis.NewClient(&o)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func ownServer(t testing.TB, args ...string) *redistest.Server {
	t.Helper()
	return redistest.Start(t, redistest.Options{Args: args})
}

// another is a second process on the same Redis, which knows nothing yet.
func (e *env) another() *env {
	l := New(e.rdb, e.opts)
	return &env{Ledger: l, TB: e.TB, ctx: e.ctx, clock: e.clock}
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) accept(x Entry) Record {
	e.Helper()
	r, known, err := e.Accept(e.ctx, x)
	e.must(err)
	if known {
		e.Fatalf("accept %s: known", x.Key)
	}
	return r
}

// begin asks for a step that must be the one named.
func (e *env) begin(x Entry, want Step) Grant {
	e.Helper()
	g, err := e.Begin(e.ctx, x)
	e.must(err)
	if g.Step != want {
		e.Fatalf("begin %s: step %d, want %d", x.Key, g.Step, want)
	}
	return g
}

func (e *env) finish(g Grant, n Next) Finished {
	e.Helper()
	done, err := e.Finish(e.ctx, g, Attempt{Class: "test", Duration: time.Second}, n)
	e.must(err)
	return done
}

func (e *env) get(key string) Record {
	e.Helper()
	r, err := e.Get(e.ctx, key)
	e.must(err)
	return r
}

// reach accepts x and brings it to a status by the steps that lead there.
func (e *env) reach(x Entry, s Status) {
	e.Helper()
	e.accept(x)
	if s == Queued {
		return
	}
	if s == RefundedElsewhere {
		e.finish(e.begin(x, StepSend), leading(x, Review))
		_, err := e.Resolve(e.ctx, x.Key, as(s))
		e.must(err)
		return
	}
	if g := e.begin(x, StepSend); s != Sending {
		e.finish(g, leading(x, s))
	}
}

// fixture is a payment and what its rules are told, without Redis. The gateway has told that
// nothing of it is cancelled.
type fixture struct {
	testing.TB
	p      *Payment
	at     Moment
	rules  Rules
	grants int
}

func newFixture(t testing.TB) *fixture {
	f := unbasedFixture(t)
	if !f.p.Seed(f.at, 0, 0) {
		t.Fatal("a payment of which nothing is known was not seeded")
	}
	f.store()
	return f
}

// unbasedFixture is a payment of which the gateway has told nothing.
func unbasedFixture(t testing.TB) *fixture {
	return &fixture{TB: t, p: &Payment{MchtID: "nxca_jt_bi", OrgTrdNo: "pay-1"}, at: Moment{Now: start.UnixMilli()},
		rules: Rules{Lease: lease, Request: 45 * time.Second, VerifyAfter: verifyAfter, Caution: time.Hour, Farthest: 24 * time.Hour, Inquiry: true}}
}

// base says where the payment's sum comes from.
func (f *fixture) base(b Basis) {
	f.p.Basis, f.p.dirty = b, true
	f.store()
}

// store writes the payment and reads it back: rules must go by what is kept.
func (f *fixture) store() {
	f.Helper()
	if !f.p.changed() {
		return
	}
	doc, behind, err := f.p.encode(newID())
	if err != nil {
		f.Fatal(err)
	}
	want := marshal(f, f.p)
	f.p.settle(doc, behind)
	if f.p, err = decodePayment(f.place(""), f.p.stored); err != nil {
		f.Fatal(err)
	}
	if d := cmp.Diff(want, marshal(f, f.p)); d != "" {
		f.Fatalf("the payment (-before +read back):\n%s", d)
	}
}

func (f *fixture) place(key string) place { return locate(key, f.p.MchtID, f.p.OrgTrdNo) }

func (f *fixture) pass(d time.Duration) { f.at.Now += d.Milliseconds() }

func (f *fixture) accept(entries ...Entry) {
	f.Helper()
	for _, x := range entries {
		if known, err := f.p.Accept(f.at, x); known || err != nil {
			f.Fatalf("accept %s: known %v, %v", x.Key, known, err)
		}
		f.store()
	}
}

func (f *fixture) begin(x Entry, want Step) Grant {
	f.Helper()
	f.grants++
	g := f.p.Begin(f.at, f.rules, Beginning{Entry: x, Token: fmt.Sprint("token-", f.grants)})
	g.token, g.at = fmt.Sprint("token-", f.grants), f.at
	f.store()
	if g.Step != want {
		f.Fatalf("begin %s: step %d, want %d", x.Key, g.Step, want)
	}
	return g
}

// tryFinish is Finish with an answer that took so long.
func (f *fixture) tryFinish(g Grant, a Attempt, n Next) error {
	f.Helper()
	err := f.p.Finish(f.at, Finishing{Key: g.Record.Key, Token: g.token, Inquiry: g.Step == StepInquire,
		Sum: g.Record.ConfirmedCancelled, Epoch: g.at.Epoch, Attempt: a, Next: n})
	f.store()
	return err
}

func (f *fixture) finish(g Grant, n Next) {
	f.Helper()
	if err := f.tryFinish(g, Attempt{Class: "test", Duration: time.Second}, n); err != nil {
		f.Fatalf("finish %s as %s: %v", g.Record.Key, n.Status, err)
	}
}

func (f *fixture) reach(x Entry, s Status) {
	f.Helper()
	f.accept(x)
	if s == Queued {
		return
	}
	if s == RefundedElsewhere {
		f.finish(f.begin(x, StepSend), leading(x, Review))
		f.resolve(x.Key, s)
		return
	}
	if g := f.begin(x, StepSend); s != Sending {
		f.finish(g, leading(x, s))
	}
}

func (f *fixture) retry(key string) {
	f.Helper()
	if err := f.p.Retry(f.at, f.rules, key, kim); err != nil {
		f.Fatal(err)
	}
	f.store()
}

func (f *fixture) resolve(key string, s Status) {
	f.Helper()
	if err := f.p.Resolve(f.at, f.rules, key, as(s)); err != nil {
		f.Fatal(err)
	}
	f.store()
}

func (f *fixture) record(key string) Record {
	f.Helper()
	c := f.p.Find(key)
	if c == nil {
		f.Fatalf("no %s", key)
	}
	return f.p.record(c, f.at, f.rules)
}

// stand is where a cancellation stands. Times are relative to start.
type stand struct {
	Status   Status
	Due      time.Duration
	Lease    string // who holds its payment, and until when
	Attempts []string
	Spent    int
	Doubts   int
	Check    Verification
	Sum      int64
	Round    int
}

func standOf(p *Payment, key string) stand {
	c := p.Find(key)
	s := stand{Status: c.Status, Spent: c.Spent, Doubts: c.Doubts, Check: c.Verify, Sum: p.Sum, Round: p.Round}
	if c.Due != 0 {
		s.Due = time.UnixMilli(c.Due).Sub(start)
	}
	if l := p.Lease; l != nil {
		s.Lease = l.Key + " " + time.UnixMilli(l.Expires).Sub(start).String()
	}
	for _, a := range c.Attempts {
		s.Attempts = append(s.Attempts, line(a))
	}
	return s
}

// line tells kind, start, duration and answer of an attempt.
func line(a Attempt) string {
	if a.UnderWay {
		return fmt.Sprintf("%s %v under way", a.Kind, a.StartedAt.Sub(start))
	}
	return strings.TrimSpace(fmt.Sprintf("%s %v %v %s %s", a.Kind, a.StartedAt.Sub(start), a.Duration, a.Class, a.Code))
}

func (f *fixture) wantStand(key string, want stand) {
	f.Helper()
	if d := cmp.Diff(want, standOf(f.p, key)); d != "" {
		f.Errorf("%s (-want +got):\n%s", key, d)
	}
}

// stored is where a cancellation stands in Redis.
type stored struct {
	stand
	In      string // the sets that hold it
	Expires bool   // its payment
	Index   bool   // expires
}

func (e *env) payment(x Entry) *Payment {
	e.Helper()
	p, err := e.store.load(e.ctx, placeOfEntry(x))
	e.must(err)
	if p == nil {
		e.Fatalf("no payment %s", x.OrgTrdNo)
	}
	return p
}

func placeOfEntry(x Entry) place { return locate(x.Key, x.MchtID, x.OrgTrdNo) }

func (e *env) stand(x Entry) stored {
	e.Helper()
	p := placeOfEntry(x)
	return stored{stand: standOf(e.payment(x), x.Key), In: e.sets(p), Expires: e.expires(p.paymentKey()), Index: e.expires(indexKey(p.key))}
}

func (e *env) sets(p place) string {
	e.Helper()
	var in []string
	for _, key := range []string{openKey(p.shard), deadKey(p.shard)} {
		switch _, err := e.rdb.ZScore(e.ctx, key, p.member()).Result(); {
		case err == nil:
			in = append(in, key[strings.LastIndexByte(key, ':')+1:])
		case !errors.Is(err, redis.Nil):
			e.Fatal(err)
		}
	}
	return strings.Join(in, " ")
}

// expires reports whether a key has the time to live of what has ended; any other one is a failure.
func (e *env) expires(key string) bool {
	e.Helper()
	ttl, err := e.rdb.PTTL(e.ctx, key).Result()
	e.must(err)
	switch {
	case ttl == -1:
		return false
	case ttl > retention-time.Minute && ttl <= retention:
		return true
	}
	e.Fatalf("%s lives for %v", key, ttl)
	return false
}

func (e *env) wantStand(x Entry, want stored) {
	e.Helper()
	if d := cmp.Diff(want, e.stand(x), cmp.AllowUnexported(stored{})); d != "" {
		e.Errorf("%s (-want +got):\n%s", x.Key, d)
	}
}

// wantErr fails unless err is the wanted one, nil included.
func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// told acknowledges what has to be told, and returns it.
func (e *env) told() (all []Event) {
	e.Helper()
	for {
		events, err := e.Outbox(e.ctx, 500)
		e.must(err)
		if len(events) == 0 {
			return all
		}
		e.must(e.Ack(e.ctx, events))
		all = append(all, events...)
	}
}

// keys lists what a database holds, without what each shard has once.
func (e *env) keys() []string {
	e.Helper()
	keys, err := e.rdb.Keys(e.ctx, "*").Result()
	e.must(err)
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.HasSuffix(key, "}:state") || strings.HasSuffix(key, "}:out") })
	slices.Sort(keys)
	return keys
}

// sorted compares lists whose order does not matter.
var sorted = cmp.Transformer("sorted", func(in []string) []string { return slices.Sorted(slices.Values(in)) })

// dialerTo connects to whatever address addr holds at the time.
func dialerTo(addr *atomic.Value) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr.Load().(string))
	}
}
