package listen

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"settlecancel/cmd/settlecancel/listen/certtest"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
)

// secured serves "well" over TLS until the test ends, and answers where.
func secured(p *certtest.Pair, log io.Writer) *Listener {
	p.Helper()
	well := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well")) })
	l, err := OnTLS("127.0.0.1:0", well, p.Cert, p.Key, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		p.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx) }()
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
	p := certtest.New(t)
	p.Renew(1)
	log := &terminaltest.Buffer{}
	l := secured(p, log)
	want := func(state string, serial int64, warnings, renewals int) {
		t.Helper()
		for range 3 { // what was told is not told again
			if got, err := p.Served(l.Addr().String(), &tls.Config{}); err != nil || got != serial {
				t.Errorf("%s: certificate %d, %v, want %d", state, got, err, serial)
			}
		}
		told := log.String()
		if w, r := strings.Count(told, "level=WARN"), strings.Count(told, "certificate renewed"); w != warnings || r != renewals {
			t.Errorf("%s: %d warnings and %d renewals told, want %d and %d:\n%s", state, w, r, warnings, renewals, told)
		}
	}
	want("at first", 1, 0, 0)
	cert, key := p.Issue(2)
	p.Put(p.Cert, cert)
	want("half renewed", 1, 1, 0)
	p.Put(p.Key, key)
	want("renewed", 2, 1, 1)
	if err := os.Remove(p.Key); err != nil {
		t.Fatal(err)
	}
	want("without key", 2, 2, 1)
	p.Put(p.Cert, []byte("no PEM"))
	want("without anything", 2, 3, 1)
	p.Renew(3)
	want("mended", 3, 3, 2)
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("the log shows a key:\n%s", log)
	}
}

// A certificate that is reached by a link, as Kubernetes mounts it, is renewed by moving the link.
func TestCertificateBehindLink(t *testing.T) {
	t.Parallel()
	first, second, here := certtest.New(t), certtest.New(t), certtest.New(t)
	first.Renew(1)
	second.Renew(2)
	dir := filepath.Dir(here.Cert)
	data := filepath.Join(dir, "data")
	err := errors.Join(os.Symlink(filepath.Dir(first.Cert), data), os.Symlink("data/cert.pem", here.Cert), os.Symlink("data/key.pem", here.Key))
	if err != nil {
		t.Fatal(err)
	}
	l := secured(here, io.Discard)
	if got, err := here.Served(l.Addr().String(), &tls.Config{}); got != 1 || err != nil {
		t.Errorf("certificate %d, %v", got, err)
	}
	if err := errors.Join(os.Symlink(filepath.Dir(second.Cert), data+".new"), os.Rename(data+".new", data)); err != nil {
		t.Fatal(err)
	}
	if got, err := here.Served(l.Addr().String(), &tls.Config{}); got != 2 || err != nil {
		t.Errorf("certificate %d, %v", got, err)
	}
}

func TestOnTLS(t *testing.T) {
	t.Parallel()
	p := certtest.New(t)
	p.Renew(1)
	log := &terminaltest.Buffer{}
	l := secured(p, log)
	addr := l.Addr().String()
	if l.URL() != "https://"+addr {
		t.Errorf("url is %s", l.URL())
	}
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		if _, err := p.Served(addr, &tls.Config{MinVersion: version, MaxVersion: version}); (err == nil) != ok {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	content, err := os.ReadFile(p.Cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "cancel.example"}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	if resp, err := client.Get(l.URL()); err != nil {
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
		if _, err := OnTLS("127.0.0.1:0", nil, certtest.New(t).Cert, p.Key, slog.Default()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("listens, %v", err)
		}
	})
	t.Run("ErrTaken", func(t *testing.T) {
		t.Parallel()
		if _, err := OnTLS(addr, nil, p.Cert, p.Key, slog.Default()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listens, %v", err)
		}
	})
}

// A machine's own address is trusted by its name alone.
func TestDialTLS(t *testing.T) {
	t.Parallel()
	p := certtest.New(t)
	p.Renew(1)
	_, port, err := net.SplitHostPort(secured(p, io.Discard).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// 0.0.0.0 leads here as well, but does not say so.
	var refused *tls.CertificateVerificationError
	if conn, err := dialTLS(t.Context(), "tcp", "0.0.0.0:"+port); !errors.As(err, &refused) {
		t.Errorf("a certificate that nobody vouches for is taken: %v, %v", conn, err)
	}
	if _, err := dialTLS(t.Context(), "tcp", "no port"); err == nil {
		t.Error("an address without port is dialled")
	}
}
