package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// quietFor is how long nothing is granted after Redis was restarted or replaced: who was told of
// writes that it has forgotten notices within noticeEvery, and only then do the others know, who
// would else send again what is on the wire.
const quietFor = 5 * noticeEvery

// errReplaced is returned where Redis was restarted or replaced while an intent was stored.
var errReplaced = errors.New("restarted or replaced a moment ago, Redis may have forgotten writes that others know of")

// Servers knows which servers of Redis a process has talked to. One that it meets later than the
// first was restarted, or has come in the place of another. Give Meet to the client as OnConnect, and
// Servers to the ledger in its Options.
type Servers struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	met   map[string]bool
	last  string    // that was met
	first time.Time // when the first was met

	loading bool      // one was found that loads what it has stored
	quiet   time.Time // until then
}

// NewServers returns what has met no server. log is told of those that are met later.
func NewServers(log *slog.Logger) *Servers {
	return &Servers{log: log, now: time.Now, met: map[string]bool{}}
}

// errReplica refuses a connection.
var errReplica = errors.New("a replica of a cluster: it may take its master's place, and nobody would notice on this connection")

// Meet asks a new connection whose it is, before anything else is asked on it. It wants the right to
// INFO; a server that refuses it is not told from another one. While a server loads what it has
// stored nobody can look what is missing: it is met once it has.
func (s *Servers) Meet(ctx context.Context, cn *redis.Conn) error {
	var size *redis.IntCmd
	var server, replication *redis.InfoCmd
	_, err := cn.Pipelined(ctx, func(p redis.Pipeliner) error {
		size, server, replication = p.DBSize(ctx), p.InfoMap(ctx, "server"), p.InfoMap(ctx, "replication")
		return nil
	})
	if err != nil && !isReply(err) {
		return fmt.Errorf("ask Redis who it is: %w", err)
	}
	if redis.IsLoadingError(size.Err()) {
		s.loads()
		return size.Err()
	}
	// A server that was a replica for a while has other data than before, though it was not restarted.
	run, history := server.Item("Server", "run_id"), replication.Item("Replication", "master_replid")
	mode := server.Item("Server", "redis_mode")
	switch {
	case run == "" || mode == "sentinel":
	case replication.Item("Replication", "role") == "slave":
		if mode == "cluster" && s.knowsOne() { // any node tells of the whole cluster
			return errReplica
		}
	default:
		s.meet(ctx, run+" "+history, mode == "cluster")
	}
	return nil
}

// loads notes that a server was restarted, which is met once it has loaded what it has stored.
func (s *Servers) loads() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loading = true
}

// knowsOne reports whether a server was met.
func (s *Servers) knowsOne() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.met) > 0
}

// isReply reports whether err is Redis's own answer.
func isReply(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

// mostMet is how many servers are known apart at most.
const mostMet = 1000

// meet notes whose a connection is. Every server but the first is taken for one that was restarted or
// has come in the place of another, however soon it is met; only the nodes of a cluster are many.
func (s *Servers) meet(ctx context.Context, id string, node bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = id
	if s.met[id] {
		return
	}
	first := len(s.met) == 0
	if first {
		s.first = s.now()
	}
	if atStart := node && s.now().Sub(s.first) < noticeEvery; s.loading || !first && !atStart {
		s.wait(ctx)
	}
	s.loading = false
	if len(s.met) >= mostMet {
		clear(s.met)
	}
	s.met[id] = true
}

// wait begins the time in which nothing is granted.
func (s *Servers) wait(ctx context.Context) {
	s.quiet = s.now().Add(quietFor)
	s.log.WarnContext(ctx, "Redis was restarted or replaced: nothing is sent before all who know more have looked", "for", quietFor)
}

// arrive is for a process that starts: known is the server that the others knew last, "" for none.
func (s *Servers) arrive(ctx context.Context, known string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known != "" && s.last != "" && known != s.last {
		s.wait(ctx)
	}
}

// settled returns the server that was met last, once nothing is waited for any more; else "".
func (s *Servers) settled() string {
	if s == nil || s.rest() > 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// rest returns how long nothing may be granted from now on; of a nil Servers, 0.
func (s *Servers) rest() time.Duration {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.quiet.Sub(s.now()), 0)
}
