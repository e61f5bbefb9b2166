//go:build containers

package containers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// project is no user's, so that nobody's data is touched.
const project = "settlecancel-check"

// stack is a copy of this repository with a .env, and what Compose makes of it.
type stack struct {
	*testing.T
	here, dir string
	*producer
}

// TestCompose goes through the life of an installation. Its parts build on each other.
func TestCompose(t *testing.T) {
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{T: t, here: here, dir: t.TempDir(), producer: newProducer("http://127.0.0.1:8080", "http://127.0.0.1:8090", "change-me-change-me")}
	s.copy()
	s.remove() // what an interrupted run left
	t.Cleanup(s.remove)
	for _, part := range []struct {
		name string
		is   func(*stack)
	}{
		{"Up", (*stack).comesUp}, {"Confined", (*stack).isConfined}, {"Networks", (*stack).isApart}, {"Cancels", (*stack).cancels},
		{"Crashes", (*stack).crashes}, {"Stop", (*stack).stops}, {"Upgrade", (*stack).upgrades}, {"DownAndUp", (*stack).keeps},
		{"NoDemo", (*stack).leavesTheDemo},
	} {
		if !t.Run(part.name, func(t *testing.T) {
			inner := *s
			inner.T = t
			part.is(&inner)
		}) {
			break
		}
	}
}

// copy takes what git knows, or would, as it is in the work tree.
func (s *stack) copy() {
	s.Helper()
	list, err := command(s.Context(), s.here, nil, "git", "ls-files", "--cached", "--others", "--exclude-standard")
	if err != nil {
		s.Fatal(err)
	}
	for file := range strings.FieldsSeq(list) {
		content, err := os.ReadFile(filepath.Join(s.here, file))
		if os.IsNotExist(err) {
			continue // deleted, and not committed
		}
		info, _ := os.Stat(filepath.Join(s.here, file))
		to := filepath.Join(s.dir, file)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			s.Fatal(err)
		}
	}
	// What is cut off is verified at once, so that nobody waits here for minutes.
	s.env(func(example string) string {
		return example + "\nSETTLEBANK_TIMEOUT=10s\nSETTLEBANK_VERIFY_AFTER=5s\n"
	})
}

// env writes .env, from .env.example as README says.
func (s *stack) env(change func(string) string) {
	s.Helper()
	example, err := os.ReadFile(filepath.Join(s.dir, ".env.example"))
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, ".env"), []byte(change(string(example))), 0o600); err != nil {
		s.Fatal(err)
	}
}

