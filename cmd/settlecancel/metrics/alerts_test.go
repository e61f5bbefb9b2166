package metrics

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger/redistest"
)

// TestAlerts drives the metrics into faults, lets Prometheus judge what they tell by the rules that
// ship, and sees which alerts fire: none while all is well, during a fault those that name it, and
// none after it.
func TestAlerts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault func(t *testing.T, b *bench)
		want  []string
	}{
		"OK":           {func(_ *testing.T, b *bench) { b.work() }, nil},
		"ErrForgotten": {func(t *testing.T, b *bench) { b.redisForgets(t) }, []string{"RedisForgot"}},
		"ErrGateway": {func(t *testing.T, b *bench) { b.gatewayFails(t) },
			[]string{"GatewayErrors", "GatewaySlow", "MerchantHeld", "Misconfigured", "RedisErrors"}},
		"ErrMoney": {func(t *testing.T, b *bench) { b.moneyWaits(t) }, []string{"ArchiveNearLimit", "BudgetExhausted", "DeadLetterOld",
			"DeadLettersGrowing", "OpenLate", "OpenOverdue", "PausedLong", "QueuePaused", "RecordDamaged", "ReviewWaiting", "StateIncomplete",
			"SweeperMissing", "UnknownOld"}},
		"ErrTelling": {func(_ *testing.T, b *bench) { b.nobodyIsTold() },
			[]string{"EventsDamaged", "EventsUntold", "TasksRefused", "WebhooksLate", "WebhooksUndelivered"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.work()
			b.sweeps(true)
			before := ours(b.scrape())
			test.fault(t, b)
			judge(t, "1x309", before, ours(b.scrape()), test.want)
		})
	}
	t.Run("ErrRedis", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, redistest.Options{})
		rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialerRetries: 1})
		defer rdb.Close()
		b := benchOn(t, rdb)
		b.work()
		b.sweeps(true)
		before := ours(b.scrape())
		server.Kill()
		judge(t, "1x309", before, ours(b.scrape()), []string{"RedisDown"})
	})
	t.Run("ErrWorker", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.work()
		b.sweeps(true)
		judge(t, "1x9 0x99 1x199", ours(b.scrape()), nil, []string{"WorkerDown"})
	})
}

// judge plays ten minutes as before, a hundred in which each minute brings what the fault did, and
// two hundred as before.
func judge(t *testing.T, up string, before, during []series, want []string) {
	t.Helper()
	rules, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n", rules)
	fmt.Fprintf(&text, "      - {series: 'up{job=\"settlecancel\",instance=\"a:9090\"}', values: %q}\n", up)
	was, is := byID(before), byID(during)
	ids := maps.Clone(was)
	maps.Copy(ids, is)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		fmt.Fprintf(&text, "      - {series: '%s', values: %q}\n", id, course(id, was, is))
	}
	text.WriteString("    promql_expr_test:\n")
	for _, at := range []struct {
		minute int
		want   []string
	}{{9, nil}, {109, want}, {309, nil}} {
		fmt.Fprintf(&text, "      - expr: group by (alertname) (max_over_time(ALERTS{alertstate=\"firing\"}[100m]))\n")
		fmt.Fprintf(&text, "        eval_time: %dm\n        exp_samples:\n", at.minute)
		for _, name := range at.want {
			fmt.Fprintf(&text, "          - {labels: '{alertname=\"%s\"}', value: 1}\n", name)
		}
	}
	file := filepath.Join(t.TempDir(), "test.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "test", "rules", file)
}

// promtool runs Prometheus' own tool, which fails where it finds a fault.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("no promtool on the PATH: run `make test`, or `apt-get install prometheus`")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestNames lets Prometheus judge how the metrics are named and described.
func TestNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work()
	b.gatewayFails(t)
	promtool(t, b.text(), "check", "metrics")
}

// byID names each series as Prometheus would.
func byID(all []series) map[string]float64 {
	values := map[string]float64{}
	for _, s := range all {
		labels := maps.Clone(s.labels)
		labels["job"], labels["instance"] = "settlecancel", "a:9090"
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, fmt.Sprintf("%s=%q", name, labels[name]))
		}
		values[s.name+"{"+strings.Join(pairs, ",")+"}"] = s.value
	}
	return values
}

// course writes what a series goes through, in promtool's words: a counter grows on during the
// fault and stays, a gauge returns.
func course(id string, was, is map[string]float64) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	from, had := was[id]
	to, has := is[id]
	name, _, _ := strings.Cut(id, "{")
	counter := slices.ContainsFunc([]string{"_total", "_bucket", "_count", "_sum"}, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
	first, last := number(from)+"x9", number(from)+"x199"
	if !had {
		first, last = "_x9", "stale _x198"
	}
	switch {
	case !has:
		return first + " stale _x98 " + last
	case counter:
		each := to - from
		return first + " " + number(to) + "+" + number(each) + "x99 " + number(to+99*each) + "x199"
	default:
		return first + " " + number(to) + "x99 " + last
	}
}
