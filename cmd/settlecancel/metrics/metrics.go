// Package metrics tells Prometheus what the workers do and what waits for whom.
//
// There are two kinds of series. Those that this process counts, as the worker's Observer and as a
// hook of its Redis client: attempts, answers, settled cancellations, postponements, breakers,
// Redis errors; add them up over all workers. And those that every worker reads from the one Redis
// they share, at a scrape: what is open, in doubt or dead, how much money that is, how old it is,
// the queues, and who has not been told; take their maximum over all workers, never their sum. The
// workers share a look of some seconds ago.
//
// Every label has few values. Merchants are told apart where Options names them, result codes where
// the gateway's table lists them, and free texts are sorted into classes; whatever else there may
// be is "other". No key, order or payment number is a label.
package metrics

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/worker"
)

// Options of Metrics. Client and Redis are required; the zero value of every other field means its
// default.
type Options struct {
	Client    *tasks.Client         // its ledger is read at a scrape
	Redis     redis.UniversalClient // read at a scrape: queues, sweeper, clock; findings are left in it for other workers
	Merchants []string              // ids that become labels; any other one is "other"
	Version   string                // of this build; default "dev"
	// Closed is the worker's: what it keeps waiting is not overdue. Default: never.
	Closed func(gateway.CancelRequest, time.Time) (until time.Time, why string)
	Logger *slog.Logger     // default slog.Default
	Now    func() time.Time // for tests; default is the clock of Redis, which the ledger's times are of
}

// Metrics is the Observer of a worker, and what Prometheus scrapes of it. It is safe for concurrent
// use.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger
	labels   labels
	breakers *breakers

	attempts    *prometheus.CounterVec
	codes       *prometheus.CounterVec
	latency     *prometheus.HistogramVec
	settled     *prometheus.CounterVec
	settledSum  *prometheus.CounterVec
	postponed   *prometheus.CounterVec
	refused     *prometheus.CounterVec
	redisErrors *prometheus.CounterVec
}

var _ worker.Observer = (*Metrics)(nil)

// latencyBuckets are the bounds, in seconds, of a call to the gateway: from the fastest answer to
// twice the default time-out.
var latencyBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60}

// New returns metrics in a registry of their own.
func New(o Options) (*Metrics, error) {
	if o.Client == nil || o.Redis == nil {
		return nil, errors.New("metrics: Client and Redis are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return build(o, newCollector(newSurvey(o, newLabels(o.Merchants)))), nil
}

// build registers everything.
func build(o Options, c *collector) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), log: o.Logger, labels: newLabels(o.Merchants)}
	m.breakers = newBreakers(m.labels)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	m.attempts = counter("settlecancel_attempts_total",
		"Requests and inquiries whose outcome is stored.", "kind", "class", "merchant", "method")
	m.codes = counter("settlecancel_answer_codes_total",
		"The same by result code: those of the gateway's table, or none, local (refused here, nothing was sent), unlisted.", "kind", "code")
	m.settled = counter("settlecancel_settled_total",
		"Cancellations that a worker brought to an end or to the dead letters.", "status", "method", "merchant")
	m.settledSum = counter("settlecancel_settled_amount_total",
		"Their amounts in the smallest unit of the currency: won, cents.", "status", "currency")
	m.postponed = counter("settlecancel_postponed_total", "Tasks put off, by why.", "reason")
	m.refused = counter("settlecancel_tasks_refused_total", "Tasks that are no cancellation, or in conflict with one; asynq archived them.")
	m.redisErrors = counter("settlecancel_redis_errors_total",
		"Redis commands that failed after their retries, by kind of command and of failure.", "command", "reason")
	m.latency = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "settlecancel_gateway_duration_seconds",
		Help: "How long a request or an inquiry to the gateway took.", Buckets: latencyBuckets}, []string{"kind", "class"})
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "settlecancel_build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": cmp.Or(o.Version, "dev"), "goversion": runtime.Version()}})
	info.Set(1)
	m.registry.MustRegister(m.latency, info, m.breakers, c,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin()
	return m
}

// begin shows at zero what is certain to be asked for, so that its first increment can be told from
// its first appearance.
func (m *Metrics) begin() {
	for _, merchant := range m.labels.all() {
		for _, class := range []gateway.Class{gateway.OK, gateway.Misconfigured} {
			m.attempts.WithLabelValues(kindRequest, string(class), merchant, noMethod)
		}
	}
	for _, reason := range reasons() {
		m.postponed.WithLabelValues(reason)
	}
	for _, status := range settledStatuses {
		m.settledSum.WithLabelValues(status, tasks.CurrencyKRW)
	}
	m.refused.WithLabelValues()
	m.redisErrors.WithLabelValues("script", "connection")
}

// scrapes at once, beyond which a scrape is refused: one that hangs must not pile others up behind
// it.
const scrapes = 4

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, ErrorLog: scrapeLog{m.log}, ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapes, EnableOpenMetrics: true,
	})
}

// scrapeLog is promhttp's log in ours.
type scrapeLog struct{ log *slog.Logger }

func (l scrapeLog) Println(args ...any) {
	l.log.Error("metrics not written", "error", describe(args))
}
