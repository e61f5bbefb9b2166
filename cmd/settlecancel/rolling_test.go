package main

import (
	"fmt"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
)

// Two workers are replaced one after the other, as a rolling upgrade does, while cancellations keep
// coming. Nothing is lost, nothing is done twice, what was on the wire ends as if nothing had
// happened, and at every moment somebody works.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	for protocol, newFirst := range map[string]bool{"flat": false, "0A19": true} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			upgrade(t, protocol, newFirst)
		})
	}
}

const (
	places = 4  // cancellations that a worker carries out at a time
	share  = 20 // how many more requests of one who is to be at work are waited for
)

func upgrade(t *testing.T, protocol string, newFirst bool) {
	p := newPlant(t, simulator.Options{AutoAmount: wasPaid, Latency: 20 * time.Millisecond},
		fmt.Sprint("WORKER_CONCURRENCY=", places), "SETTLEBANK_PROTOCOL="+protocol)
	workers := []*hand{p.hire(), p.hire()}
	coming := p.flow("nxca_jt_bi", 12)
	for _, w := range workers {
		w.works(share)
	}
	for i, old := range workers {
		workers[i] = replace(old, workers[1-i], newFirst)
	}
	coming.stop()
	p.settles()
	for _, w := range workers {
		w.dismiss()
		w.leaves()
	}
	coming.undisturbed()
}

// replace puts a new worker in the place of an old one, whose requests are on the wire when it is
// told to go. The other one must have requests answered at every step: between the signal and the
// old one's end, before the new one is started, and after that.
func replace(old, other *hand, newFirst bool) (successor *hand) {
	if newFirst {
		successor = old.plant.hire()
		successor.works(share)
	}
	old.hold()
	old.hasHeld(places)
	old.dismiss()
	other.works(share)
	if !old.running() {
		old.Errorf("a worker has gone while its requests were on the wire:\n%s", old.log)
	}
	old.release()
	old.leaves()
	other.works(share)
	if !newFirst {
		successor = old.plant.hire()
		other.works(share)
		successor.works(share)
	}
	return successor
}
