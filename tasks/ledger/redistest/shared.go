package redistest

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// databases are more than there are tests that run at a time. A server with a Config has as many as
// that says.
const databases = 500

// freeDatabases are all but number 0, which is that of URL and Client.
func freeDatabases() chan int {
	free := make(chan int, databases)
	for n := 1; n < databases; n++ {
		free <- n
	}
	return free
}

// Database returns the number of an empty database that is the test's until it ends.
func (s *Server) Database(t testing.TB) int {
	t.Helper()
	select {
	case n := <-s.free:
		t.Cleanup(func() { s.free <- n })
		rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), DB: n})
		defer rdb.Close()
		if err := rdb.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return n
	default:
		t.Fatalf("redistest: all %d databases are in use", databases)
		return 0
	}
}

// Shared is one server for all tests of a package, each of which has a database of its own. Who
// asks first starts it.
type Shared struct {
	once   sync.Once
	dir    string
	server *Server
	err    error
}

// Run runs the tests, for a TestMain, and then ends the server. go-redis is not to tell of the
// outages that tests make.
func (s *Shared) Run(m *testing.M) {
	logging.Disable()
	m.Run()
	if s.server != nil {
		s.server.Kill()
	}
	_ = os.RemoveAll(s.dir)
}

// Server returns the server, for who needs its address. Nobody may stop it, flush it or change its
// settings.
func (s *Shared) Server(t testing.TB) *Server {
	t.Helper()
	s.once.Do(func() {
		if s.dir, s.err = os.MkdirTemp("", "redistest"); s.err == nil {
			s.server, s.err = Run(s.dir, Options{})
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

// Client returns a client on an empty database of the test's own, closed when the test ends.
func (s *Shared) Client(t testing.TB) *redis.Client {
	t.Helper()
	server := s.Server(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), DB: server.Database(t), ReadTimeout: time.Minute}) // no call is repeated for slowness
	t.Cleanup(func() { _ = c.Close() })
	return c
}
