//go:build partition

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
)

// side is one of two network namespaces. A cable leads from each to the other, which can be cut, and
// one to the gateway, which cannot.
type side struct {
	*testing.T
	space   string
	address string // in the network of both
	gateway string // of the gateway, as this side sees it
	cable   string // to the other side
}

// newSides makes both namespaces, which end with the test. Their cables may live on for a moment: hence
// the name, a letter.
func newSides(t *testing.T, name string) (a, b *side) {
	t.Helper()
	tag := fmt.Sprintf("sc%d%s", os.Getpid()%100_000, name)
	a = &side{T: t, space: tag + "a", address: "10.77.1.1", gateway: "10.77.2.1", cable: tag + "x"}
	b = &side{T: t, space: tag + "b", address: "10.77.1.2", gateway: "10.77.3.1", cable: tag + "y"}
	for _, s := range []*side{a, b} {
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", s.space).Run() })
		s.ip("netns", "add", s.space)
	}
	a.ip("link", "add", a.cable, "netns", a.space, "type", "veth", "peer", "name", b.cable, "netns", b.space)
	for _, s := range []*side{a, b} {
		root, inner := s.space+"r", s.space+"i"
		s.ip("link", "add", root, "type", "veth", "peer", "name", inner, "netns", s.space)
		s.ip("addr", "add", s.gateway+"/30", "dev", root)
		s.ip("link", "set", root, "up")
		for _, args := range [][]string{
			{"link", "set", "lo", "up"},
			{"addr", "add", s.address + "/24", "dev", s.cable}, {"link", "set", s.cable, "up"},
			{"addr", "add", s.gateway[:len(s.gateway)-1] + "2/30", "dev", inner}, {"link", "set", inner, "up"},
		} {
			s.ip(append([]string{"-n", s.space}, args...)...)
		}
	}
	return a, b
}

func (s *side) ip(args ...string) {
	s.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		s.Fatalf("ip %s: %v: %s\nthis test needs root and network namespaces (Debian: apt-get install iproute2)",
			strings.Join(args, " "), err, out)
	}
}

func (s *side) cut()  { s.ip("-n", s.space, "link", "set", s.cable, "down") }
func (s *side) heal() { s.ip("-n", s.space, "link", "set", s.cable, "up") }

// start starts a program on this side; the test's end kills it.
func (s *side) start(environ []string, program string, args ...string) *terminaltest.Buffer {
	s.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.space, program}, args...)...)
	log := &terminaltest.Buffer{}
	cmd.Env, cmd.Stdout, cmd.Stderr = append(environ, "PATH="+os.Getenv("PATH")), log, log
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() }) // ip has become the program
	return log
}

// redis starts a Redis, and a sentinel beside it, on this side.
func (s *side) redis(port int, master *side, args ...string) {
	s.Helper()
	dir := s.TempDir()
	all := append([]string{"--bind", "0.0.0.0", "--protected-mode", "no", "--port", fmt.Sprint(port), "--dir", dir, "--save", "",
		"--repl-diskless-sync-delay", "0", "--repl-timeout", "10", "--appendonly", "yes"}, args...)
	if master != s || port != masterPort {
		all = append(all, "--replicaof", master.address, fmt.Sprint(masterPort))
	}
	s.start(nil, "redis-server", all...)
	config := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 0.0.0.0\nprotected-mode no\nsentinel monitor settlecancel %s %d 2\n"+
		"sentinel down-after-milliseconds settlecancel 1000\nsentinel failover-timeout settlecancel 3000\n",
		port+sentinelOffset, master.address, masterPort)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	s.start(nil, "redis-server", config, "--sentinel")
}

const (
	masterPort     = 6379
	sentinelOffset = 20000
)

// dial connects from within this side's namespace.
func (s *side) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine, and never serves another one
		space, err := os.Open("/var/run/netns/" + s.space)
		if err == nil {
			err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET)
			_ = space.Close()
		}
		var conn net.Conn
		if err == nil {
			conn, err = (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
		}
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// client returns a client of one Redis of this side, whoever leads.
func (s *side) client(port int) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: net.JoinHostPort(s.address, fmt.Sprint(port)), Dialer: s.dial})
	s.Cleanup(func() { _ = c.Close() })
	return c
}
