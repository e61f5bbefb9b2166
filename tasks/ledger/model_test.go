package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"settlecancel/tasks/clocktest"
)

// TestModel lets producers, workers that crash, hang and answer late, a gateway that lags and loses
// answers, and people at the office act in any order on a real Redis. After every act the ledger
// must stand as the reference says, and the promise must hold; in the end nothing may be stuck.
func TestModel(t *testing.T) {
	t.Parallel()
	for world := range 2 { // a hundred histories each, or -rapid.checks
		t.Run(fmt.Sprint(world), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			rapid.Check(t, func(t *rapid.T) {
				m := newMachine(t, e)
				m.act(t)
				m.act(t)
				m.drain(t)
			})
		})
	}
}

// machine is the world around the ledger.
type machine struct {
	ledger  *Ledger
	rdb     redis.UniversalClient
	clock   *clocktest.Clock
	entries []Entry
	ref     *reference
	bank    *bank
	hands   []*hand
	grants  int
}

// hand is a worker with a grant in it.
type hand struct {
	g       Grant
	id      int
	x       Entry
	since   time.Time
	outcome *Next // what it would write now; nil: it has neither sent nor inquired
	done    bool  // it has written, and does no more
}

func newMachine(t *rapid.T, e *env) *machine {
	if err := e.rdb.FlushDB(e.ctx).Err(); err != nil {
		t.Fatal(err)
	}
	c := clocktest.New(start)
	m := &machine{clock: c, ref: newReference(), bank: newBank(c.Now), rdb: e.rdb, ledger: New(e.rdb, Options{
		Lease: lease, VerifyAfter: verifyAfter, Retention: retention, Now: c.Now})}
	for i := range 4 {
		m.entries = append(m.entries, partial(fmt.Sprintf("refund-%d", i), fmt.Sprintf("pay-%d", i/3)))
	}
	for _, x := range m.entries[:2] {
		m.acceptOne(t, x)
	}
	return m
}

func (m *machine) act(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"":        m.check,
		"accept":  m.accept,
		"deliver": func(t *rapid.T) { m.deliver(t, m.entry(t), rapid.Bool().Draw(t, "reply lost")) },
		"work":    func(t *rapid.T) { m.work(t, m.hand(t)) },
		"finish":  func(t *rapid.T) { m.finish(t, m.hand(t)) },
		"crash":   func(t *rapid.T) { m.drop(m.hand(t)) },
		"attempt": func(t *rapid.T) { m.attempt(t, m.entry(t)) },
		"later":   func(t *rapid.T) { m.wait(t, m.entry(t)); m.attempt(t, m.entry(t)) },
		"retry":   m.retry,
		"resolve": m.resolve,
		"time":    func(t *rapid.T) { m.wait(t, m.entry(t)) },
	})
}

// attempt is what mostly happens: a worker does all in one go.
func (m *machine) attempt(t *rapid.T, x Entry) {
	before := len(m.hands)
	m.deliver(t, x, false)
	if len(m.hands) > before {
		h := m.hands[before]
		m.work(t, h)
		m.finish(t, h)
	}
}

// wait lets time pass, mostly until something is due.
func (m *machine) wait(t *rapid.T, x Entry) {
	if c := m.ref.c[x.Key]; c != nil && c.due.After(m.clock.Now()) && rapid.Bool().Draw(t, "until it is due") {
		m.clock.Advance(c.due.Sub(m.clock.Now()))
		return
	}
	m.clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, lease, verifyAfter}).Draw(t, "passes"))
}

// entry draws one that was accepted, or now and then any.
func (m *machine) entry(t *rapid.T) Entry {
	accepted := make([]Entry, 0, len(m.entries))
	for _, x := range m.entries {
		if c := m.ref.c[x.Key]; c != nil && !c.ended() {
			accepted = append(accepted, x)
		}
	}
	if len(accepted) == 0 || rapid.IntRange(0, 9).Draw(t, "any") == 0 {
		accepted = m.entries
	}
	return accepted[rapid.IntRange(0, len(accepted)-1).Draw(t, "cancellation")]
}

func (m *machine) hand(t *rapid.T) *hand {
	if len(m.hands) == 0 {
		t.Skip("no worker has a grant")
	}
	return m.hands[rapid.IntRange(0, len(m.hands)-1).Draw(t, "worker")]
}

func (m *machine) drop(h *hand) {
	m.hands = slices.DeleteFunc(m.hands, func(o *hand) bool { return o == h })
}

func (m *machine) accept(t *rapid.T) {
	x := m.entries[rapid.IntRange(0, len(m.entries)-1).Draw(t, "cancellation")]
	switch rapid.IntRange(0, 9).Draw(t, "variant") {
	case 0:
		x.Amount++
	case 1:
		x.OrgTrdNo = "pay-0"
	}
	m.acceptOne(t, x)
}

func (m *machine) acceptOne(t *rapid.T, x Entry) {
	_, known, err := m.ledger.Accept(t.Context(), x)
	got := "accepted"
	switch {
	case errors.Is(err, ErrConflict):
		got = "conflict"
	case err != nil:
		t.Fatal(err)
	case known:
		got = "known"
	}
	if want := m.ref.accept(x, m.clock.Now()); got != want {
		t.Fatalf("accept %s: %s, want %s", x.Key, got, want)
	}
	if got == "accepted" {
		m.entries[slices.IndexFunc(m.entries, func(o Entry) bool { return o.Key == x.Key })] = x
	}
}

