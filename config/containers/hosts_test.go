//go:build hosts

package containers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// away is how long a host is gone. Sentinels need 5 s to believe it.
const away = 12 * time.Second

const sentinelConf = `port 26379
dir /data
sentinel monitor settlecancel 10.77.0.11 6379 2
sentinel down-after-milliseconds settlecancel 5000
sentinel failover-timeout settlecancel 10000
`

// hosts are machines that see each other by a network alone, each a container with an address of
// its own.
type hosts struct {
	*testing.T
	network string
	address map[string]string
	*producer
}

// outcome is a row of the table that is printed.
type outcome struct {
	what     string
	gap      time.Duration
	failures map[string]int
	settled  time.Duration
}

// TestHosts kills, pauses and disconnects one host after the other, 12 s each, while an order
// system enqueues 25 cancellations a second.
func TestHosts(t *testing.T) {
	h := &hosts{T: t, network: "settlecancel-hosts", address: map[string]string{},
		producer: newProducer("http://127.0.0.1:18080", "http://127.0.0.1:18090", "change-me-change-me")}
	h.start()
	var rows []outcome
	for _, role := range []string{"worker", "server", "sentinel", "replica", "master"} {
		for _, how := range []string{"killed", "paused", "disconnected"} {
			t.Run(role+" "+how, func(t *testing.T) {
				inner := *h
				inner.T = t
				rows = append(rows, inner.breaks(role, how))
			})
			if t.Failed() {
				break
			}
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| for %s | nothing accepted for | answers but 202 | all settled after |\n| --- | --- | --- | --- |\n", away)
	for _, r := range rows {
		fmt.Fprintf(&table, "| %s | %.1f s | %v | %.0f s |\n", r.what, r.gap.Seconds(), r.failures, r.settled.Seconds())
	}
	t.Logf("%d cancellations, each applied once:\n%s", len(h.accepted), &table)
}

// start brings up three Redis servers, three sentinels, two workers, one server and the simulator.
func (h *hosts) start() {
	h.Helper()
	if out := docker(h, "ps", "--all", "--quiet", "--filter", "label="+h.network); out != "" {
		docker(h, append([]string{"rm", "--force", "--volumes"}, strings.Fields(out)...)...)
	}
	_, _ = command(h.Context(), "", nil, "docker", "network", "rm", h.network)
	docker(h, "network", "create", "--subnet", "10.77.0.0/24", h.network)
	h.Cleanup(h.remove)
	if os.Getenv("BUILD") != "--no-build" { // as for `make up`
		docker(h, "build", "--quiet", "--build-arg", "VERSION=check", "--tag", "settlecancel:check", "../..")
	}

	shipped, err := os.ReadFile("../redis.conf")
	if err != nil {
		h.Fatal(err)
	}
	folder := h.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chmod(file, 0o644)); err != nil { //nolint:gosec // the container's user reads it
			h.Fatal(err)
		}
		return file
	}
	redis := string(shipped) + "\nbind 0.0.0.0\nprotected-mode no\nmin-replicas-to-write 1\nmin-replicas-max-lag 10\n"
	master, replica, sentinel := write("master.conf", redis), write("replica.conf", redis+"replicaof 10.77.0.11 6379\n"), write("sentinel.conf", sentinelConf)
	for i, conf := range []string{master, replica, replica} {
		h.redis(fmt.Sprintf("redis-%d", i+1), fmt.Sprintf("10.77.0.%d", 11+i), conf)
	}
	until(h, "two replicas follow", time.Minute, h.whole)
	for i := range 3 {
		h.redis(fmt.Sprintf("sentinel-%d", i+1), fmt.Sprintf("10.77.0.%d", 21+i), sentinel, "--sentinel")
	}
	h.ours("simulator", "10.77.0.41", "--publish", "127.0.0.1:18090:8090", "settlecancel:check", "simulator", "--addr", "0.0.0.0:8090", "--auto-amount", "1000", "--latency", "300ms")
	h.ours("worker-1", "10.77.0.31", "settlecancel:check", "worker")
	h.ours("worker-2", "10.77.0.32", "settlecancel:check", "worker")
	h.ours("server-1", "10.77.0.33", "--publish", "127.0.0.1:18080:8080", "settlecancel:check", "server")
	until(h, "the server is ready", time.Minute, func() bool {
		answer, err := h.client.Get(h.server + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// redis starts a Redis or a sentinel. Its file is its own: a failover rewrites it, and it stays for
// the next start.
func (h *hosts) redis(name, address, conf string, flags ...string) {
	h.Helper()
	start := "[ -f /data/own.conf ] || cat /given.conf >/data/own.conf; exec redis-server /data/own.conf " + strings.Join(flags, " ")
	h.run(name, address, "--volume", conf+":/given.conf:ro", "--user", "999:1000", "--entrypoint", "/bin/sh", helperImage, "-c", start)
}

func (h *hosts) ours(name, address string, words ...string) {
	h.Helper()
	h.run(name, address, append([]string{
		"--env", "REDIS_URL=redis-sentinel://10.77.0.21:26379,10.77.0.22:26379,10.77.0.23:26379/0?master=settlecancel",
		"--env", "REDIS_WAIT_REPLICAS=1", "--env", "SETTLEBANK_BASE_URL=http://10.77.0.41:8090",
		"--env", "SETTLEBANK_TIMEOUT=5s", "--env", "SETTLEBANK_CONNECT_TIMEOUT=2s", "--env", "SETTLEBANK_VERIFY_AFTER=5s",
		"--env", "OPS_ADDR=0.0.0.0:9090", "--env", "HTTP_ADDR=0.0.0.0:8080", "--env", "API_TOKENS=shop:" + h.token,
		"--env", "OPS_USER=ops", "--env", "OPS_PASSWORD=change-me",
	}, words...)...)
}

func (h *hosts) run(name, address string, words ...string) {
	h.Helper()
	h.address[name] = address
	docker(h, append([]string{"run", "--detach", "--name", h.network + "-" + name, "--label", h.network,
		"--network", h.network, "--ip", address}, words...)...)
}

func (h *hosts) remove() {
	for _, words := range [][]string{
		{"sh", "-c", "docker ps --all --quiet --filter label=" + h.network + " | xargs --no-run-if-empty docker rm --force --volumes"},
		{"docker", "network", "rm", h.network},
	} {
		// The test's own context has ended by now.
		if _, err := command(context.Background(), "", nil, words...); err != nil {
			h.Error(err)
		}
	}
}

// master returns which Redis leads, as itself and a replica say, or "".
func (h *hosts) master() string {
	for _, name := range []string{"redis-1", "redis-2", "redis-3"} {
		if says := h.replication(name); strings.Contains(says, "role:master") && strings.Contains(says, "connected_slaves:2") {
			return name
		}
	}
	return ""
}

func (h *hosts) whole() bool { return h.master() != "" }

func (h *hosts) replication(name string) string {
	out, err := command(h.Context(), "", nil, "docker", "exec", h.network+"-"+name, "timeout", "2", "redis-cli", "info", "replication")
	if err != nil {
		return ""
	}
	return out
}

// breaks takes one host away under load, brings it back, and waits until everything is settled.
func (h *hosts) breaks(role, how string) outcome {
	name := map[string]string{"worker": "worker-1", "server": "server-1", "sentinel": "sentinel-1"}[role]
	until(h, "a master with two replicas", 2*time.Minute, h.whole)
	switch leader := h.master(); role {
	case "master":
		name = leader
	case "replica":
		name = "redis-1"
		if leader == name {
			name = "redis-2"
		}
	}
	container := h.network + "-" + name
	steps := map[string][2][]string{
		"killed": {{"kill", container}, {"start", container}},
		"paused": {{"pause", container}, {"unpause", container}},
		"disconnected": {{"network", "disconnect", h.network, container},
			{"network", "connect", "--ip", h.address[name], h.network, container}},
	}[how]
	gap, failures := h.during(h, strings.ReplaceAll(role+"-"+how, " ", "-"), func() {
		docker(h, steps[0]...)
		<-time.After(away)
		docker(h, steps[1]...)
		until(h, "a master with two replicas", 2*time.Minute, h.whole)
	})
	begun := time.Now()
	h.settle(h, 5*time.Minute)
	return outcome{role + " " + how, gap, failures, time.Since(begun)}
}
