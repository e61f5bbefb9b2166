package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// TestComposeWatching checks who may reach whom: Prometheus the workers, Grafana Prometheus, people
// both from this machine alone.
func TestComposeWatching(t *testing.T) {
	t.Parallel()
	var file compose
	strictYAML(t, "docker-compose.yml", &file)
	prometheus, grafana, worker := file.Services["prometheus"], file.Services["grafana"], file.Services["worker"]

	for name, s := range map[string]service{"prometheus": prometheus, "grafana": grafana} {
		if !regexp.MustCompile(`:v?\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		if len(s.Tmpfs) == 0 {
			t.Errorf("%s: nothing can be written but its volume", name)
		}
		if len(s.Ports) != 1 {
			t.Errorf("%s: ports %q, want one", name, s.Ports)
		}
	}
	for network, want := range map[string][]string{"metrics": {"prometheus", "worker"}, "desk": {"grafana", "prometheus"}} {
		var on []string
		for name, s := range file.Services {
			if slices.Contains(s.Networks, network) {
				on = append(on, name)
			}
		}
		slices.Sort(on)
		if diff := cmp.Diff(want, on); diff != "" {
			t.Errorf("on network %s (-want +got):\n%s", network, diff)
		}
	}
	if !file.Networks["metrics"].Internal {
		t.Error("network metrics leads out")
	}
	if len(worker.Ports) != 0 {
		t.Errorf("the worker's port is published: %q", worker.Ports)
	}
	if _, port, _ := strings.Cut(worker.Environment["OPS_ADDR"], ":"); port != "9090" {
		t.Errorf("the worker tells its metrics at port %s, prometheus.yml asks 9090", port)
	}
	for _, used := range []string{"prometheus-data", "grafana-data"} {
		if _, ok := file.Volumes[used]; !ok {
			t.Errorf("no volume %s", used)
		}
	}
}

// TestComposeGrafana checks that nobody enters without the password, and that nothing is told to
// anybody else.
func TestComposeGrafana(t *testing.T) {
	t.Parallel()
	var file compose
	strictYAML(t, "docker-compose.yml", &file)
	env := file.Services["grafana"].Environment
	if !strings.HasPrefix(env["GF_SECURITY_ADMIN_PASSWORD"], "${GRAFANA_PASSWORD:?") {
		t.Errorf("Grafana starts without GRAFANA_PASSWORD: %q", env["GF_SECURITY_ADMIN_PASSWORD"])
	}
	for name, want := range map[string]string{
		"GF_AUTH_ANONYMOUS_ENABLED": "false", "GF_USERS_ALLOW_SIGN_UP": "false", "GF_ANALYTICS_REPORTING_ENABLED": "false",
		"GF_ANALYTICS_CHECK_FOR_UPDATES": "false", "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false", "GF_SECURITY_DISABLE_GRAVATAR": "true",
	} {
		if env[name] != want {
			t.Errorf("%s is %q, want %s", name, env[name], want)
		}
	}
}

// TestComposeMounts checks that what Prometheus and Grafana are given is there, cannot be changed
// by them, and is where they look.
func TestComposeMounts(t *testing.T) {
	t.Parallel()
	var file compose
	strictYAML(t, "docker-compose.yml", &file)
	for _, name := range []string{"prometheus", "grafana"} {
		mounted := map[string]bool{}
		for _, v := range file.Services[name].Volumes {
			part := strings.Split(v, ":")
			mounted[part[1]] = true
			if !strings.HasPrefix(part[0], "./") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", part[0])); err != nil || len(part) != 3 || part[2] != "ro" {
				t.Errorf("%s: %s is not there, or can be written: %v", name, v, err)
			}
		}
		for _, want := range map[string][]string{
			"prometheus": {"/etc/prometheus/prometheus.yml", "/etc/prometheus/alerts.yml", "/prometheus"},
			"grafana":    {"/etc/grafana/provisioning/datasources", "/etc/grafana/provisioning/dashboards", "/var/lib/grafana"},
		}[name] {
			if !mounted[want] {
				t.Errorf("%s: nothing is mounted at %s", name, want)
			}
		}
	}
	var provider struct {
		Providers []struct {
			Options        struct{ Path string }
			AllowUIUpdates bool `yaml:"allowUiUpdates"`
		}
	}
	readYAML(t, "grafana/dashboards/provider.yml", &provider)
	if p := provider.Providers; len(p) != 1 || p[0].Options.Path != "/etc/grafana/provisioning/dashboards" || p[0].AllowUIUpdates {
		t.Errorf("providers: %+v", p)
	}
	home := file.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(filepath.Join("grafana/dashboards", filepath.Base(home))); err != nil || filepath.Dir(home) != provider.Providers[0].Options.Path {
		t.Errorf("Grafana's home %s: %v", home, err)
	}
}

// TestComposeRequired checks that .env.example sets whatever docker-compose.yml will not start
// without.
func TestComposeRequired(t *testing.T) {
	t.Parallel()
	example := readFileText(t, "../.env.example")
	required := regexp.MustCompile(`\$\{(\w+):\?`).FindAllStringSubmatch(readFileText(t, "../docker-compose.yml"), -1)
	if len(required) < 4 {
		t.Fatalf("found only %q", required)
	}
	for _, name := range required {
		if !regexp.MustCompile(`(?m)^` + name[1] + `=.`).MatchString(example) {
			t.Errorf(".env.example has no %s", name[1])
		}
	}
}

// panel is what is checked of a panel of the dashboard.
type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ UID string }
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct{ Expr, RefID string }
}

// TestDashboard checks that every panel asks something of the data source that ships, and lies
// beside the others.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		UID, Title string
		Panels     []panel
	}
	if err := json.Unmarshal([]byte(readFileText(t, "grafana/dashboards/settlecancel.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var source struct {
		Datasources []struct{ UID, Type, URL string }
	}
	readYAML(t, "grafana/datasources/prometheus.yml", &source)
	if s := source.Datasources; len(s) != 1 || s[0].Type != "prometheus" || s[0].URL != "http://prometheus:9090" {
		t.Fatalf("data sources: %+v", s)
	}
	ids, taken := map[int]string{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] != "" || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %q has number %d, as %q has", p.Title, p.ID, ids[p.ID])
		}
		ids[p.ID] = p.Title
		if p.Type != "row" && (len(p.Targets) == 0 || p.Datasource.UID != source.Datasources[0].UID) {
			t.Errorf("%s asks nothing, or another data source: %+v", p.Title, p)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" || at[0] >= 24 {
					t.Fatalf("%s lies over %q, or beyond the edge", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
	}
	if dashboard.UID != "settlecancel" || len(ids) < 20 {
		t.Errorf("dashboard %q has %d panels", dashboard.UID, len(ids))
	}
}

func readFileText(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// readYAML reads a file of which only a part is checked.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFileText(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
