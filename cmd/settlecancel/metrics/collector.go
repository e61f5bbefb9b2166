package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"settlecancel/tasks"
	"settlecancel/tasks/events"
)

// The collector of state looks at Redis when it is scraped: one look at a time, kept for a moment.
// See share.go for how workers share a look.
const (
	stateLife = 5 * time.Second
	// stateWait is how long a scrape waits for a look: longer than the look's own time-out, which a
	// Redis that hangs outlasts.
	stateWait = lookTimeout + time.Second
)

type collector struct {
	look func(context.Context) findings
	life time.Duration
	wait time.Duration

	mu    sync.Mutex
	under chan struct{} // closed when the look under way has ended; nil where there is none
	known findings
	until time.Time // known is good until then
}

func newCollector(s *survey) *collector {
	return &collector{look: s.shared, life: stateLife, wait: stateWait}
}

// state returns what there was a moment ago, or that Redis is away where that takes too long to
// find out.
func (c *collector) state() findings {
	c.mu.Lock()
	if c.under == nil && time.Now().Before(c.until) {
		defer c.mu.Unlock()
		return c.known
	}
	if c.under == nil {
		c.under = make(chan struct{})
		go c.refresh(c.under)
	}
	ended := c.under
	c.mu.Unlock()

	timer := time.NewTimer(c.wait)
	defer timer.Stop()
	select {
	case <-ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.known
	case <-timer.C:
		return findings{}
	}
}

