package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

// Attempt counts a request or an inquiry, and how long the gateway took, where it was asked.
func (m *Metrics) Attempt(_ context.Context, r ledger.Record, method string, a ledger.Attempt) {
	kind, class := kindLabel(r), classLabel(a.Class)
	m.attempts.WithLabelValues(kind, class, m.labels.merchant(r.MchtID), methodLabel(method)).Inc()
	m.codes.WithLabelValues(kind, codeLabel(kind, a.Code)).Inc()
	if a.Class != impossible && a.Code != gateway.Local {
		m.latency.WithLabelValues(kind, class).Observe(a.Duration.Seconds())
	}
}

// Settled counts a cancellation that has ended or become a dead letter, and its amount.
func (m *Metrics) Settled(_ context.Context, r ledger.Record, method string) {
	status := oneOf(string(r.Status), settledStatuses, other)
	m.settled.WithLabelValues(status, methodLabel(method), m.labels.merchant(r.MchtID)).Inc()
	currency, _ := currencyLabel(r)
	m.settledSum.WithLabelValues(status, currency).Add(float64(r.Amount))
}

// Breaker keeps a merchant's state: closed, half-open or open.
func (m *Metrics) Breaker(mchtID, state string) { m.breakers.set(mchtID, state) }

// Postponed counts a task that was put off.
func (m *Metrics) Postponed(reason string, _ time.Duration) {
	m.postponed.WithLabelValues(reasonLabel(reason)).Inc()
}

// Refused counts a task that was refused.
func (m *Metrics) Refused() { m.refused.WithLabelValues().Inc() }

// breakers collects the state of each merchant's breaker. Merchants that share a label show the
// worst of them.
type breakers struct {
	desc   *prometheus.Desc
	labels labels

	mu    sync.Mutex
	held  map[string]float64 // by merchant id; closed ones are left out
	spare int                // how many more merchants without a label of their own are kept
}

// sharedMerchants bounds how many merchants without a label are remembered.
const sharedMerchants = 1000

func newBreakers(l labels) *breakers {
	return &breakers{labels: l, held: map[string]float64{}, spare: sharedMerchants, desc: prometheus.NewDesc("settlecancel_breaker_state",
		"Whether this worker holds the merchant's traffic: 0 closed (it flows), 1 half-open (the next request is a probe), 2 open (held).", []string{"merchant"}, nil)}
}

func (b *breakers) set(mchtID, state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	shared := b.labels.merchant(mchtID) == other
	_, known := b.held[mchtID]
	value := map[string]float64{"half-open": 1, "open": 2}[state]
	switch {
	case value == 0:
		delete(b.held, mchtID)
		if known && shared {
			b.spare++
		}
	case known || !shared:
		b.held[mchtID] = value
	case b.spare > 0:
		b.spare--
		b.held[mchtID] = value
	}
}

// Describe implements prometheus.Collector.
func (b *breakers) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

// Collect implements prometheus.Collector.
func (b *breakers) Collect(ch chan<- prometheus.Metric) {
	worst := map[string]float64{}
	b.mu.Lock()
	for id, state := range b.held {
		merchant := b.labels.merchant(id)
		worst[merchant] = max(worst[merchant], state)
	}
	b.mu.Unlock()
	for _, merchant := range b.labels.all() {
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, worst[merchant], merchant)
	}
}
