package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// TestChaos is the promise, tested by breaking things: the program as it is shipped carries
// cancellations out while its gateway fails in every way, its workers are killed and its Redis is
// killed too. In the end each cancellation's status is compared with what the gateway did. The
// environment makes it longer (make chaos): CHAOS_COUNT, CHAOS_SEED, CHAOS_FAULTS, CHAOS_KILLS,
// CHAOS_RESTARTS, CHAOS_PROTOCOL (default: one after the other).
func TestChaos(t *testing.T) {
	t.Parallel()
	for _, protocol := range strings.Fields(cmp.Or(os.Getenv("CHAOS_PROTOCOL"), "flat 0A19")) {
		t.Run(protocol, func(t *testing.T) { wreakHavoc(t, protocol) })
	}
}

func wreakHavoc(t *testing.T, protocol string) {
	c := &chaos{count: setting("CHAOS_COUNT", 300), kills: setting("CHAOS_KILLS", 3), restarts: setting("CHAOS_RESTARTS", 1)}
	seed, faults := setting("CHAOS_SEED", 1), float64(setting("CHAOS_FAULTS", 30))/100
	c.rand = rand.New(rand.NewPCG(uint64(seed), 0))
	c.plant = newPlant(t, simulator.Options{FaultRate: faults, Seed: uint64(seed), InquiryFaults: true, Kinds: chaosFaults(),
		Rules: []simulator.Rule{
			{Path: simulator.PathCancel, Rate: meanwhile, Elsewhere: simulator.Elsewhere{When: simulator.Before}},
			{Path: simulator.PathCancel, Rate: meanwhile, Elsewhere: simulator.Elsewhere{When: simulator.After}},
		}},
		"SETTLEBANK_TIMEOUT=1s", "SETTLEBANK_CONNECT_TIMEOUT=500ms", "SETTLEBANK_VERIFY_AFTER="+verifyAfter.String(),
		"RETRY_INITIAL=100ms", "RETRY_CAP=2s", "LOG_LEVEL=error", "SETTLEBANK_PROTOCOL="+protocol)
	c.prepare()
	start := time.Now()
	workers := []*process{c.start("worker"), c.start("worker")}
	var producers sync.WaitGroup
	for i := range 4 {
		producers.Go(func() { c.produce(i, 4) })
	}
	c.wreck(workers)
	producers.Wait()
	c.until("nothing is open", 20*time.Minute, func() bool {
		open, _, err := c.client.Ledger().Counts(context.Background())
		return err == nil && open == 0
	})
	c.until("nothing is on its way in the gateway", time.Minute, func() bool { return c.sim.Stats().Idle() })
	c.compare(time.Since(start), seed)
}

const (
	verifyAfter = time.Second
	meanwhile   = 0.005 // share of requests before which, and after which, somebody cancels a part elsewhere
)

// chaosFaults are the simulator's own, applied and shown late by up to half of verifyAfter, and the
// ways in which the vendor's answers mislead.
func chaosFaults() []simulator.Fault {
	faults := simulator.DefaultFaults()
	for i, f := range faults {
		if f.Delay == 50*time.Millisecond {
			faults[i].Delay, faults[i].UpTo = verifyAfter/2, true
		}
	}
	return append(faults, simulator.Fault{Kind: simulator.KindTwice}, simulator.Fault{Kind: simulator.KindEarly},
		simulator.Fault{Kind: simulator.KindSumless})
}

func setting(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

type chaos struct {
	orders
	rand                   *rand.Rand
	count, kills, restarts int
}

// orders are what was enqueued, to be compared with what became of it.
type orders struct {
	*plant
	cancellations []tasks.Cancellation
	loses         bool            // Redis is made to forget
	doomed        map[string]bool // by key: the gateway refuses it for good
}

// prepare registers payments and thinks cancellations of them up: whole ones, and parts of
// different amounts, so that each effect can be told from the others of its payment. A few cannot
// be verified, a few are for more than was paid. Of some payments a part has been cancelled
// elsewhere.
func (c *chaos) prepare() {
	c.Helper()
	c.doomed = map[string]bool{}
	for n := 0; len(c.cancellations) < c.count; n++ {
		paid := int64(10_000)
		x := tasks.Cancellation{MchtID: "nxca_jt_bi", OrgTrdNo: fmt.Sprintf("STFP_PGCA%06d", n), OrgMchtTrdNo: fmt.Sprintf("ORDER%06d", n),
			OrgTrdDt: "20260105", OrgTrdAmt: paid, Method: "CA"}
		if err := c.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
			OrgTrdDt: x.OrgTrdDt, Amount: paid, Method: "CA"}); err != nil {
			c.Fatal(err)
		}
		if c.rand.IntN(10) == 0 { // somebody was faster, on SettleBank's own site
			if _, err := c.sim.CancelElsewhere(x.MchtID, x.OrgTrdNo, 1+c.rand.Int64N(1000)); err != nil {
				c.Fatal(err)
			}
		}
		switch kind := c.rand.IntN(10); {
		case kind < 4:
			c.add(x, paid, "full")
		case kind == 4:
			x.OrgTrdAmt = 0
			c.add(x, paid+1, "too-much")
			c.doomed[c.cancellations[len(c.cancellations)-1].IdempotencyKey] = true
		case kind == 5:
			x.OrgTrdAmt = 0
			c.add(x, 1234, "unverifiable")
		default:
			for part := range 1 + c.rand.IntN(4) {
				c.add(x, int64(100<<part), fmt.Sprintf("part%d", part))
			}
		}
	}
	c.cancellations = c.cancellations[:c.count]
}

