package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// pauseRule is how soon a pause stops every worker.
const pauseRule = 2 * time.Second

// While several workers work, a pause by hand stops all of them, and whom it does not name goes on.
// Resumed, everything flows again, and has cost nothing.
func TestPauseStopsEveryWorker(t *testing.T) {
	t.Parallel()
	const one, another = "nxca_jt_bi", "nxca_ks_gu"
	for name, c := range map[string]struct {
		whom    string
		stops   []string // whose requests do
		goesOn  []string
		workers int
		ahead   int // of each producer
		environ []string
	}{
		"everything":                        {whom: "--all", stops: []string{one, another}, workers: 2, ahead: 8},
		"one merchant":                      {whom: one, stops: []string{one}, goesOn: []string{another}, workers: 2, ahead: 8},
		"one whose requests wait for slots": {whom: one, stops: []string{one}, workers: 4, ahead: 40, environ: []string{"SETTLEBANK_RATE=40", "WORKER_CONCURRENCY=32"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, simulator.Options{AutoAmount: wasPaid, Latency: 20 * time.Millisecond}, c.environ...)
			all := &orders{plant: p}
			var flows []*flow
			for _, m := range append(c.stops, c.goesOn...) {
				flows = append(flows, p.flow(m, c.ahead))
			}
			var workers []*hand
			for range c.workers {
				workers = append(workers, p.hire())
			}
			for _, w := range workers {
				w.works(3)
			}
			late := lateness(t)

			p.run(exitDone, "pause", c.whom, "--by", "kim", "--note", "card company is down")
			returned := time.Now()
			<-time.After(pauseRule)
			all.putOff(workers, c.stops)
			for _, m := range c.goesOn {
				before := p.arrived(m)
				p.until(m+" goes on", 2*time.Minute, func() bool { return p.arrived(m) >= before+20 })
			}
			for _, m := range c.stops {
				p.quiet(m, returned.Add(pauseRule+late()))
			}

			for _, f := range flows {
				f.stop()
				all.cancellations = append(all.cancellations, f.cancellations...)
			}
			p.run(exitDone, "resume", c.whom)
			p.settles()
			all.undisturbed()
		})
	}
}

// A typo does not look like a stop.
func TestPauseUsage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for name, tt := range map[string]struct{ args, say string }{
		"ErrUnknown":  {"nope --by kim", `merchant "nope" is not configured: nothing is paused; name shop, or --all`},
		"ErrByAlone":  {"--by kim", "name one merchant, or --all"},
		"ErrNote":     {"--note why", "name one merchant, or --all"},
		"ErrTwo":      {"shop other", "name one merchant, or --all"},
		"ErrBoth":     {"shop --all", "name one merchant, or --all"},
		"ErrManyBy":   {"nope --by " + strings.Repeat("k", terminal.MaxBy+1), "--by has 65 characters"},
		"ErrManyNope": {"nope --by " + strings.Repeat("k", terminal.MaxBy+1), `"nope" is not configured`},
	} {
		t.Run(name, func(t *testing.T) {
			c.run(append([]string{"pause"}, strings.Fields(tt.args)...)...).want(t, exitUsage, nil, []string{tt.say})
		})
	}
	c.run("pause").wantOut(t, "nothing is paused\n")
	c.run("resume", "nope").want(t, exitFailed, nil, []string{"nope is not paused"})
	c.run("pause", "shop", "--by", "kim").want(t, exitDone, []string{"shop: paused"}, nil)
	c.run("pause").want(t, exitDone, []string{"shop is paused since ", "by kim"}, nil)
}

// Who enqueues, or asks how far a cancellation has come, is told of a pause that it waits for.
func TestPauseIsTold(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run(oneByFlags("before")...).want(t, exitDone, []string{"accepted"}, nil)
	c.run("pause", "--all", "--by", "kim", "--note", "card company is down").wantOut(t,
		"all merchants: paused; requests on the wire end, nothing new is sent, cancellations are still accepted\n")
	const why = "all merchants are paused since 20"
	c.run("pause").want(t, exitDone, []string{why, " by kim: card company is down\n"}, nil)
	c.run(oneByFlags("after")...).want(t, exitDone, []string{"after  queued  accepted\n"}, []string{"it waits: " + why, "by kim: card company is down"})
	c.runIn(t.Context(), strings.NewReader(lines(cancellation("many"))), "enqueue", "--file", "-").want(t, exitDone,
		[]string{"1 accepted"}, []string{why, "what is accepted waits"})
	for _, key := range []string{"before", "after"} {
		c.run("status", key).want(t, exitDone, []string{"\nwaits      " + why}, nil)
	}
	c.run("resume", "--all").wantOut(t, "all merchants: resumed\n")
	c.run("resume", "--all").want(t, exitFailed, nil, []string{"all merchants are not paused"})
	if o := c.run("status", "after"); strings.Contains(o.out, "waits") {
		t.Errorf("it waits for nothing any more:\n%s", o.out)
	}
	c.attempts(cancellation("done"), rejects("1002", "no"))
	c.run("pause", "shop", "--by", "kim").want(t, exitDone, []string{"shop: paused"}, nil)
	if o := c.run("status", "done"); strings.Contains(o.out, "waits") {
		t.Errorf("a dead letter waits for people alone:\n%s", o.out)
	}
}

// putOff enqueues for merchants that are paused until each worker has put three tasks off: it is at
// work, and knows.
func (o *orders) putOff(workers []*hand, merchants []string) {
	o.Helper()
	for i, w := range workers {
		before, n := w.putOff(), 0
		o.until(fmt.Sprintf("worker %d puts off what is paused", i), 2*time.Minute, func() bool {
			x := payment(merchants[n%len(merchants)], fmt.Sprintf("STFP_PGCA_WAITS_%d_%d", i, n), false)[0]
			n++
			o.enqueue(x)
			o.cancellations = append(o.cancellations, x)
			return w.putOff() >= before+3
		})
	}
}

// arrived counts what has come to the gateway of a merchant.
func (p *plant) arrived(mchtID string) int {
	n := 0
	for _, r := range p.sim.Received() {
		if r.MchtID == mchtID {
			n++
		}
	}
	return n
}

// quiet checks that nothing of a merchant has come to the gateway since a moment, and that what
// waits has cost nothing.
func (p *plant) quiet(mchtID string, since time.Time) {
	p.Helper()
	var last time.Time
	for _, r := range p.sim.Received() {
		if r.MchtID == mchtID {
			last = r.Time
		}
	}
	if !last.Before(since) {
		p.Errorf("a request of %s, which is paused, came %v too late", mchtID, last.Sub(since))
	} else {
		p.Logf("%s: the last request came %v before it was too late", mchtID, since.Sub(last).Round(time.Millisecond))
	}
	waiting := 0
	for r, err := range p.client.Ledger().All(context.Background(), ledger.Open, ledger.Listing{}) {
		if err != nil {
			p.Fatal(err)
		}
		if r.MchtID != mchtID {
			continue
		}
		waiting++
		if r.Status != ledger.Queued || r.Spent != 0 {
			p.Errorf("%s is %s in a pause, and has spent %d of its budget", r.Key, r.Status, r.Spent)
		}
	}
	if waiting == 0 {
		p.Errorf("nothing of %s waits: there was nothing to pause", mchtID)
	}
}
