package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"settlecancel/config"
	"settlecancel/gateway/simulator"
)

// pair is a certificate for cancel.example and its key, in the files of a folder.
type pair struct {
	testing.TB
	cert, key string // paths
	changes   time.Duration
}

func newPair(t testing.TB) *pair {
	t.Helper()
	dir := t.TempDir()
	return &pair{TB: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
}

// issue makes a certificate with a number, in PEM, and its key.
func (p *pair) issue(serial int64) (cert, key []byte) {
	p.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"cancel.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		p.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		p.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// put writes a file as a renewal does, in place of the one before. However fast two of them follow,
// and though the clock they come from is behind, each has a time of its own.
func (p *pair) put(path string, content []byte) {
	p.Helper()
	p.changes++
	when := time.Now().Add(-p.changes * time.Hour)
	draft := path + ".new"
	err := errors.Join(os.WriteFile(draft, content, 0o600), os.Chtimes(draft, when, when), os.Rename(draft, path))
	if err != nil {
		p.Fatal(err)
	}
}

func (p *pair) renew(serial int64) {
	p.Helper()
	cert, key := p.issue(serial)
	p.put(p.cert, cert)
	p.put(p.key, key)
}

// served returns the number of the certificate that a new connection sees.
func (p *pair) served(addr string, o *tls.Config) (int64, error) {
	o.InsecureSkipVerify = true // every one is signed by itself; the number tells which it is
	c, err := tls.Dial("tcp", addr, o)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

// secured serves "well" over TLS until the test ends, and answers where.
func (p *pair) secured(log io.Writer) *listener {
	p.Helper()
	cfg := config.Config{HTTPAddr: "127.0.0.1:0", HTTPTLSCert: p.cert, HTTPTLSKey: p.key}
	well := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well")) })
	l, err := listenServer(cfg, well, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		p.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.serve(ctx) }()
	p.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			p.Errorf("serve: %v", err)
		}
	})
	return l
}

// A renewed certificate is served from the next connection on, and what does not fit leaves the one
// before in force.
func TestCertificateRenewal(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.renew(1)
	log := &lockedBuffer{}
	l := p.secured(log)
	want := func(state string, serial int64, warnings, renewals int) {
		t.Helper()
		for range 3 { // what was told is not told again
			if got, err := p.served(l.Addr().String(), &tls.Config{}); err != nil || got != serial {
				t.Errorf("%s: certificate %d, %v, want %d", state, got, err, serial)
			}
		}
		told := log.String()
		if w, r := strings.Count(told, "level=WARN"), strings.Count(told, "certificate renewed"); w != warnings || r != renewals {
			t.Errorf("%s: %d warnings and %d renewals told, want %d and %d:\n%s", state, w, r, warnings, renewals, told)
		}
	}
	want("at first", 1, 0, 0)
	cert, key := p.issue(2)
	p.put(p.cert, cert)
	want("half renewed", 1, 1, 0)
	p.put(p.key, key)
	want("renewed", 2, 1, 1)
	if err := os.Remove(p.key); err != nil {
		t.Fatal(err)
	}
	want("without key", 2, 2, 1)
	p.put(p.cert, []byte("no PEM"))
	want("without anything", 2, 3, 1)
	p.renew(3)
	want("mended", 3, 3, 2)
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("the log shows a key:\n%s", log)
	}
}

// A certificate that is reached by a link, as Kubernetes mounts it, is renewed by moving the link.
func TestCertificateBehindLink(t *testing.T) {
	t.Parallel()
	first, second, here := newPair(t), newPair(t), newPair(t)
	first.renew(1)
	second.renew(2)
	dir := filepath.Dir(here.cert)
	data := filepath.Join(dir, "data")
	err := errors.Join(os.Symlink(filepath.Dir(first.cert), data), os.Symlink("data/cert.pem", here.cert), os.Symlink("data/key.pem", here.key))
	if err != nil {
		t.Fatal(err)
	}
	l := here.secured(io.Discard)
	if got, err := here.served(l.Addr().String(), &tls.Config{}); got != 1 || err != nil {
		t.Errorf("certificate %d, %v", got, err)
	}
	if err := errors.Join(os.Symlink(filepath.Dir(second.cert), data+".new"), os.Rename(data+".new", data)); err != nil {
		t.Fatal(err)
	}
	if got, err := here.served(l.Addr().String(), &tls.Config{}); got != 2 || err != nil {
		t.Errorf("certificate %d, %v", got, err)
	}
}

func TestListenServer(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.renew(1)
	log := &lockedBuffer{}
	l := p.secured(log)
	addr := l.Addr().String()
	if l.url() != "https://"+addr {
		t.Errorf("url is %s", l.url())
	}
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		if _, err := p.served(addr, &tls.Config{MinVersion: version, MaxVersion: version}); (err == nil) != ok {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	content, err := os.ReadFile(p.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "cancel.example"}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	if resp, err := client.Get(l.url()); err != nil {
		t.Error(err)
	} else {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "well" || resp.ProtoMajor != 2 {
			t.Errorf("%s answers %q", resp.Proto, body)
		}
	}
	resp, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP is answered %s", resp.Status)
	}

	t.Run("ErrNoFile", func(t *testing.T) {
		t.Parallel()
		cfg := config.Config{HTTPAddr: "127.0.0.1:0", HTTPTLSCert: newPair(t).cert, HTTPTLSKey: p.key}
		if _, err := listenServer(cfg, nil, slog.Default()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("listens, %v", err)
		}
	})
	t.Run("ErrTaken", func(t *testing.T) {
		t.Parallel()
		cfg := config.Config{HTTPAddr: addr, HTTPTLSCert: p.cert, HTTPTLSKey: p.key}
		if _, err := listenServer(cfg, nil, slog.Default()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listens, %v", err)
		}
	})
}

// A health check does not mind by which name it finds its own machine; elsewhere it does.
func TestHealthcheckTLS(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.renew(1)
	l := p.secured(io.Discard)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &cli{TB: t}
	c.run("healthcheck", "https://127.0.0.1:"+port+"/healthz").want(t, exitDone, nil, nil)
	c.run("healthcheck", "https://LocalHost:"+port+"/healthz").want(t, exitDone, nil, nil)
	c.run("healthcheck", "http://127.0.0.1:"+port+"/healthz").want(t, exitFailed, nil, []string{"not well", "400"})

	// 0.0.0.0 leads here as well, but does not say so.
	var refused *tls.CertificateVerificationError
	if conn, err := dialTLS(t.Context(), "tcp", "0.0.0.0:"+port); !errors.As(err, &refused) {
		t.Errorf("a certificate that nobody vouches for is taken: %v, %v", conn, err)
	}
	if _, err := dialTLS(t.Context(), "tcp", "no port"); err == nil {
		t.Error("an address without port is dialled")
	}
}

// The server as it is shipped: over TLS, and only to look at.
func TestServerSettings(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.renew(1)
	plant := newPlant(t, simulator.Options{}, "HTTP_ADDR=127.0.0.1:0", "HTTP_TLS_CERT="+p.cert, "HTTP_TLS_KEY="+p.key, "DASHBOARD_READ_ONLY=true")
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
	for _, path := range []string{"/dashboard/cancellations/decide", "/dashboard/api/queues/default:pause"} {
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
