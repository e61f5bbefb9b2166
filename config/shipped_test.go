package config

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// service is what docker-compose.yml may say of a service: decoded strictly, so
// that a mistyped key does not go unnoticed.
type service struct {
	Image           string
	Build           map[string]any
	Command         []string
	EnvFile         []string `yaml:"env_file"`
	Environment     map[string]string
	User            string
	ReadOnly        bool     `yaml:"read_only"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
	Restart         string
	Networks        []string
	Ports           []string
	Volumes         []string
	Tmpfs           []string
	Profiles        []string
	PIDsLimit       int                          `yaml:"pids_limit"`
	StopGracePeriod string                       `yaml:"stop_grace_period"`
	DependsOn       map[string]map[string]string `yaml:"depends_on"`
	Logging         map[string]any
	Healthcheck     struct {
		Test        []string
		Interval    string
		Timeout     string
		Retries     int
		StartPeriod string `yaml:"start_period"`
	}
	Deploy struct {
		Resources struct {
			Limits struct {
				CPUs, Memory string
			}
		}
	}
}

// compose has no name: docker-compose 1.29, which Debian and Ubuntu still ship, refuses one.
type compose struct {
	Shared   service `yaml:"x-settlecancel"`
	Services map[string]service
	Networks map[string]struct{ Internal bool }
	Volumes  map[string]struct{ Name string }
}

func strictYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(content, into, yaml.Strict(), yaml.AllowFieldPrefixes("x-")); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	var file compose
	strictYAML(t, "docker-compose.yml", &file)

	names := slices.Sorted(maps.Keys(file.Services))
	if diff := cmp.Diff([]string{"grafana", "prometheus", "redis", "server", "simulator", "worker"}, names); diff != "" {
		t.Fatalf("services (-want +got):\n%s", diff)
	}
	for name, s := range file.Services {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(s.User) {
				t.Errorf("runs as %q, want a numeric user that is not root", s.User)
			}
			if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
				t.Errorf("is not confined: read_only %v, cap_drop %v, security_opt %v", s.ReadOnly, s.CapDrop, s.SecurityOpt)
			}
			if l := s.Deploy.Resources.Limits; l.CPUs == "" || l.Memory == "" || s.PIDsLimit == 0 {
				t.Errorf("has no limits: %+v, %d processes", l, s.PIDsLimit)
			}
			if len(s.Healthcheck.Test) < 2 || s.Healthcheck.Test[0] != "CMD" {
				t.Errorf("healthcheck %q", s.Healthcheck.Test)
			}
			for _, port := range s.Ports {
				if !strings.HasPrefix(port, "127.0.0.1:") {
					t.Errorf("publishes %s to other machines", port)
				}
			}
			if demo := slices.Contains(s.Profiles, "demo"); demo != (name == "simulator") {
				t.Errorf("profiles %q", s.Profiles)
			}
		})
	}
	redis, server, worker := file.Services["redis"], file.Services["server"], file.Services["worker"]
	if !slices.Contains(redis.Volumes, "./config/redis.conf:/etc/redis.conf:ro") || redis.Command[1] != "/etc/redis.conf" {
		t.Errorf("Redis runs without config/redis.conf: %q, %q", redis.Volumes, redis.Command)
	}
	if !file.Networks["data"].Internal || !slices.Equal(redis.Networks, []string{"data"}) {
		t.Errorf("Redis can be reached from outside: %q", redis.Networks)
	}
	for _, name := range []string{"API_TOKENS", "OPS_USER", "OPS_PASSWORD"} {
		if !strings.HasPrefix(server.Environment[name], "${"+name+":?") {
			t.Errorf("server starts without %s: %q", name, server.Environment[name])
		}
	}
	for name, v := range file.Volumes {
		if v.Name != "${COMPOSE_PROJECT_NAME:-settlecancel}_"+name {
			t.Errorf("volume %s goes by %q: from a folder of another name its data would not be found", name, v.Name)
		}
	}
	if worker.DependsOn["redis"]["condition"] != "service_healthy" {
		t.Errorf("worker starts before Redis: %v", worker.DependsOn)
	}
}

// TestComposeEnvironment loads the settings that each service gets with
// .env.example as .env.
func TestComposeEnvironment(t *testing.T) {
	t.Parallel()
	var file compose
	strictYAML(t, "docker-compose.yml", &file)
	content, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			vars[name] = value
		}
	}
	interpolate := regexp.MustCompile(`\$\{(\w+):([-?])([^}]*)\}`)
	for name, s := range file.Services {
		if !strings.HasPrefix(s.Image, "settlecancel:") {
			continue
		}
		environ := []string{}
		for k, v := range vars {
			environ = append(environ, k+"="+v)
		}
		for k, v := range s.Environment {
			value := interpolate.ReplaceAllStringFunc(v, func(use string) string {
				part := interpolate.FindStringSubmatch(use)
				if set := vars[part[1]]; set != "" || part[2] == "?" {
					return set
				}
				return part[3]
			})
			environ = append(environ, k+"="+value)
		}
		c, err := Load(environ)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		grace, err := time.ParseDuration(s.StopGracePeriod)
		if leaves := c.Timeout + 20*time.Second; name == "worker" && (err != nil || grace < leaves+5*time.Second) {
			t.Errorf("the worker is killed after %s, and may need %s: %v", s.StopGracePeriod, leaves, err)
		}
		if name == "server" && (c.HTTPAddr != "0.0.0.0:8080" || c.CheckServer() != nil) {
			t.Errorf("server would not start at %s: %v", c.HTTPAddr, c.CheckServer())
		}
		if name != "simulator" && c.RedisAddress() != "redis://redis:6379/0" {
			t.Errorf("%s uses %s", name, c.RedisAddress())
		}
	}
}

// composeNames are those that docker-compose.yml alone reads.
var composeNames = []string{"COMPOSE_PROFILES", "GRAFANA_PASSWORD"}

// TestEnvExampleNames checks the commented lines of .env.example too.
func TestEnvExampleNames(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^(?:# )?([A-Z_]+)=`).FindAllStringSubmatch(string(content), -1)
	if len(lines) < 8 {
		t.Fatalf("found only %d settings", len(lines))
	}
	for _, line := range lines {
		if name := line[1]; !slices.Contains(composeNames, name) && !slices.Contains(settingNames(), name) {
			t.Errorf("%s is no setting", name)
		}
	}
}

