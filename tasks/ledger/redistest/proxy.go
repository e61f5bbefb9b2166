package redistest

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Faults are what a Proxy does to what passes. The zero value lets everything pass at once.
type Faults struct {
	Latency  time.Duration // of each piece of data, on average
	Reset    float64       // how likely a piece of a reply is cut in its middle, with a reset of the connection
	HalfOpen float64       // how likely nothing passes on a connection any more after a piece of a reply, though it stays open
	Hole     bool          // nothing passes until other faults are set; then all does
}

// Proxy stands between clients and a Redis, and makes a bad network of it.
type Proxy struct {
	listener net.Listener
	ctx      context.Context
	open     sync.WaitGroup

	mu      sync.Mutex
	to      string
	faults  Faults
	changed chan struct{} // closed when other faults are set
	conns   map[net.Conn]bool
	resets  int
	halves  int
}

// NewProxy returns a proxy to an address, which ends with the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{listener: l, ctx: ctx, to: to, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.open.Go(p.serve)
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		p.Cut()
		p.open.Wait()
	})
	return p
}

// Addr returns host and port of the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns its address as a redis:// URL.
func (p *Proxy) URL() string { return "redis://" + p.Addr() + "/0" }

// To lets new connections lead to another Redis, and ends those that there are.
func (p *Proxy) To(addr string) {
	p.mu.Lock()
	p.to = addr
	p.mu.Unlock()
	p.Cut()
}

// Cut resets all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

// Set lets the network be so from now on.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// Counts returns how many connections were reset in the middle of a reply, and how many left half
// open.
func (p *Proxy) Counts() (resets, halfOpen int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resets, p.halves
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		to := p.to
		p.mu.Unlock()
		server, err := net.Dial("tcp", to)
		if err != nil {
			reset(client)
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.open.Go(func() { p.pass(server, client, false) })
		p.open.Go(func() { p.pass(client, server, true) })
	}
}

// pass copies until one side hangs up; then both sides are closed.
func (p *Proxy) pass(to, from net.Conn, replies bool) {
	defer func() {
		_, _ = to.Close(), from.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, to)
		delete(p.conns, from)
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		f := p.through()
		switch luck := rand.Float64(); {
		case replies && luck < f.Reset:
			p.count(&p.resets)
			_, _ = to.Write(buf[:n/2])
			reset(to)
			return
		case replies && luck < f.Reset+f.HalfOpen:
			p.count(&p.halves)
			for err == nil { // swallows what comes until somebody hangs up
				_, err = from.Read(buf)
			}
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *Proxy) count(n *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*n++
}

// through waits for as long as data is on its way, and returns what becomes of it.
func (p *Proxy) through() Faults {
	for {
		p.mu.Lock()
		f, changed := p.faults, p.changed
		p.mu.Unlock()
		if f.Hole {
			select {
			case <-changed:
				continue
			case <-p.ctx.Done():
				return Faults{Reset: 1}
			}
		}
		if f.Latency > 0 {
			select {
			case <-time.After(rand.N(2 * f.Latency)):
			case <-p.ctx.Done():
			}
		}
		return f
	}
}
