package metrics

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/tasktest"
)

var shared redistest.Shared // for tests that do not stop it

func TestMain(m *testing.M) { shared.Run(m) }

const shop = "nxca_jt_bi"

// bench is Metrics on a Redis, with a clock of its own.
type bench struct {
	testing.TB
	rdb       *redis.Client
	client    *tasks.Client
	inspector *asynq.Inspector
	metrics   *Metrics
	survey    *survey
	web       *httptest.Server
	clock     atomic.Int64 // Unix milliseconds
}

func newBench(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	return benchOn(t, shared.Client(t), change...)
}

func benchOn(t testing.TB, rdb *redis.Client, change ...func(*Options)) *bench {
	t.Helper()
	b := &bench{TB: t, rdb: rdb, inspector: asynq.NewInspectorFromRedisClient(rdb)}
	b.clock.Store(time.Now().UnixMilli())
	b.client = tasks.NewClient(rdb, tasks.ClientOptions{Ledger: ledger.Options{Now: b.now}})
	o := Options{Client: b.client, Redis: rdb, Merchants: []string{shop, "nxca_jt_il"}, Version: "v1.2.3", Now: b.now,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, c := range change {
		c(&o)
	}
	b.survey = newSurvey(o, newLabels(o.Merchants))
	look := func(ctx context.Context) findings { return b.survey.look(ctx).findings() }
	b.metrics = build(o, &collector{look: look, wait: time.Minute}) // which keeps nothing for the next scrape, or for other workers
	b.web = httptest.NewServer(b.metrics.Handler())
	t.Cleanup(b.web.Close)
	return b
}

func (b *bench) now() time.Time          { return time.UnixMilli(b.clock.Load()) }
func (b *bench) advance(d time.Duration) { b.clock.Add(d.Milliseconds()) }

// sample is a cancellation that differs from others by its name alone.
func sample(name string) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: "refund-" + name, MchtID: shop, OrgTrdNo: "STFP_" + name, OrgMchtTrdNo: "ORDER-" + name,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
}

func (b *bench) enqueue(x tasks.Cancellation) tasks.Cancellation {
	b.Helper()
	if _, err := b.client.Enqueue(b.Context(), x, tasks.EnqueueOptions{}); err != nil {
		b.Fatal(err)
	}
	return x
}

// attempt drives one attempt of x to what follows it, as a worker would.
func (b *bench) attempt(x tasks.Cancellation, a ledger.Attempt, n ledger.Next) {
	b.Helper()
	tasktest.Attempt(b, b.client.Ledger(), x, a, n)
}

// put brings a new cancellation to a status.
func (b *bench) put(x tasks.Cancellation, s ledger.Status) tasks.Cancellation {
	b.Helper()
	b.enqueue(x)
	if s != ledger.Queued {
		b.attempt(x, ledger.Attempt{Class: "unknown"}, ledger.Next{Status: s, After: time.Minute})
	}
	return x
}

// series is one line of what Prometheus scrapes.
type series struct {
	name   string
	labels map[string]string
	value  float64
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// text reads /metrics.
func (b *bench) text() string {
	b.Helper()
	res, err := b.web.Client().Get(b.web.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("scrape: %s, %v: %s", res.Status, err, text)
	}
	return string(text)
}

// scrape reads /metrics as Prometheus does.
func (b *bench) scrape() []series {
	b.Helper()
	var all []series
	for line := range strings.Lines(b.text()) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			b.Fatalf("scrape: not understood: %q", line)
		}
		s := series{name: m[1], labels: map[string]string{}}
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			s.labels[pair[1]] = pair[2]
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			b.Fatalf("scrape: %q: %v", line, err)
		}
		s.value = value
		all = append(all, s)
	}
	return all
}

// values are the series of one metric by their labels' values, written as label=value in the order
// asked for.
func (b *bench) values(name string, labels ...string) map[string]float64 {
	b.Helper()
	got := map[string]float64{}
	for _, s := range b.scrape() {
		if s.name != name {
			continue
		}
		var key []string
		for _, l := range labels {
			key = append(key, s.labels[l])
		}
		if len(s.labels) != len(labels) {
			b.Fatalf("%s has labels %v, want %v", name, s.labels, labels)
		}
		got[strings.Join(key, " ")] = s.value
	}
	return got
}

// moved leaves out what is zero.
func moved(values map[string]float64) map[string]float64 {
	values = maps.Clone(values)
	maps.DeleteFunc(values, func(_ string, v float64) bool { return v == 0 })
	return values
}

// one is the value of the only series of a metric.
func (b *bench) one(name string) float64 {
	b.Helper()
	values := b.values(name)
	v, ok := values[""]
	if len(values) != 1 || !ok {
		b.Fatalf("%s: %v, want one series without labels", name, values)
	}
	return v
}
