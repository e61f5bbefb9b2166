package main

import (
	"fmt"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
)

// Two workers together keep to SETTLEBANK_RATE: in no second do more requests than that, and a
// tenth, reach the gateway, inquiries among them.
func TestRateOfTwoWorkers(t *testing.T) {
	t.Parallel()
	const rate, most, requests, unknown = 20, 22, 70, 7
	p := newPlant(t, simulator.Options{AutoAmount: wasPaid}, fmt.Sprintf("SETTLEBANK_RATE=%d", rate), "SETTLEBANK_VERIFY_AFTER=1s")
	for i := range unknown { // far enough from each other that they do not hold the merchant
		if _, err := p.sim.Script(simulator.Rule{Path: simulator.PathCancel, Skip: 5 + 8*i, Times: 1,
			Fault: simulator.Fault{Kind: simulator.KindDrop, Apply: simulator.ApplyYes}}); err != nil {
			t.Fatal(err)
		}
	}
	coming := p.flow("nxca_jt_bi", 12)
	workers := []*hand{p.hire(), p.hire()}
	late := lateness(t)
	for _, w := range workers {
		w.works(10)
	}
	p.until("enough requests have come", 2*time.Minute, func() bool { return p.sim.Stats().Cancels >= requests })
	coming.stop()
	p.settles()
	said := coming.audit()

	s := p.sim.Stats()
	if s.Cancels != int64(s.Effects) || s.Inquiries < unknown {
		t.Errorf("%d requests had %d effects; %d inquiries, want %d at least", s.Cancels, s.Effects, s.Inquiries, unknown)
	}
	var arrivals []time.Time
	for _, r := range p.sim.Received() {
		arrivals = append(arrivals, r.Time)
	}
	// The workers space what they send. How far it may have been pushed together on its way here,
	// this machine tells.
	window := time.Second - late()
	n := densest(arrivals, window)
	if n > most {
		t.Errorf("%d requests within %v, at %d a second", n, window, rate)
	}
	t.Logf("%s; %d requests and %d inquiries, at most %d within %v and %d within a second", said, s.Cancels, s.Inquiries, n, window, densest(arrivals, time.Second))
}

// lateness watches by how much this machine at worst oversleeps.
func lateness(t *testing.T) func() time.Duration {
	const nap = 5 * time.Millisecond
	end, worst := make(chan struct{}), make(chan time.Duration, 1)
	worst <- 0
	t.Cleanup(func() { close(end) })
	go func() {
		for slept := time.Now(); ; slept = time.Now() {
			select {
			case <-end:
				return
			case <-time.After(nap):
				worst <- max(<-worst, time.Since(slept)-nap)
			}
		}
	}()
	return func() time.Duration {
		w := <-worst
		worst <- w
		return w
	}
}

// densest returns how many of these moments lie within one window at most.
func densest(moments []time.Time, window time.Duration) int {
	most, first := 0, 0
	for i := range moments {
		for first < i && moments[i].Sub(moments[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
