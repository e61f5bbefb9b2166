package listen

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"sync"
)

// OnTLS is On for a server that speaks TLS alone, with the certificate and key of two files.
func OnTLS(addr string, h http.Handler, certFile, keyFile string, log *slog.Logger) (*Listener, error) {
	cert, err := openCertificate(certFile, keyFile, log)
	if err != nil {
		return nil, err
	}
	l, err := On(addr, h)
	if err != nil {
		return nil, err
	}
	l.secure = true
	l.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get}
	l.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelWarn) // tells of handshakes that fail
	return l, nil
}

// certificate is a pair of files, read again once they have changed: a renewal needs no restart.
type certificate struct {
	files [2]string // certificate and key
	log   *slog.Logger

	mu   sync.Mutex
	seen [2]os.FileInfo // when the files were read last, whatever came of it; nil where there was none
	pair *tls.Certificate
}

func openCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: [2]string{cert, key}, log: log}
	return c, c.read(c.look())
}

// get returns the certificate for a connection. Files that do not fit, or are gone, leave the last
// good pair in force: a renewal replaces one after the other.
func (c *certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	if same(c.seen[0], now[0]) && same(c.seen[1], now[1]) {
		return c.pair, nil
	}
	if err := c.read(now); err != nil {
		c.log.WarnContext(hello.Context(), "the changed certificate cannot be used (HTTP_TLS_CERT, HTTP_TLS_KEY); the one before stays", "error", err)
	} else {
		c.log.InfoContext(hello.Context(), "certificate renewed", "until", c.pair.Leaf.NotAfter)
	}
	return c.pair, nil
}

// read takes the pair that the files hold. What they looked like was seen before, so that no later
// change is missed.
func (c *certificate) read(seen [2]os.FileInfo) error {
	c.seen = seen
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err == nil {
		c.pair = &pair
	}
	return err
}

func (c *certificate) look() (seen [2]os.FileInfo) {
	for i, file := range c.files {
		if info, err := os.Stat(file); err == nil {
			seen[i] = info
		}
	}
	return seen
}

// same reports whether a file is what it was. Another one may be older, or as long.
func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