// deliver lets a worker take a task up. asynq may deliver one twice, and a reply of Redis may get
// lost.
func (m *machine) deliver(t *rapid.T, x Entry, replyLost bool) {
	m.grants++
	want, doubt := m.ref.begin(x, m.grants, m.clock.Now())
	g, err := m.ledger.Begin(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	if g.Step != want || g.Doubt != doubt {
		t.Fatalf("begin %s: step %d with %d in doubt, want %d with %d", x.Key, g.Step, g.Doubt, want, doubt)
	}
	if g.Step != StepSend && g.Step != StepInquire {
		return
	}
	if replyLost {
		again := &call{script: beginScript, place: g.place, args: []any{x.Amount, flag(x.Full), string(x.Params), g.token,
			lease.Milliseconds(), verifyAfter.Milliseconds()}}
		if err := m.ledger.run(t.Context(), true, again); err != nil {
			t.Fatal(err)
		}
		if err := g.read(again.reply); err != nil || g.Step != want {
			t.Fatalf("begin %s again: step %d, %v; want %d", x.Key, g.Step, err, want)
		}
	}
	m.hands = append(m.hands, &hand{g: g, id: m.grants, x: x, since: m.clock.Now()})
}

// work does what the grant allows, once: a request only before its deadline.
func (m *machine) work(t *rapid.T, h *hand) {
	if h.outcome != nil || h.done {
		t.Skip("done")
	}
	if h.g.Step == StepInquire {
		n := m.bank.verify(h.g, rapid.Bool().Draw(t, "answers"), rapid.SampledFrom([]time.Duration{0, 30 * time.Second, 2 * time.Minute}).Draw(t, "lag"))
		h.outcome = &n
		return
	}
	if !m.clock.Now().Before(h.since.Add(lease * 3 / 4)) {
		t.Skip("too late")
	}
	n := m.bank.cancel(h.g, rapid.SampledFrom([]string{"ok", "lost", "applied later", "not applied", "busy", "refused"}).Draw(t, "gateway"))
	h.outcome = &n
}

// finish writes what a worker knows, at whatever time.
func (m *machine) finish(t *rapid.T, h *hand) {
	a, n := Attempt{Class: "test"}, Next{Status: Queued, Verification: h.g.Record.Verification}
	switch {
	case h.outcome != nil:
		n = *h.outcome
	case h.g.Step == StepInquire:
		t.Skip("not inquired yet")
	default:
		a.Class = Unsent
	}
	err := m.ledger.Finish(t.Context(), h.g, a, n)
	if err != nil && !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	if want := m.ref.finish(h.x, h.id, h.g.Step == StepInquire, n, m.clock.Now()); want != (err == nil) {
		t.Fatalf("finish %s as %s: %v; want that it counts: %v", h.x.Key, n.Status, err, want)
	}
	if h.done = true; !rapid.Bool().Draw(t, "says it again") {
		m.drop(h)
	}
}

func (m *machine) retry(t *rapid.T) {
	x := m.entry(t)
	_, err := m.ledger.Retry(t.Context(), x.Key, kim)
	if want := m.ref.retry(x.Key, m.clock.Now()); !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Fatalf("retry %s: %v, want %v", x.Key, err, want)
	}
}

// resolve: the person knows what became of it.
func (m *machine) resolve(t *rapid.T) {
	x, s := m.entry(t), Rejected
	if m.bank.effects(x.Key) > 0 {
		s = Cancelled
	}
	_, err := m.ledger.Resolve(t.Context(), x.Key, as(s))
	if want := m.ref.resolve(x.Key, s, m.clock.Now()); !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Fatalf("resolve %s: %v, want %v", x.Key, err, want)
	}
}

// drain lets time pass and honest workers work. What is not ended or a dead letter then is stuck.
func (m *machine) drain(t *rapid.T) {
	m.hands = nil
	for range 80 {
		m.clock.Advance(45 * time.Second)
		open := 0
		for _, x := range m.entries {
			if c := m.ref.c[x.Key]; c == nil || !c.open() {
				continue
			}
			open++
			m.deliver(t, x, false)
			for _, h := range m.hands {
				var n Next
				if h.g.Step == StepInquire {
					n = m.bank.verify(h.g, true, 0)
				} else {
					n = m.bank.cancel(h.g, "ok")
				}
				h.outcome = &n
				if err := m.ledger.Finish(t.Context(), h.g, Attempt{Class: "test"}, n); err != nil || !m.ref.finish(h.x, h.id, h.g.Step == StepInquire, n, m.clock.Now()) {
					t.Fatalf("finish %s: %v", h.x.Key, err)
				}
			}
			m.hands = nil
		}
		if open == 0 {
			m.check(t)
			return
		}
	}
	for _, c := range m.ref.c {
		if c.open() {
			t.Errorf("stuck: %s is %s, due at %v; the transaction is held by %q until %v", c.x.Key, c.status, c.due.Sub(start), c.txn.holder, c.txn.until)
		}
	}
}
