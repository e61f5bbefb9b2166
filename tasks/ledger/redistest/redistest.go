// Package redistest runs real Redis servers for tests: each on a free port of the loopback
// interface, with its data in a folder of its own, stopped by its own pid when the test ends.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Options of a Server.
type Options struct {
	Config string   // path of a redis.conf, of which the server takes a copy; "" for none
	Args   []string // further arguments, such as "--appendonly", "yes"
	Port   int      // 0: a free one
}

// Server is one running redis-server.
type Server struct {
	Port int
	dir  string
	opts Options
	free chan int // databases that no test has now

	mu  sync.Mutex
	cmd *exec.Cmd
}

// Start starts a server and stops it when the test and its subtests have ended. Without
// redis-server on the PATH the test fails with the line that helps.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Run(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// Run is Start for a TestMain, which must Kill the server itself and remove dir.
func Run(dir string, o Options) (*Server, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, errors.New("redistest: no redis-server on the PATH: run `make test`, or `apt-get install redis-server`")
	}
	s := &Server{dir: dir, opts: o, Port: o.Port, free: freeDatabases()}
	if s.Port == 0 {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.Port = port
	}
	if o.Config != "" {
		text, err := os.ReadFile(o.Config)
		if err != nil {
			return nil, fmt.Errorf("redistest: %w", err)
		}
		if err := os.WriteFile(s.config(), text, 0o600); err != nil {
			return nil, fmt.Errorf("redistest: %w", err)
		}
	}
	return s, s.Restart()
}

// config is the server's own copy of the configuration: CONFIG REWRITE, which every sentinel makes
// use of, writes to it.
func (s *Server) config() string { return filepath.Join(s.dir, "redis.conf") }

// Addr returns host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// URL returns the server's address as a redis:// URL.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Client returns a client that is closed when the test ends.
func (s *Server) Client(t testing.TB) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr()})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Kill ends the server as a power cut would, with SIGKILL. Restart brings it back with what it had
// persisted.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Restart starts the server, killing it first where it runs, and returns once it answers.
func (s *Server) Restart() error {
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	var args []string
	if s.opts.Config != "" {
		args = append(args, s.config())
	} else {
		args = append(args, "--save", "", "--databases", strconv.Itoa(databases))
	}
	args = append(args, s.opts.Args...)
	args = append(args, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.Port), "--dir", s.dir, "--daemonize", "no",
		"--logfile", filepath.Join(s.dir, "redis.log"))
	cmd := exec.Command("redis-server", args...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	s.cmd = cmd
	if err := s.ready(); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s.cmd = nil
		return err
	}
	return nil
}

// ready waits for a foreign process, so it has to look again and again.
func (s *Server) ready() error {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := c.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "redis.log"))
			return fmt.Errorf("redistest: redis-server on port %d does not answer: %w\n%s", s.Port, err, log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("redistest: no free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
