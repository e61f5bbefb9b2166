package ledger

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger/redistest"
)

// proxy stands between a client and Redis, and can lose a reply: Redis has done what it was told,
// and nobody hears of it.
type proxy struct {
	net.Listener
	target string
	lose   atomic.Int64 // replies until one is lost; 0: none is
	lost   atomic.Int64
	open   sync.WaitGroup
}

func newProxy(t testing.TB, s *redistest.Server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, target: s.Addr()}
	p.open.Go(p.serve)
	t.Cleanup(func() {
		_ = l.Close()
		p.open.Wait()
	})
	return p
}

func (p *proxy) client(t testing.TB, o redis.Options) *redis.Client {
	o.Addr = p.Addr().String()
	rdb := redis.NewClient(&o)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// loseReply lets the nth reply to the ledger from now get lost, together with its connection.
func (p *proxy) loseReply(n int) { p.lost.Store(0); p.lose.Store(int64(n)) }

func (p *proxy) serve() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		var ours atomic.Bool // the latest request is the ledger's, and no greeting of the client
		p.open.Go(func() {
			pass(server, client, func(request []byte) bool {
				ours.Store(bytes.Contains(request, []byte(prefix)))
				return true
			})
		})
		p.open.Go(func() { pass(client, server, func([]byte) bool { return !ours.Load() || p.passes() }) })
	}
}

func (p *proxy) passes() bool {
	if p.lose.Load() == 0 || p.lose.Add(-1) > 0 {
		return true
	}
	p.lost.Add(1)
	return false
}

// pass copies until one side hangs up, or what came may not pass; then both sides are closed.
func pass(to, from net.Conn, may func([]byte) bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil || !may(buf[:n]) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
