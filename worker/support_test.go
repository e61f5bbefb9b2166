package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/tasktest"
)

// shared serves tests that neither restart nor flush a Redis; each has payments of its own in it.
var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

// bench is a worker with everything around it: a real Redis, a simulated SettleBank behind real
// HTTP, and a clock of its own.
type bench struct {
	t      *testing.T
	redis  *redistest.Server
	rdb    *redis.Client
	sim    *simulator.Simulator
	url    string
	clock  *clocktest.Clock // the ledger's: nothing in these tests waits for the real one
	client *tasks.Client
	worker *Worker
	mchtID string

	unseeded bool // the sums of payments are not known: the first part asks
}

type setup struct {
	redis   *redistest.Server // default: the shared one
	options Options           // of the worker; what is zero is set for tests
	ledger  ledger.Options
	gateway gateway.Options
	key     string // hash key of the client, the testbed's by default

	protocol gateway.Protocol // flat by default
	blind    bool             // SETTLEBANK_INQUIRY is off
}

var payments atomic.Int64

func newBench(t *testing.T, s setup) *bench {
	t.Helper()
	if s.redis == nil {
		s.redis = shared.Server(t)
	}
	b := &bench{t: t, redis: s.redis, rdb: s.redis.Client(t), clock: clocktest.New(time.Now()), mchtID: "nxca_jt_bi"}
	var err error
	if b.sim, err = simulator.New(simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	b.url = server.URL
	if s.ledger.Now == nil {
		s.ledger.Now = b.clock.Now
	}
	s.ledger.Inquiry = !s.blind
	b.client = tasks.NewClient(b.rdb, tasks.ClientOptions{Ledger: s.ledger})
	b.worker = b.newWorker(s)
	return b
}

// newWorker returns one more worker on the same Redis and gateway.
func (b *bench) newWorker(s setup) *Worker {
	b.t.Helper()
	key := settlebank.TestbedHashKey
	if s.key != "" {
		key = s.key
	}
	s.gateway.Merchants = []gateway.Merchant{
		{ID: b.mchtID, HashKey: settlebank.NewSecret(key), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey), Protocol: s.protocol},
		{ID: "nxca_jt_il", HashKey: settlebank.NewSecret(settlebank.TestbedHashKey), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey)},
	}
	if s.gateway.BaseURL == "" {
		s.gateway.BaseURL = b.url
	}
	gw, err := gateway.New(s.gateway)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(gw.Close)
	o := s.options
	o.Rounds = func(string) bool { return s.protocol == gateway.Protocol0A19 }
	o.Redis, o.Client, o.Now = b.redis.Client(b.t), b.client, b.clock.Now
	if o.Gateway == nil {
		o.Gateway = gw
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	w, err := New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// pay registers a payment at the gateway and answers a cancellation of a part of it.
func (b *bench) pay(of, cancel int64) tasks.Cancellation {
	b.t.Helper()
	n := payments.Add(1)
	x := tasks.Cancellation{
		IdempotencyKey: fmt.Sprintf("refund-%d-%d", os.Getpid(), n), MchtID: b.mchtID,
		OrgTrdNo: fmt.Sprintf("STFP_%d_%d", os.Getpid(), n), OrgMchtTrdNo: fmt.Sprintf("ORDER%d", n), OrgTrdDt: "20260105",
		CanAmt: cancel, OrgTrdAmt: of, Method: "CA",
	}
	err := b.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Amount: of, Method: "CA"})
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

// sibling returns another cancellation of the same payment.
func sibling(x tasks.Cancellation, suffix string, amount int64) tasks.Cancellation {
	x.IdempotencyKey += suffix
	x.CanAmt = amount
	return x
}

// script makes the next requests of a payment suffer faults, one each.
func (b *bench) script(path simulator.Path, x tasks.Cancellation, faults ...simulator.Fault) {
	b.t.Helper()
	for _, f := range faults {
		if _, err := b.sim.Script(simulator.Rule{Path: path, OrgTrdNo: x.OrgTrdNo, Times: 1, Fault: f}); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) accept(xs ...tasks.Cancellation) {
	b.t.Helper()
	for _, x := range xs {
		if !b.unseeded { // as if a daily list had told that nothing is cancelled
			if _, err := b.client.Ledger().Seed(context.Background(), x.MchtID, x.OrgTrdNo, 0, 0); err != nil {
				b.t.Fatal(err)
			}
		}
		if _, err := b.client.Enqueue(context.Background(), x, tasks.EnqueueOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// run hands the task of x to a worker once, as asynq would.
func (b *bench) run(w *Worker, x tasks.Cancellation) error {
	b.t.Helper()
	payload, err := x.Payload()
	if err != nil {
		b.t.Fatal(err)
	}
	return w.route(context.Background(), asynq.NewTask(tasks.TypeCancel, payload))
}

// drive hands the task of x to the worker again and again, letting the time pass that the worker
// asks for, until asynq would be done with it. It answers the record.
func (b *bench) drive(x tasks.Cancellation) ledger.Record {
	b.t.Helper()
	for range 300 {
		var p *postponed
		err := b.run(b.worker, x)
		if !errors.As(err, &p) {
			if r := b.record(x); err != nil && !errors.Is(err, asynq.SkipRetry) {
				b.t.Fatalf("%s: %v", x.IdempotencyKey, err)
			} else {
				return r
			}
		}
		b.clock.Advance(max(p.after, time.Millisecond))
	}
	b.t.Fatalf("%s never ends: %+v", x.IdempotencyKey, b.record(x))
	return ledger.Record{}
}

func (b *bench) record(x tasks.Cancellation) ledger.Record {
	b.t.Helper()
	return tasktest.Record(b.t, b.client.Ledger(), x.IdempotencyKey)
}

// requests counts what reached the gateway of a payment: requests to cancel, and inquiries.
func (b *bench) requests(x tasks.Cancellation) (cancels, inquiries int) {
	for _, r := range b.sim.Received() {
		if r.OrgTrdNo != x.OrgTrdNo {
			continue
		}
		if r.Path == "/spay/APICancel.do" {
			cancels++
		} else {
			inquiries++
		}
	}
	return cancels, inquiries
}

// effects returns how often, and how much of, a payment was cancelled.
func (b *bench) effects(x tasks.Cancellation) (n int, sum int64) {
	for _, e := range b.sim.Effects() {
		if e.OrgTrdNo == x.OrgTrdNo {
			n++
			sum += e.Amount
		}
	}
	return n, sum
}

// check compares how a cancellation ended, and what it took.
func (b *bench) check(x tasks.Cancellation, status ledger.Status, cancels, inquiries, effects int) {
	b.t.Helper()
	r := b.record(x)
	if r.Status != status {
		b.t.Errorf("%s is %s %s %q, want %s", x.IdempotencyKey, r.Status, r.Code, r.Message, status)
	}
	if c, i := b.requests(x); c != cancels || i != inquiries {
		b.t.Errorf("%d requests and %d inquiries, want %d and %d", c, i, cancels, inquiries)
	}
	if n, _ := b.effects(x); n != effects {
		b.t.Errorf("applied %d times, want %d", n, effects)
	}
}

// ownRedis starts a Redis for a test that breaks it. Like the one that we ship, it writes
// everything down before it answers.
func ownRedis(t *testing.T) *redistest.Server {
	t.Helper()
	return redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
}
