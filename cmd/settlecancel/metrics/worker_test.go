package metrics

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/worker"
)

// plant is a real worker that the metrics observe, on a real Redis and a simulated SettleBank.
type plant struct {
	*bench
	sim   *simulator.Simulator
	watch *breakerWatch
	work  *worker.Worker
	stop  func()
}

// newPlant returns a plant at which nothing runs yet. Its worker does one thing at a time.
func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{bench: newBench(t, func(o *Options) { o.Now = nil })}
	p.watch = &breakerWatch{Metrics: p.metrics}
	p.client = tasks.NewClient(p.rdb, tasks.ClientOptions{Ledger: ledger.Options{VerifyAfter: time.Millisecond, Inquiry: true}})
	var err error
	if p.sim, err = simulator.New(simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(p.sim)
	t.Cleanup(web.Close)
	gw, err := gateway.New(gateway.Options{BaseURL: web.URL, Merchants: []gateway.Merchant{
		{ID: shop, HashKey: settlebank.NewSecret(settlebank.TestbedHashKey), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gw.Close)
	queue := redis.NewClient(p.rdb.Options())
	t.Cleanup(func() { _ = queue.Close() })
	p.work, err = worker.New(worker.Options{Redis: queue, Client: p.client, Gateway: gw, Observer: p.watch,
		RetryInitial: time.Millisecond, RetryCap: 10 * time.Millisecond, VerifyAfter: time.Millisecond, HoldFor: 50 * time.Millisecond,
		IdlePoll: 10 * time.Millisecond, DelayedPoll: 20 * time.Millisecond, SweepEvery: 50 * time.Millisecond, Concurrency: 1,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *plant) start() {
	p.Helper()
	if err := p.work.Start(); err != nil {
		p.Fatal(err)
	}
	p.stop = sync.OnceFunc(p.work.Shutdown)
	p.Cleanup(p.stop)
}

// pay registers a payment of 1000 won at the gateway and enqueues the cancellation of a half of it,
// after its faults are set.
func (p *plant) pay(name string, faults ...simulator.Fault) tasks.Cancellation {
	p.Helper()
	x := sample(name)
	if err := p.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Amount: x.OrgTrdAmt, Method: x.Method}); err != nil {
		p.Fatal(err)
	}
	for _, f := range faults {
		if _, err := p.sim.Script(simulator.Rule{Path: simulator.PathCancel, OrgTrdNo: x.OrgTrdNo, Times: 1, Fault: f}); err != nil {
			p.Fatal(err)
		}
	}
	return p.enqueue(x)
}

// until looks again and again at what asynq's own clock brings about. Only a hang fails it.
func (p *plant) until(what string, ok func() bool) {
	p.Helper()
	clocktest.WaitFor(p, what, ok)
}

func (p *plant) settled() float64 {
	sum := 0.0
	for _, n := range p.values("settlecancel_settled_total", "status", "method", "merchant") {
		sum += n
	}
	return sum
}

// TestWorkerOK: what a real worker tells is counted as what it is.
func TestWorkerOK(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.pay("good")
	p.pay("refused", simulator.Fault{Kind: simulator.KindCode, Code: "CA10", Message: "no"})
	p.pay("busy", simulator.Fault{Kind: simulator.KindCode, Code: "ST41", Message: "busy"})
	p.pay("doubt", simulator.Fault{Kind: simulator.KindCode, Code: "9999", Message: "?"})
	p.start()
	p.until("all have settled", func() bool { return p.settled() == 4 })

	attempts := p.values("settlecancel_attempts_total", "kind", "class", "merchant", "method")
	want := map[string]float64{"request ok " + shop + " CA": 3, "request rejected " + shop + " CA": 1, "request transient " + shop + " CA": 1,
		"request unknown " + shop + " CA": 1, "inquiry ok " + shop + " CA": 6}
	if diff := cmp.Diff(want, moved(attempts)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	want = map[string]float64{"cancelled CA " + shop: 3, "rejected CA " + shop: 1}
	if diff := cmp.Diff(want, moved(p.values("settlecancel_settled_total", "status", "method", "merchant"))); diff != "" {
		t.Errorf("settled (-want +got):\n%s", diff)
	}
	want = map[string]float64{"cancelled KRW": 1500, "rejected KRW": 500}
	if diff := cmp.Diff(want, moved(p.values("settlecancel_settled_amount_total", "status", "currency"))); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
	put := p.values("settlecancel_postponed_total", "reason")
	if put["retry"] != 1 || put["verify"] != 2 || put[other] != 0 {
		t.Errorf("postponed: %v", put)
	}
	p.until("the sweeper is seen", func() bool { return p.one("settlecancel_sweeper_present") == 1 })
	p.until("the rejected one's task is archived", func() bool {
		return p.values("settlecancel_queue_tasks", "queue", "state")["default archived"] == 1
	})
	if dead := p.values("settlecancel_cancellations", "status")["rejected"]; dead != 1 {
		t.Errorf("%v rejected, want 1", dead)
	}
}

// TestWorkerHeld: a merchant whose keys are wrong is held, and flows again once they are right.
func TestWorkerHeld(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	if _, err := p.sim.Script(simulator.Rule{Path: simulator.PathCancel, Times: 10,
		Fault: simulator.Fault{Kind: simulator.KindCode, Code: "1901", Message: "hash mismatch"}}); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		p.pay(fmt.Sprint("held-", i))
	}
	p.start()
	p.until("all are cancelled", func() bool { return p.settled() == 10 })
	p.stop()
	if diff := cmp.Diff([]float64{2, 1, 0}, p.watch.states); diff != "" {
		t.Errorf("the breaker's states (-want +got):\n%s", diff)
	}
	attempts := p.values("settlecancel_attempts_total", "kind", "class", "merchant", "method")
	if n := attempts["request misconfigured "+shop+" CA"]; n != 10 {
		t.Errorf("%v misconfigured, want 10", n)
	}
	if n := p.values("settlecancel_postponed_total", "reason")["misconfigured"]; n != 10 {
		t.Errorf("%v put off for it, want 10", n)
	}
}

// breakerWatch notes what the gauge shows at each change.
type breakerWatch struct {
	*Metrics
	states []float64 // written by the worker, one at a time; read once it has ended
}

func (w *breakerWatch) Breaker(mchtID, state string) {
	w.Metrics.Breaker(mchtID, state)
	w.breakers.mu.Lock()
	defer w.breakers.mu.Unlock()
	w.states = append(w.states, w.breakers.held[mchtID])
}
