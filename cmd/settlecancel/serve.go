package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// listener is an HTTP server that is listening already, so that its address is known and taken
// before anything else starts.
type listener struct {
	net.Listener
	server *http.Server
	secure bool // speaks TLS alone, as server.TLSConfig says
}

func listen(addr string, h http.Handler) (*listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	return &listener{Listener: l, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
	}}, nil
}

// url returns where a browser on this machine finds the server.
func (l *listener) url() string {
	scheme := "http://"
	if l.secure {
		scheme = "https://"
	}
	return scheme + local(l.Addr().String())
}

// serve returns requests until ctx ends, and then lets those under way end.
func (l *listener) serve(ctx context.Context) error {
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
