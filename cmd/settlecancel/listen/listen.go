// Package listen serves HTTP on this machine, with TLS where there is a certificate, and asks such
// a server whether it is well.
package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Listener is an HTTP server that is listening already, so that its address is known and taken
// before anything else starts.
type Listener struct {
	net.Listener
	server *http.Server
	secure bool // speaks TLS alone, as server.TLSConfig says
}

// idleTimeout is longer than load balancers keep an idle connection (60 s is usual, 600 s the most
// that is known): the one that closes first must be they, or a request may meet a closed
// connection.
const idleTimeout = 620 * time.Second

// On listens on an address.
func On(addr string, h http.Handler) (*Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	return &Listener{Listener: l, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
	}}, nil
}

// URL returns where a browser on this machine finds the server.
func (l *Listener) URL() string {
	scheme := "http://"
	if l.secure {
		scheme = "https://"
	}
	return scheme + Local(l.Addr().String())
}

// Serve answers requests until ctx ends, and then lets those under way end.
func (l *Listener) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() {
		if l.secure {
			failed <- l.server.ServeTLS(l.Listener, "", "")
			return
		}
		failed <- l.server.Serve(l.Listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("server on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := l.server.Shutdown(last); err != nil {
		_ = l.server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
