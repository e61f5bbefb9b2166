package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/listen/certtest"
	"settlecancel/config"
	"settlecancel/gateway/simulator"
)

// A health check does not mind by which name it finds its own machine; elsewhere it does.
func TestHealthcheckTLS(t *testing.T) {
	t.Parallel()
	p := certtest.New(t)
	p.Renew(1)
	cfg := config.Config{HTTPAddr: "127.0.0.1:0", HTTPTLSCert: p.Cert, HTTPTLSKey: p.Key}
	well := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well")) })
	l, err := listenServer(cfg, well, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &cli{TB: t}
	c.run("healthcheck", "https://127.0.0.1:"+port+"/healthz").want(t, exitDone, nil, nil)
	c.run("healthcheck", "https://LocalHost:"+port+"/healthz").want(t, exitDone, nil, nil)
	c.run("healthcheck", "http://127.0.0.1:"+port+"/healthz").want(t, exitFailed, nil, []string{"not well", "400"})
}

// The server as it is shipped: over TLS, and only to look at.
func TestServerSettings(t *testing.T) {
	t.Parallel()
	p := certtest.New(t)
	p.Renew(1)
	plant := newPlant(t, simulator.Options{}, "HTTP_ADDR=127.0.0.1:0", "HTTP_TLS_CERT="+p.Cert, "HTTP_TLS_KEY="+p.Key, "DASHBOARD_READ_ONLY=true")
	server := plant.start("server")
	var base string
	plant.until("server started", time.Minute, func() bool {
		found := regexp.MustCompile(`dashboard=(https://127\.0\.0\.1:\d+)/dashboard/`).FindStringSubmatch(server.log.String())
		if found != nil {
			base = found[1]
		}
		return found != nil
	})
	plant.run(exitDone, "healthcheck", base+"/readyz")

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for _, path := range []string{"/dashboard/cancellations/decide", "/dashboard/queues/api/queues/default:pause"} {
		resp, err := client.Post(base+path, "application/x-www-form-urlencoded", strings.NewReader("key=x&as=retry"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s is answered %s", path, resp.Status)
		}
	}
	server.signal(syscall.SIGTERM)
	if code := server.wait(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, server.log)
	}
}
