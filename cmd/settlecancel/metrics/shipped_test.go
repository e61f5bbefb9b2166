package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	alertsFile    = "../../../config/alerts.yml"
	dashboardFile = "../../../config/grafana/dashboards/settlecancel.json"
)

// TestShippedNames: every metric, label and value that the alerts and the dashboard ask for is one
// that /metrics tells.
func TestShippedNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work()
	b.gatewayFails(t)
	b.moneyWaits(t)
	told := b.scrape()
	for i := range told {
		told[i].labels["job"], told[i].labels["instance"] = "settlecancel", "a:9090"
	}
	told = append(told, series{name: "up", labels: map[string]string{"job": "settlecancel", "instance": "a:9090"}},
		series{name: "ALERTS", labels: map[string]string{"alertstate": "firing", "service": "settlecancel", "alertname": "X"}})
	queries := append(alertQueries(t), dashboardQueries(t)...)
	if len(queries) < 60 {
		t.Fatalf("found only %d queries", len(queries))
	}
	used := map[string]bool{}
	for _, q := range queries {
		for _, fault := range unknownIn(q, told, used) {
			t.Errorf("%s: %s", q, fault)
		}
	}
	for _, s := range ours(told) {
		if base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(s.name, "_sum"), "_count"), "_bucket"); !used[base] && !used[base+"_bucket"] {
			t.Errorf("nobody looks at %s", s.name)
			used[base] = true
		}
	}
}

var (
	selector = regexp.MustCompile(`\b((?:settlecancel|process|go)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring) \(([^)]*)\)`)
)

// unknownIn returns what a query asks for that is not told, and notes the metrics that it uses.
func unknownIn(query string, told []series, used map[string]bool) (faults []string) {
	labels := map[string]bool{"le": true}
	for _, s := range selector.FindAllStringSubmatch(query, -1) {
		used[s[1]] = true
		of := slices.DeleteFunc(slices.Clone(told), func(x series) bool { return x.name != s[1] })
		if len(of) == 0 {
			faults = append(faults, s[1]+" is not told")
			continue
		}
		for name := range of[0].labels {
			labels[name] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			for value := range strings.SplitSeq(m[3], "|") {
				if value != ".*" && !slices.ContainsFunc(of, func(x series) bool { return x.labels[m[1]] == value }) {
					faults = append(faults, fmt.Sprintf("%s has no %s %q", s[1], m[1], value))
				}
			}
		}
	}
	if len(labels) == 1 {
		faults = append(faults, "it asks for nothing")
	}
	for _, g := range grouping.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(g[1], ",") {
			if label = strings.TrimSpace(label); label != "" && !labels[label] {
				faults = append(faults, fmt.Sprintf("nothing in it has a label %q", label))
			}
		}
	}
	return faults
}

func TestUnknownIn(t *testing.T) {
	t.Parallel()
	told := []series{{name: "settlecancel_x", labels: map[string]string{"kind": "request", "le": "1"}}}
	for query, want := range map[string]int{
		`sum by (kind) (rate(settlecancel_x{kind="request"}[5m])) > 0`: 0,
		`settlecancel_y`:                          2, // and so it asks for nothing
		`settlecancel_x{kind="inquiry"}`:          1,
		`settlecancel_x{kind=~"request|inquiry"}`: 1,
		`settlecancel_x{knid="request"}`:          1,
		`sum by (merchant) (settlecancel_x)`:      1,
		`vector(0)`:                               1,
	} {
		if got := unknownIn(query, told, map[string]bool{}); len(got) != want {
			t.Errorf("%s: %q, want %d faults", query, got, want)
		}
	}
}

// alertQueries are the expressions of the alerts and the queries in their texts.
func alertQueries(t *testing.T) (all []string) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Expr        string
				Annotations map[string]string
			}
		}
	}
	content, err := os.ReadFile(alertsFile)
	if err == nil {
		err = yaml.Unmarshal(content, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all = append(all, r.Expr)
			for _, q := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(r.Annotations["description"], -1) {
				all = append(all, strings.ReplaceAll(q[1], "%s", shop))
			}
		}
	}
	return all
}

// dashboardQueries are those of the panels, of the variables and of the annotations.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, child := range v {
				if text, ok := child.(string); ok && (key == "expr" || key == "definition") {
					all = append(all, strings.ReplaceAll(text, "$merchant", ".*"))
				}
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(dashboard)
	return all
}
