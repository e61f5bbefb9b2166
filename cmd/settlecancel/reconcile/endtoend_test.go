package reconcile

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/worker"
)

// system is everything there is: Redis, a worker, and a simulated SettleBank, on the noon of the
// day.
type system struct {
	*bench
	sim    *simulator.Simulator
	client *tasks.Client
	now    func() time.Time
}

func newSystem(t *testing.T, p gateway.Protocol) *system {
	t.Helper()
	start := time.Now()
	s := &system{bench: newBench(t), now: func() time.Time { return on("2 12:00:00").Add(time.Since(start)) }}
	var err error
	if s.sim, err = simulator.New(simulator.Options{Now: s.now}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	if s.gw, err = gateway.New(gateway.Options{Merchants: []gateway.Merchant{{ID: shop, HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey), Protocol: p}},
		BaseURL: server.URL, CollationURL: server.URL, Timeout: patience, Now: s.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.gw.Close)
	s.client = tasks.NewClient(s.rdb, tasks.ClientOptions{Now: s.now, Ledger: ledger.Options{Now: s.now, VerifyAfter: time.Millisecond}})
	s.ledger = s.client.Ledger()
	if s.rec, err = New(Options{Ledger: s.ledger, Gateway: s.gw, MchtIDs: []string{shop}, RetryWait: time.Millisecond,
		Now: func() time.Time { return later }, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	own := redis.NewClient(s.rdb.Options()) // a worker adds a hook to its client
	t.Cleanup(func() { _ = own.Close() })
	w, err := worker.New(worker.Options{Redis: own, Client: s.client, Gateway: s.gw, Rounds: func(string) bool { return p == gateway.Protocol0A19 },
		VerifyAfter: time.Millisecond, DelayedPoll: 10 * time.Millisecond, IdlePoll: 10 * time.Millisecond, SweepEvery: 50 * time.Millisecond,
		SweepAfter: time.Millisecond, Servers: 1, Now: s.now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Shutdown)
	return s
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// pay registers a payment of 1000.
func (s *system) pay(name string) {
	s.Helper()
	err := s.sim.Register(simulator.Original{MchtID: shop, OrgTrdNo: name, OrgMchtTrdNo: "ORDER-" + name, OrgTrdDt: "20231215", Amount: 1000, Method: "CA"})
	if err != nil {
		s.Fatal(err)
	}
}

// fault spoils the next cancellation of a payment.
func (s *system) fault(payment string, apply simulator.Apply) {
	s.Helper()
	_, err := s.sim.Script(simulator.Rule{Path: simulator.PathCancel, OrgTrdNo: payment, Times: 1, Fault: simulator.Fault{Kind: simulator.KindDrop, Apply: apply}})
	if err != nil {
		s.Fatal(err)
	}
}

// cancel has the worker carry a cancellation out, to the status that it ends in.
func (s *system) cancel(key, payment string, amount int64, ends ledger.Status) {
	s.Helper()
	x := refund(key, payment, func(x *tasks.Cancellation) { x.CanAmt, x.OrgTrdAmt = amount, 1000 })
	if _, err := s.client.Enqueue(s.Context(), x, tasks.EnqueueOptions{}); err != nil {
		s.Fatal(err)
	}
	s.until(key, ends)
}

// until waits for the status that a cancellation ends in.
func (s *system) until(key string, ends ledger.Status) {
	s.Helper()
	clocktest.WaitFor(s, key+" is "+string(ends), func() bool { return s.record(key).Status == ends })
}

// compare runs the comparison; its rows are sorted.
func (s *system) compare(edits ...func(*Query)) ([]string, Summary) {
	s.Helper()
	q := Query{Date: day}
	for _, edit := range edits {
		edit(&q)
	}
	var rows []string
	sum, err := s.rec.Run(s.Context(), q, func(r Row) error {
		r.ListedTrdNo = "" // the simulator's numbers are its own
		rows = append(rows, brief(r))
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	slices.Sort(rows)
	return rows, sum
}

// TestEndToEnd compares what a worker did at a simulated SettleBank, with both protocols. Only with
// 0A19 the list says which of two cancellations of one payment and amount it was.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		protocol    gateway.Protocol
		first, then []string
	}{
		{gateway.Flat,
			[]string{"settled b1 cancelled", "undecided", "undecided c1 review", "undecided c2 review"},
			[]string{"agreed b1 cancelled", "undecided", "undecided c1 review", "undecided c2 review"}},
		{gateway.Protocol0A19,
			[]string{"settled b1 cancelled", "settled c1 cancelled", "undecided c2 review"},
			[]string{"agreed b1 cancelled", "agreed c1 cancelled", "undecided c2 review"}},
	} {
		t.Run(string(tt.protocol), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, tt.protocol)
			for _, name := range []string{"P1", "P2", "P3", "P4", "P5"} {
				s.pay(name)
			}
			s.cancel("a1", "P1", 300, ledger.Cancelled)
			s.cancel("a2", "P1", 300, ledger.Cancelled)
			s.fault("P2", simulator.ApplyYes)
			s.cancel("b1", "P2", 400, ledger.Review)
			s.fault("P3", simulator.ApplyYes)
			s.cancel("c1", "P3", 300, ledger.Review)
			s.fault("P3", simulator.ApplyNo)
			s.cancel("c2", "P3", 300, ledger.Review)
			for _, payment := range []string{"P4", "P5"} {
				if _, err := s.sim.CancelElsewhere(shop, payment, 1000); err != nil {
					t.Fatal(err)
				}
			}
			s.cancel("d1", "P5", 1000, ledger.AlreadyCancelled)

			same := []string{"agreed a1 cancelled", "agreed a2 cancelled", "agreed d1 already_cancelled", "not_with_us"}
			rows, sum := s.compare()
			s.want(rows, slices.Sorted(slices.Values(append(tt.first, same...)))...)
			if sum.Agrees() || len(sum.Failures) != 0 {
				t.Errorf("summary %+v", sum)
			}
			rows, _ = s.compare()
			s.want(rows, slices.Sorted(slices.Values(append(tt.then, same...)))...)
			if o, _ := s.sim.Original(shop, "P2"); o.CancelledAmount != 400 || s.record("b1").ConfirmedCancelled != 400 {
				t.Errorf("SettleBank cancelled %d, we say %d", o.CancelledAmount, s.record("b1").ConfirmedCancelled)
			}
		})
	}
}

// TestEndToEndFaults: a list that comes cut, miscounted or not at all is asked for again, and not
// believed.
func TestEndToEndFaults(t *testing.T) {
	t.Parallel()
	s := newSystem(t, gateway.Flat)
	s.pay("P1")
	s.fault("P1", simulator.ApplyYes)
	s.cancel("r1", "P1", 400, ledger.Review)
	for _, kind := range []simulator.Kind{simulator.KindDrop, simulator.KindTruncated, simulator.KindCut, simulator.KindWrongCount} {
		every := simulator.Rule{Path: simulator.PathCollation, Times: s.rec.opts.Tries, Fault: simulator.Fault{Kind: kind}}
		if _, err := s.sim.Script(every); err != nil {
			t.Fatal(kind, err)
		}
		rows, sum := s.compare(func(q *Query) { q.Methods = []string{"CA"} })
		s.want(rows, "undecided r1 review")
		if len(sum.Failures) != 1 || s.record("r1").Status != ledger.Review {
			t.Errorf("%s: failures %q, it is %s", kind, sum.Failures, s.record("r1").Status)
		}
	}
	if _, err := s.sim.Script(simulator.Rule{Path: simulator.PathCollation, Times: 2, Fault: simulator.Fault{Kind: simulator.KindDrop}}); err != nil {
		t.Fatal(err)
	}
	rows, sum := s.compare()
	s.want(rows, "settled r1 cancelled")
	if !sum.Agrees() {
		t.Errorf("summary %+v", sum)
	}
}
