package config

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// rule is one alert of alerts.yml.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) map[string]rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.UnmarshalWithOptions([]byte(readFileText(t, "alerts.yml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	all := map[string]rule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if _, twice := all[r.Alert]; twice || r.Alert == "" {
				t.Errorf("alert %q stands there twice, or has no name", r.Alert)
			}
			all[r.Alert] = r
		}
	}
	if len(all) < 15 {
		t.Fatalf("found only %d alerts", len(all))
	}
	return all
}

// promtool runs Prometheus' own tool, which fails where it finds a fault.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("no promtool on the PATH: run `make test`, or `apt-get install prometheus`")
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestPrometheusConfig lets Prometheus itself read what ships.
func TestPrometheusConfig(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", "prometheus.yml") // and the rules that it names
	var file struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			JobName      string `yaml:"job_name"`
			DNSSDConfigs []struct {
				Names []string
				Port  int
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "prometheus.yml", &file)
	if len(file.RuleFiles) != 1 || file.RuleFiles[0] != "alerts.yml" {
		t.Errorf("rule files %q", file.RuleFiles)
	}
	job := file.ScrapeConfigs[0]
	if job.JobName != "settlecancel" || len(job.DNSSDConfigs) != 1 || job.DNSSDConfigs[0].Names[0] != "worker" || job.DNSSDConfigs[0].Port != 9090 {
		t.Errorf("the workers are scraped as %+v", job)
	}
}

// TestAlerts checks that whoever an alert wakes is told how bad it is, what it is about and what to
// do.
func TestAlerts(t *testing.T) {
	t.Parallel()
	english, korean := readFileText(t, "manual/runbook.md"), readFileText(t, "manual/runbook.ko.md")
	for name, r := range alerts(t) {
		if r.Labels["severity"] != "critical" && r.Labels["severity"] != "warning" {
			t.Errorf("%s: severity %q", name, r.Labels["severity"])
		}
		if r.Labels["service"] != "settlecancel" {
			t.Errorf("%s: service %q", name, r.Labels["service"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || len(r.Annotations) != 4 {
			t.Errorf("%s: annotations %q", name, r.Annotations)
		}
		if !regexp.MustCompile(`\p{Hangul}`).MatchString(r.Annotations["summary_ko"]) {
			t.Errorf("%s: Korean summary %q", name, r.Annotations["summary_ko"])
		}
		if want := "config/manual/runbook.md#" + strings.ToLower(name); r.Annotations["runbook"] != want {
			t.Errorf("%s: runbook %q, want %q", name, r.Annotations["runbook"], want)
		}
		for book, text := range map[string]string{"runbook.md": english, "runbook.ko.md": korean} {
			if !strings.Contains(text, "\n## "+name+"\n") {
				t.Errorf("%s has nothing on %s", book, name)
			}
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(english+korean, -1) {
		if _, ok := alerts(t)[heading[1]]; !ok {
			t.Errorf("a runbook has %s, which is no alert", heading[1])
		}
	}
}

// TestAlertsFire lets Prometheus play the faults of testdata/alerts, and checks that each alert is
// seen to fire there for the fault that it names, and to stop after it.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/alerts/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, append([]string{"test", "rules"}, files...)...)
	stops := map[string]bool{}
	for _, file := range files {
		var played struct {
			Tests []struct {
				Name  string
				Cases []struct {
					At       string `yaml:"eval_time"`
					Alert    string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, file, &played)
		for _, test := range played.Tests {
			fired := map[string]time.Duration{}
			for _, c := range test.Cases {
				at, err := time.ParseDuration(c.At)
				if err != nil {
					t.Fatalf("%s: %s: %v", file, test.Name, err)
				}
				if len(c.Expected) > 0 {
					fired[c.Alert] = at
				} else if before, did := fired[c.Alert]; did && at > before {
					stops[c.Alert] = true
				}
			}
		}
	}
	for name := range alerts(t) {
		if !stops[name] {
			t.Errorf("%s: no test sees it fire and stop", name)
		}
	}
}

// TestDashboardQueries lets Prometheus read every query of the dashboard, as rules.
func TestDashboardQueries(t *testing.T) {
	t.Parallel()
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(readFileText(t, "grafana/dashboards/settlecancel.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$merchant", ".*")
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			expr, err := json.Marshal(variables.Replace(target.Expr))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, "      - {record: \"panel:%d:%s\", expr: %s}\n", p.ID, target.RefID, expr)
		}
	}
	if strings.Contains(text.String(), "$") {
		t.Errorf("a variable that is not known: %s", text.String())
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