func (c *chaos) add(x tasks.Cancellation, amount int64, kind string) {
	x.CanAmt = amount
	x.IdempotencyKey = x.OrgMchtTrdNo + "-" + kind
	c.cancellations = append(c.cancellations, x)
}

// produce enqueues every n-th cancellation, each until it is accepted, and some of them twice.
func (c *chaos) produce(first, n int) {
	for i := first; i < len(c.cancellations); i += n {
		for again := 0; again < 1+i%7/6; {
			if _, err := c.client.Enqueue(context.Background(), c.cancellations[i], tasks.EnqueueOptions{}); err == nil {
				again++
			}
		}
	}
}

// wreck kills workers and Redis, spread over the work to be done, and puts others in their places.
func (c *chaos) wreck(workers []*process) {
	c.Helper()
	total := c.kills + c.restarts
	order := c.rand.Perm(total)
	for i, what := range order {
		goal := int64(c.count) * int64(i+1) / int64(total+1)
		c.until(fmt.Sprintf("%d cancellations have been applied", goal/2), 20*time.Minute, func() bool { return int64(c.sim.Stats().Effects) >= goal/2 })
		if what < c.kills {
			victim := c.rand.IntN(len(workers))
			workers[victim].kill()
			workers[victim] = c.start("worker")
		} else if err := c.redis.Restart(); err != nil {
			c.Fatal(err)
		}
		for n, w := range workers { // a worker that did not find Redis at its start has given up
			if !w.running() {
				workers[n] = c.start("worker")
			}
		}
	}
}

// compare looks at what came of the chaos.
func (c *chaos) compare(took time.Duration, seed int) {
	c.Helper()
	found, s := c.audit(), c.sim.Stats()
	c.Logf("seed %d, in %v, %d workers killed, Redis killed %d times; the gateway saw %d requests and %d inquiries, faults %v; %s",
		seed, took.Round(time.Second), c.kills, c.restarts, s.Cancels, s.Inquiries, s.Faults, found)
	if s.MaxConcurrent > 2 { // a killed worker's request may still be in the gateway
		c.Errorf("%d requests of one payment at once: %v", s.MaxConcurrent, s.Overlaps)
	}
}

// audit looks at each cancellation: what the ledger says of it, and how often the gateway carried
// it out.
func (o *orders) audit() (found string) {
	o.Helper()
	effects, elsewhere := map[string]int{}, map[string]bool{}
	for _, e := range o.sim.Effects() {
		if e.Elsewhere {
			elsewhere[e.OrgTrdNo] = true
		} else {
			effects[fmt.Sprint(e.OrgTrdNo, " ", e.Amount)]++
		}
	}
	statuses, reviews, inquirable := map[ledger.Status]int{}, map[ledger.Reason]int{}, 0
	var lost, twice, wrong []string
	for _, x := range o.cancellations {
		r, err := o.client.Ledger().Get(context.Background(), x.IdempotencyKey)
		n := effects[fmt.Sprint(x.OrgTrdNo, " ", x.CanAmt)]
		story := fmt.Sprintf("%s: %s, applied %d times: %+v", x.IdempotencyKey, r.Status, n, r.Attempts)
		statuses[r.Status]++
		if r.Inquirable {
			inquirable++
			if r.Status == ledger.Review {
				reviews[r.Reason]++
			}
		}
		switch {
		case err != nil || r.Open():
			lost = append(lost, story)
		case n > 1:
			twice = append(twice, story)
		case !o.right(x, r, n, elsewhere[x.OrgTrdNo]):
			wrong = append(wrong, story)
		}
	}
	for kind, stories := range map[string][]string{"lost": lost, "twice": twice, "wrong": wrong} {
		if len(stories) > 0 {
			o.Errorf("%d %s, among them\n%s", len(stories), kind, strings.Join(stories[:min(len(stories), 5)], "\n"))
		}
	}
	undecided := 0
	for reason, n := range reviews {
		if reason != ledger.ReasonForgotten || !o.loses { // else what Redis forgot is gone
			undecided += n
		}
	}
	if inquirable >= 1000 && undecided*100 > inquirable {
		o.Errorf("more than 1 %% of those that can be inquired after are in review: %v of %d", reviews, inquirable)
	}
	return fmt.Sprintf("%d cancellations: %v; %d lost, %d twice, %d wrong; of %d that can be inquired after in review: %v",
		len(o.cancellations), statuses, len(lost), len(twice), len(wrong), inquirable, reviews)
}

// right reports whether a status is the truth about a cancellation that was applied n times, and
// what it should have come to. Where others cancelled a part, too, no whole can be cancelled any
// more, and the sum may be what nobody can explain.
func (o *orders) right(x tasks.Cancellation, r ledger.Record, n int, others bool) bool {
	switch r.Status {
	case ledger.Cancelled, ledger.AlreadyCancelled:
		return n == 1 && !o.doomed[x.IdempotencyKey]
	case ledger.Rejected:
		return n == 0 && (o.doomed[x.IdempotencyKey] || others && x.CanAmt == x.OrgTrdAmt)
	case ledger.Review:
		// It could not be inquired after, or what was cancelled before could not be asked, or Redis
		// forgot.
		return others || x.OrgTrdAmt == 0 || r.Reason == ledger.ReasonUnbased || r.Reason == ledger.ReasonForgotten
	default:
		return false
	}
}
