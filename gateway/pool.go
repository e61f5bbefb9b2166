package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// idleTimeout closes idle connections before a server is likely to (Apache's default is 5 s): a
// request written while the server closes has an unknown outcome, which costs far more than a new
// connection.
const idleTimeout = 4 * time.Second

// maxHeaderBytes bounds an answer's headers.
const maxHeaderBytes = 64 << 10

// dialFunc opens a TCP connection; tests put their own.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// pool holds the connections. They live in generations: one that reached its age takes no more
// requests, and its last connections are closed when its last request ends.
type pool struct {
	newTransport func() *http.Transport
	maxAge       time.Duration
	now          func() time.Time

	mu     sync.Mutex
	newest *generation // nil before the first request, and once closed
	closed bool
}

type generation struct {
	transport *http.Transport
	born      time.Time
	running   int // requests under way, under pool.mu
}

func newPool(o Options, base *url.URL, dial dialFunc) *pool {
	config := tlsConfig(o.TLS, base.Hostname())
	connect := func(ctx context.Context, network, addr string, secure bool) (net.Conn, error) {
		cause := fmt.Errorf("no connection within %s: %w", o.ConnectTimeout, context.DeadlineExceeded)
		ctx, cancel := context.WithTimeoutCause(ctx, o.ConnectTimeout, cause)
		defer cancel()
		c, err := open(ctx, dial, network, addr, secure, config)
		if err != nil {
			return nil, because(ctx, err)
		}
		return newConn(c), nil
	}
	newTransport := func() *http.Transport {
		t := &http.Transport{
			// Proxy stays nil: none is taken from the environment.
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return connect(ctx, network, addr, false)
			},
			DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return connect(ctx, network, addr, true)
			},
			DisableCompression:     true, // a compressed answer could grow without bound
			MaxIdleConns:           o.MaxIdleConns,
			MaxIdleConnsPerHost:    o.MaxIdleConns,
			IdleConnTimeout:        min(idleTimeout, o.MaxConnAge),
			MaxResponseHeaderBytes: maxHeaderBytes,
			Protocols:              new(http.Protocols),
		}
		t.Protocols.SetHTTP1(true) // HTTP/2 repeats requests on its own
		return t
	}
	return &pool{newTransport: newTransport, maxAge: o.MaxConnAge, now: o.Now}
}

// open dials addr and, where secure, shakes hands.
func open(ctx context.Context, dial dialFunc, network, addr string, secure bool, config *tls.Config) (net.Conn, error) {
	raw, err := dial(ctx, network, addr)
	if err != nil || !secure {
		return raw, err
	}
	c := tls.Client(raw, config)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", addr, err)
	}
	return c, nil
}

func tlsConfig(given *tls.Config, host string) *tls.Config {
	config := &tls.Config{}
	if given != nil {
		config = given.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = host
	}
	if config.ClientSessionCache == nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return config
}

// acquire returns the generation a request may use now, to be released when the request has ended;
// nil once closed.
func (p *pool) acquire() *generation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	now := p.now()
	if p.newest == nil || now.Sub(p.newest.born) >= p.maxAge {
		p.retire()
		p.newest = &generation{transport: p.newTransport(), born: now}
	}
	p.newest.running++
	return p.newest
}

func (p *pool) release(g *generation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.running--
	if g.running == 0 && g != p.newest {
		// The transport closes what becomes idle from here on too: no request will undo that.
		g.transport.CloseIdleConnections()
	}
}

// retire closes, under mu, the newest generation's idle connections; release closes the rest.
func (p *pool) retire() {
	if p.newest != nil {
		p.newest.transport.CloseIdleConnections()
	}
	p.newest = nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.retire()
}