// run runs a command line in the copy, as this project.
func (s *stack) run(version string, words ...string) string {
	s.Helper()
	out, err := command(s.Context(), s.dir, []string{"COMPOSE_PROJECT_NAME=" + project, "VERSION=" + version}, words...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *stack) make(target string) string {
	s.Helper()
	return s.run("check", "make", "--no-print-directory", target)
}

// compose runs Docker Compose, whichever there is.
func (s *stack) compose(version string, words ...string) {
	s.Helper()
	line := []string{"docker-compose"}
	if exec.Command("docker", "compose", "version").Run() == nil {
		line = []string{"docker", "compose"}
	}
	s.run(version, append(line, words...)...)
}

// name finds a service's container. Compose's versions name them differently.
func (s *stack) name(service string) string {
	s.Helper()
	return docker(s, "ps", "--all", "--filter", "label=com.docker.compose.project="+project,
		"--filter", "label=com.docker.compose.service="+service, "--format", "{{.Names}}")
}

func (s *stack) remove() {
	words := []string{"docker-compose", "--profile", "demo", "down", "--volumes", "--remove-orphans"}
	if exec.Command("docker", "compose", "version").Run() == nil {
		words = append([]string{"docker", "compose"}, words[1:]...)
	}
	c := exec.Command(words[0], words[1:]...)
	c.Dir, c.Env = s.dir, append(os.Environ(), "COMPOSE_PROJECT_NAME="+project, "VERSION=check")
	if out, err := c.CombinedOutput(); err != nil {
		s.Errorf("%v\n%s", err, out)
	}
}

func (s *stack) comesUp() {
	begun := time.Now()
	out := s.make("up")
	s.Logf("make up, image built: %s\n%s", time.Since(begun).Round(time.Second), out[max(0, strings.LastIndex(out, "NAMES")):])
	size, err := strconv.Atoi(docker(s, "image", "inspect", "--format", "{{.Size}}", "settlecancel:check"))
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("the image has %.1f MB", float64(size)/1e6)
	if size > 80e6 {
		s.Errorf("the image has %d bytes", size)
	}
	if out := docker(s, "exec", s.name("server"), "/settlecancel", "version"); !strings.Contains(out, "check") {
		s.Errorf("the image's version: %s", out)
	}
}

// isConfined asks the engine whether it took what the file says. The engine ignores, and Compose
// drops, what they do not know.
func (s *stack) isConfined() {
	for _, service := range []string{"redis", "worker", "server", "simulator", "prometheus", "grafana"} {
		is := inspect(s, s.name(service))
		h := is.HostConfig
		if strings.HasPrefix(is.Config.User, "0") || is.Config.User == "" || !h.ReadonlyRootfs || !slices.Equal(h.CapDrop, []string{"ALL"}) ||
			!slices.ContainsFunc(h.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") }) {
			s.Errorf("%s is not confined: user %q, %+v", service, is.Config.User, h)
		}
		if h.Memory == 0 || h.NanoCPUs == 0 || h.PidsLimit == 0 || h.RestartPolicy.Name != "unless-stopped" {
			s.Errorf("%s has no limits, or is not restarted: %+v", service, h)
		}
	}
	out := docker(s, "exec", s.name("worker"), "/settlecancel", "doctor")
	if !strings.Contains(out, "0 dangers") {
		s.Errorf("the doctor says\n%s", out)
	}
}

// isApart checks who is reached from which network.
func (s *stack) isApart() {
	from := func(network, line string) string {
		// A shell in front, since a first process does not heed the signal of `timeout`.
		out, err := command(s.Context(), "", nil, "docker", "run", "--rm", "--network", project+"_"+network,
			"--entrypoint", "/bin/sh", helperImage, "-c", "timeout 5 "+line+"; exit $?")
		if err != nil {
			return ""
		}
		return out
	}
	if out := from("data", "redis-cli -h redis ping"); !strings.Contains(out, "PONG") {
		s.Errorf("from network data Redis answers %q", out)
	}
	if out := from("metrics", "wget -q -O - http://worker:9090/metrics"); !strings.Contains(out, "settlecancel_open_cancellations") {
		s.Error("from network metrics the worker tells no metrics")
	}
	for _, network := range []string{"outside", "metrics", "desk"} {
		if out := from(network, "redis-cli -h redis ping"); strings.Contains(out, "PONG") {
			s.Errorf("Redis answers network %s", network)
		}
	}
	if out := from("desk", "wget -q -O - http://worker:9090/metrics"); out != "" {
		s.Error("the worker tells its metrics to network desk")
	}
	redis := docker(s, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", s.name("redis"))
	if out := from("outside", "redis-cli -h "+redis+" ping"); strings.Contains(out, "PONG") {
		s.Error("Redis answers network outside by its address")
	}
}

// cancels carries one cancellation out, and looks where people look.
func (s *stack) cancels() {
	if err := s.one(s.Context(), "check-first"); err != nil {
		s.Fatal(err)
	}
	s.settle(s, time.Minute)
	until(s, "Prometheus sees the worker", time.Minute, func() bool {
		return strings.Contains(s.get("http://127.0.0.1:9091/api/v1/query?query=up{job=%22settlecancel%22}", ""), `"1"]`)
	})
	var rules struct {
		Data struct {
			Groups []struct{ Rules []struct{ Health string } }
		}
	}
	if err := json.Unmarshal([]byte(s.get("http://127.0.0.1:9091/api/v1/rules", "")), &rules); err != nil || len(rules.Data.Groups) == 0 {
		s.Errorf("Prometheus has no alerts: %v", err)
	}
	if out := s.get("http://127.0.0.1:8080/dashboard/", ""); out != "401 Unauthorized" {
		s.Errorf("the dashboard without a password: %.60s", out)
	}
	if out := s.get("http://127.0.0.1:8080/dashboard/", "change-me"); !strings.Contains(out, "<html") {
		s.Errorf("the dashboard: %.60s", out)
	}
	s.get("http://127.0.0.1:3000/api/health", "")
}

// get returns a page's text, or the status where that is not 200.
func (s *stack) get(url, password string) string {
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, url, nil)
	if err != nil {
		s.Fatal(err)
	}
	if password != "" {
		r.SetBasicAuth("ops", password)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// crashes kills one process after the other under load. Each comes back by itself.
func (s *stack) crashes() {
	for _, service := range []string{"worker", "server", "redis"} {
		before := inspect(s, s.name(service)).RestartCount
		gap, failures := s.during(s, "crash-"+service, func() {
			kill(s, s.name(service))
			until(s, service+" is back", time.Minute, func() bool {
				is := inspect(s, s.name(service))
				return is.RestartCount > before && is.State.Status == "running"
			})
		})
		s.Logf("%s killed: for %s nothing was accepted; other answers: %v", service, gap.Round(10*time.Millisecond), failures)
	}
	s.settle(s, 5*time.Minute)
}

// stops ends the worker while requests are on the wire: it lets them end, writes down how, and
// leaves within its time.
func (s *stack) stops() {
	s.simulate(s, http.MethodPost, "faults", `{"path":"cancel","fault":{"kind":"delayBefore","delay":"4s"}}`)
	var keys []string
	for i := range 8 {
		key := fmt.Sprintf("stop-%d", i)
		if err := s.one(s.Context(), key); err != nil {
			s.Fatal(err)
		}
		keys = append(keys, key)
	}
	until(s, "8 requests are on the wire", time.Minute, func() bool {
		var stats struct{ InProgress int }
		return json.Unmarshal([]byte(s.simulate(s, http.MethodGet, "stats", "")), &stats) == nil && stats.InProgress == 8
	})
	begun, name := time.Now(), s.name("worker")
	docker(s, "stop", name)
	took, is := time.Since(begun), inspect(s, name)
	s.Logf("the worker left %s after SIGTERM with code %d; it has %d s", took.Round(10*time.Millisecond), is.State.ExitCode, is.Config.StopTimeout)
	if is.State.ExitCode != 0 || is.State.OOMKilled {
		s.Errorf("the worker left with %d after %s", is.State.ExitCode, took)
	}
	for _, key := range keys {
		if status := s.status(s, key); status != "cancelled" {
			s.Errorf("%s is %s once the worker has left", key, status)
		}
	}
	s.simulate(s, http.MethodDelete, "faults", "")
	docker(s, "start", name)
	s.settle(s, time.Minute)
}

// upgrades goes back to the last commit's program and then to this one, each in the manual's order,
// under load.
func (s *stack) upgrades() {
	s.previous()
	for _, step := range []struct {
		version string
		order   []string
	}{{"previous", []string{"server", "worker"}}, {"check", []string{"worker", "server"}}} {
		gap, failures := s.during(s, "to-"+step.version, func() {
			for _, service := range step.order {
				s.compose(step.version, "up", "--detach", "--no-build", "--no-deps", service)
				until(s, service+" is well", time.Minute, func() bool {
					is := inspect(s, s.name(service))
					return is.State.Health.Status == "healthy"
				})
			}
		})
		s.Logf("%v by those of %s: for %s nothing was accepted; other answers: %v", step.order, step.version, gap.Round(10*time.Millisecond), failures)
	}
	s.settle(s, 3*time.Minute)
}

// previous makes the image of the commit before this one.
func (s *stack) previous() {
	s.Helper()
	if os.Getenv("BUILD") == "--no-build" { // as for `make up`
		return
	}
	source := s.TempDir()
	s.run("check", "bash", "-euc", `git -C "$0" archive HEAD~1 | tar -x -C "$1"`, s.here, source)
	docker(s, "build", "--quiet", "--build-arg", "VERSION=previous", "--tag", "settlecancel:previous", source)
}

// keeps takes everything down and up again: what was accepted is there.
func (s *stack) keeps() {
	s.make("down")
	if names := s.name("redis"); names != "" {
		s.Fatalf("after `make down` there is still %s", names)
	}
	s.make("up")
	for _, key := range []string{s.accepted[0], s.accepted[len(s.accepted)-1]} {
		if status := s.status(s, key); status != "cancelled" {
			s.Errorf("%s is %s after down and up", key, status)
		}
	}
	started := docker(s, "exec", s.name("prometheus"), "promtool", "query", "instant", "http://127.0.0.1:9090",
		`count_over_time(up{job="settlecancel"}[1h]) > 4`)
	if started == "" {
		s.Error("Prometheus has forgotten what it saw before")
	}
}

// leavesTheDemo takes the two lines of the demo out of .env: no simulator, and the gateway is
// SettleBank's own. Nothing is enqueued here.
func (s *stack) leavesTheDemo() {
	s.env(regexpDelete(`(?m)^(COMPOSE_PROFILES|SETTLEBANK_BASE_URL)=.*\n`))
	s.compose("check", "--profile", "demo", "rm", "--stop", "--force", "simulator")
	s.make("up")
	if name := s.name("simulator"); name != "" {
		s.Errorf("without the demo there is %s", name)
	}
	if out := docker(s, "logs", "--tail", "20", s.name("worker")); strings.Contains(out, "simulator") {
		s.Errorf("the worker speaks to the simulator:\n%s", out)
	}
}

func regexpDelete(pattern string) func(string) string {
	return func(text string) string { return regexp.MustCompile(pattern).ReplaceAllString(text, "") }
}