// layer is one rule of .depguard.yaml.
type layer struct {
	ListMode string `yaml:"listMode"`
	Files    []string
	Allow    []string
	Deny     map[string]string
}

// TestLayers checks that a rule of .depguard.yaml stands for every package:
// one that no rule names could import anything.
func TestLayers(t *testing.T) {
	t.Parallel()
	var rules map[string]layer
	strictYAML(t, ".depguard.yaml", &rules)
	covered := []string{"cmd/settlecancel"} // what package main may import: everything
	for name, rule := range rules {
		if rule.ListMode != "lax" || len(rule.Deny) == 0 {
			t.Errorf("rule %s denies nothing", name)
		}
		for _, glob := range rule.Files {
			if dir, ok := strings.CutPrefix(glob, "**/"); ok && rule.Deny["settlecancel"] != "" {
				covered = append(covered, path.Dir(dir))
			}
		}
	}
	err := filepath.WalkDir("..", func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" {
			return err
		}
		dir, err := filepath.Rel("..", filepath.Dir(file))
		held := func(pattern string) bool { ok, _ := path.Match(pattern, filepath.ToSlash(dir)); return ok }
		if !slices.ContainsFunc(covered, held) {
			covered = append(covered, filepath.ToSlash(dir))
			t.Errorf("no rule of .depguard.yaml stands for package %s", dir)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