// refresh belongs to no scrape: whoever comes meanwhile waits for it too.
func (c *collector) refresh(ended chan struct{}) {
	known := c.look(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.until, c.under = known, time.Now().Add(c.life), nil
	close(ended)
}

// gauge is a metric of the state, under the name that workers call it among each other.
type gauge struct {
	name string
	desc *prometheus.Desc
}

func desc(name, help string, labels ...string) gauge {
	return gauge{name, prometheus.NewDesc("settlecancel_"+name, help, labels, nil)}
}

// Every worker tells the same of these.
var (
	redisUp      = desc("redis_up", "1 where Redis answered this scrape; else the rest of the state is absent.")
	complete     = desc("state_complete", "1 where every open cancellation and dead letter was looked at; else the sums are lower bounds.")
	lookSeconds  = desc("state_look_seconds", "How long the look at the state took.")
	lookAge      = desc("state_age_seconds", "How long ago it was. The workers share one look, so that this may be some 15 s; else the state is older than it seems.")
	damagedDesc  = desc("damaged_records", "Records that cannot be read. Nobody works at them.")
	openDesc     = desc("open_cancellations", "Cancellations that the machine still works at.")
	deadDesc     = desc("dead_letters", "Cancellations that wait for a person.")
	statusCount  = desc("cancellations", "Open cancellations and dead letters by status.", "status")
	statusAmount = desc("cancellations_amount", "Their amounts in the smallest unit of the currency: won, cents.", "status", "currency")
	statusOldest = desc("cancellations_oldest_seconds",
		"Age of the oldest: since it was accepted; unknown: since its request or a person's retry; dead letters: since they died. 0: none.", "status")
	merchantOpen   = desc("merchant_open", "Open cancellations by merchant.", "merchant")
	merchantAmount = desc("merchant_open_amount", "Their amounts in the smallest unit of the currency: won, cents.", "merchant", "currency")
	merchantLate   = desc("merchant_overdue",
		"Open cancellations whose next step has been due for a minute; not those that are paused or wait for a maintenance window.", "merchant")
	queueTasks  = desc("queue_tasks", "asynq's tasks. Archived ones are copies of what the ledger keeps; in queue webhooks, those that were given up.", "queue", "state")
	queueLate   = desc("queue_latency_seconds", "How long the oldest open cancellation that is due, and not kept waiting on purpose, has been due.", "queue")
	queuePaused = desc("queue_paused", "1 where somebody has paused the queue in the dashboard.", "queue")
	pauses      = desc("paused_merchants", "Pauses in force; one of everything counts as one.")
	pauseAge    = desc("pause_seconds", "How long the merchant has been paused; \"all\" is everything.", "merchant")
	hooksOldest = desc("webhooks_oldest_seconds",
		"Age of the oldest event that the webhook's receiver has not been told and that is still tried, of those looked at. 0: none.")
	eventsCount   = desc("events_untold", "Events in the outbox, which no worker has told yet.")
	eventsOldest  = desc("events_untold_oldest_seconds", "How long the oldest of them has waited. 0: none.")
	eventsDamaged = desc("events_damaged", "Events that could not be read and were set aside. Nobody is told of them.")
	epochDesc     = desc("epoch", "How often Redis was found to have forgotten confirmed writes, or said to by `settlecancel recover`, over all shards.")
	epochAge      = desc("epoch_age_seconds", "How long ago that was last. 0: never.")
	forgottenDesc = desc("forgotten_writes", "Confirmed writes that were found missing in Redis, at least.")
	sweeperDesc   = desc("sweeper_present", "1 where a worker looks for open cancellations that lost their task.")
)

// stateGauges are those that a look fills in.
var stateGauges = []gauge{complete, lookSeconds, damagedDesc, openDesc, deadDesc, statusCount, statusAmount, statusOldest, merchantOpen,
	merchantAmount, merchantLate, queueTasks, queueLate, queuePaused, pauses, pauseAge, hooksOldest, eventsCount, eventsOldest, eventsDamaged, epochDesc, epochAge,
	forgottenDesc, sweeperDesc}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range append([]gauge{redisUp, lookAge}, stateGauges...) {
		ch <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	f := c.state()
	ch <- prometheus.MustNewConstMetric(redisUp.desc, prometheus.GaugeValue, flag(f.up))
	if !f.up {
		return
	}
	ch <- prometheus.MustNewConstMetric(lookAge.desc, prometheus.GaugeValue, f.age().Seconds())
	for _, p := range f.points {
		i := slices.IndexFunc(stateGauges, func(g gauge) bool { return g.name == p.Name })
		if i < 0 {
			continue // a worker of another version told it
		}
		if m, err := prometheus.NewConstMetric(stateGauges[i].desc, prometheus.GaugeValue, p.Value, p.Labels...); err == nil {
			ch <- m
		}
	}
}

type teller func(g gauge, v float64, labels ...string)

func (st state) tell(tell teller) {
	tell(complete, flag(st.complete))
	tell(lookSeconds, st.took.Seconds())
	tell(damagedDesc, float64(st.damaged))
	tell(openDesc, float64(st.open))
	tell(deadDesc, float64(st.dead))
	tell(sweeperDesc, flag(st.sweeper))
	tell(hooksOldest, st.since(st.webhook))
	tell(eventsCount, float64(st.events.Waiting))
	tell(eventsOldest, st.since(st.events.Oldest))
	tell(eventsDamaged, float64(st.events.Damaged))
	tell(epochDesc, float64(st.epochs.Raised))
	tell(epochAge, st.since(st.epochs.Since))
	tell(forgottenDesc, float64(st.epochs.Forgotten))
	st.tellCancellations(tell)
	st.tellQueues(tell)
	tell(pauses, float64(st.pauses))
	for merchant, age := range st.paused {
		tell(pauseAge, age.Seconds(), merchant)
	}
}

// since returns how many seconds ago a time was; 0 of none.
func (st state) since(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, st.at.Sub(t).Seconds())
}

func (st state) tellCancellations(tell teller) {
	currencies := []string{tasks.CurrencyKRW, tasks.CurrencyUSD}
	for status, w := range st.by {
		tell(statusCount, float64(w.count), string(status))
		tell(statusOldest, w.oldest.Seconds(), string(status))
		for _, currency := range currencies {
			tell(statusAmount, float64(w.sum[currency]), string(status), currency)
		}
	}
	for merchant, w := range st.merchants {
		tell(merchantOpen, float64(w.count), merchant)
		tell(merchantLate, float64(w.overdue), merchant)
		for _, currency := range currencies {
			tell(merchantAmount, float64(w.sum[currency]), merchant, currency)
		}
	}
}

func (st state) tellQueues(tell teller) {
	for name, q := range st.queues {
		for _, state := range queueStates {
			tell(queueTasks, float64(q.tasks[state]), name, state)
		}
		tell(queuePaused, flag(q.paused), name)
		if name != events.QueueWebhooks { // of which the ledger knows nothing
			tell(queueLate, q.late.Seconds(), name)
		}
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
