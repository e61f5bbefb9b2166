package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// TestNetwork is the promise on a bad network: between everybody and Redis it is slow, resets
// connections in the middle of replies, leaves them half open, and lets nothing pass for seconds,
// while order systems go on and the gateway loses answers. In the end all has ended as it should,
// without people. NETWORK_TIME makes it longer (make network); CHAOS_SEED is another order of
// faults.
func TestNetwork(t *testing.T) {
	t.Parallel()
	lasts, err := time.ParseDuration(cmp.Or(os.Getenv("NETWORK_TIME"), "12s"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(setting("CHAOS_SEED", 1))
	server := redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}})
	proxy := redistest.NewProxy(t, server.Addr())
	o := &orders{plant: plantOn(t, proxy.URL(), simulator.Options{FaultRate: 0.2, Seed: seed, Latency: 20 * time.Millisecond},
		"SETTLEBANK_TIMEOUT=2s", "SETTLEBANK_CONNECT_TIMEOUT=1s", "SETTLEBANK_VERIFY_AFTER=2s", "RETRY_INITIAL=200ms", "RETRY_CAP=3s", "LOG_LEVEL=error")}
	workers := []*process{o.start("worker"), o.start("worker")}
	o.until("the workers work", time.Minute, func() bool { return workers[0].running() && workers[1].running() })
	deadline := time.Now().Add(lasts)
	var producers sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for i := range 3 {
		producers.Go(func() {
			for n := 0; time.Now().Before(deadline); n++ {
				for _, x := range payment("nxca_jt_bi", fmt.Sprintf("STFP_PGCA_%d_%d", i, n), n%3 > 0) {
					o.register(x)
					tries := o.ask(x)
					mu.Lock()
					o.cancellations, refused = append(o.cancellations, x), refused+tries-1
					mu.Unlock()
				}
				<-time.After(100 * time.Millisecond)
			}
		})
	}
	faults := worsen(proxy, rand.New(rand.NewPCG(seed, 1)), deadline)
	producers.Wait()
	for _, w := range workers {
		if !w.running() {
			t.Errorf("a worker ended:\n%s", w.log)
		}
	}
	o.settles()
	o.until("nothing is on its way in the gateway", time.Minute, func() bool { return o.sim.Stats().Idle() })
	resets, halves := proxy.Counts()
	e, err := ledger.New(server.Client(t), ledger.Options{}).Epochs(context.Background())
	if err != nil || e.Raised > 0 {
		t.Errorf("Redis is said to have forgotten writes: %+v, %v", e, err)
	}
	said := o.audit()
	t.Logf("seed %d, %v: %v; %d connections reset, %d left half open; producers repeated %d calls; the gateway's faults %v; %s",
		seed, lasts, faults, resets, halves, refused, o.sim.Stats().Faults, said)
	for _, x := range o.cancellations {
		if r := o.record(x.IdempotencyKey); r.Dead() {
			t.Errorf("%s waits for people: %s %s %s", r.Key, r.Status, r.Reason, r.Message)
		}
	}
	if resets == 0 || halves == 0 {
		t.Error("the network was not bad")
	}
}

// worsen lets the network be bad in one way after the other, and good again at the end.
func worsen(p *redistest.Proxy, random *rand.Rand, deadline time.Time) map[string]int {
	kinds := map[string]redistest.Faults{
		"slow":      {Latency: 40 * time.Millisecond},
		"resets":    {Latency: time.Millisecond, Reset: 0.02},
		"half open": {HalfOpen: 0.01},
		"black":     {Hole: true},
		"good":      {},
	}
	names := []string{"resets", "half open", "slow", "black", "good"}
	happened := map[string]int{}
	for n := 0; time.Now().Before(deadline); n++ {
		name := names[n%len(names)]
		if n >= len(names) {
			name = names[random.IntN(len(names))]
		}
		happened[name]++
		p.Set(kinds[name])
		lasts := time.Duration(1+random.IntN(3)) * time.Second
		if name == "black" {
			lasts = 5 * time.Second
		}
		<-time.After(lasts)
	}
	p.Set(redistest.Faults{})
	return happened
}

// register tells the gateway of the payment; a second time changes nothing.
func (o *orders) register(x tasks.Cancellation) {
	_ = o.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Amount: wasPaid, Method: "CA"})
}

// ask enqueues until it is accepted, and returns how often it asked.
func (o *orders) ask(x tasks.Cancellation) int {
	for n := 1; ; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := o.client.Enqueue(ctx, x, tasks.EnqueueOptions{})
		cancel()
		if err == nil {
			return n
		}
	}
}
