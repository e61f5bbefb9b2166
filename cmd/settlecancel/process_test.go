package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/config"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// binDir holds the program as it is shipped, built on first use.
var binDir string

func TestMain(m *testing.M) {
	if gateway := os.Getenv(bareEnv); gateway != "" {
		if err := runBare(gateway); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := 1
	dir, err := os.MkdirTemp("", "settlecancel")
	if err == nil {
		binDir = dir
		code = m.Run()
		err = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binDir, "settlecancel")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// plant is Redis and a simulated SettleBank, which outlive the processes under test.
type plant struct {
	testing.TB
	redis   *redistest.Server // nil where plantOn was told another one
	sim     *simulator.Simulator
	gateway string // its URL
	environ []string
	client  *tasks.Client
}

func newPlant(t testing.TB, o simulator.Options, environ ...string) *plant {
	t.Helper()
	server := redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	p := plantOn(t, server.URL(), o, environ...)
	p.redis = server
	return p
}

// plantOn is a plant on whatever Redis url names.
func plantOn(t testing.TB, url string, o simulator.Options, environ ...string) *plant {
	t.Helper()
	p := &plant{TB: t}
	var err error
	if p.sim, err = simulator.New(o); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(p.sim)
	t.Cleanup(web.Close)
	p.gateway = web.URL
	p.environ = append([]string{"REDIS_URL=" + url, "SETTLEBANK_BASE_URL=" + web.URL, "SETTLEBANK_COLLATION_URL=" + web.URL,
		"OPS_ADDR=127.0.0.1:0", "LOG_FORMAT=text", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, environ...)
	p.connect()
	return p
}

// connect gives the plant a client that remembers nothing.
func (p *plant) connect() {
	p.Helper()
	cfg, err := config.Load(p.environ)
	if err != nil {
		p.Fatal(err)
	}
	rdb := redis.NewUniversalClient(cfg.RedisOptions())
	p.Cleanup(func() { _ = rdb.Close() })
	p.client = (&installation{cfg: cfg, rdb: rdb, log: slog.New(slog.DiscardHandler)}).newClient()
}

// freeAddr returns an address that nobody listens at.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// process is the program, running.
type process struct {
	testing.TB
	cmd  *exec.Cmd
	log  *terminaltest.Buffer
	done chan error
}

func (p *plant) start(args ...string) *process {
	p.Helper()
	path, err := build()
	if err != nil {
		p.Fatal(err)
	}
	r := &process{TB: p.TB, cmd: exec.Command(path, args...), log: &terminaltest.Buffer{}, done: make(chan error, 1)}
	r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = p.environ, r.log, r.log
	if err := r.cmd.Start(); err != nil {
		p.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	p.Cleanup(r.kill)
	return r
}

// run waits for the program's end and answers what it printed; its exit code must be as wanted.
func (p *plant) run(code int, args ...string) string {
	p.Helper()
	r := p.start(args...)
	if got := r.wait(); got != code {
		p.Fatalf("settlecancel %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, r.log)
	}
	return r.log.String()
}

func (r *process) signal(s os.Signal) { _ = r.cmd.Process.Signal(s) }

// kill ends it as a power cut would.
func (r *process) kill() {
	_ = r.cmd.Process.Kill()
	r.wait()
}

func (r *process) wait() int {
	r.Helper()
	select {
	case err := <-r.done:
		r.done <- err // for the next one who asks
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			r.Fatal(err)
		}
	case <-time.After(3 * time.Minute):
		_ = r.cmd.Process.Signal(syscall.SIGQUIT)
		r.Fatalf("does not end:\n%s", r.log)
	}
	return r.cmd.ProcessState.ExitCode()
}

// until looks again and again at what foreign processes bring about. Only a hang fails it.
func (p *plant) until(what string, limit time.Duration, ok func() bool) {
	p.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			p.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

// delayed waits until the simulator holds a request that it was told to delay.
func (p *plant) delayed() {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.sim.Await(ctx, func(s simulator.Stats) bool { return s.Faults[simulator.KindDelayBefore] > 0 }); err != nil {
		p.Fatal(err)
	}
}

func (p *plant) record(key string) ledger.Record {
	p.Helper()
	r, err := p.client.Ledger().Get(context.Background(), key)
	if err != nil {
		p.Fatal(err)
	}
	return r
}

// pageExample is the page's: 1000 won paid.
func (p *plant) pageExample(key string, amount int64) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: key, MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_il0211129135810M1494620",
		OrgMchtTrdNo: "ORDER20231215143022", OrgTrdDt: "20231215", CanAmt: amount, OrgTrdAmt: 1000, Method: "CA"}
}

func (p *plant) enqueue(x tasks.Cancellation) {
	p.Helper()
	if _, err := p.client.Enqueue(context.Background(), x, tasks.EnqueueOptions{}); err != nil {
		p.Fatal(err)
	}
}
