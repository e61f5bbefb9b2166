// Package certtest makes certificates, and renews them as their files are renewed.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Pair is a certificate for cancel.example and its key, in the files of a folder.
type Pair struct {
	testing.TB
	Cert, Key string // paths
	changes   time.Duration
}

// New returns a pair whose files are not there yet.
func New(t testing.TB) *Pair {
	t.Helper()
	dir := t.TempDir()
	return &Pair{TB: t, Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}

// Issue makes a certificate with a number, in PEM, and its key.
func (p *Pair) Issue(serial int64) (cert, key []byte) {
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

// Put writes a file as a renewal does, in place of the one before. However fast two of them follow,
// and though the clock they come from is behind, each has a time of its own.
func (p *Pair) Put(path string, content []byte) {
	p.Helper()
	p.changes++
	when := time.Now().Add(-p.changes * time.Hour)
	draft := path + ".new"
	err := errors.Join(os.WriteFile(draft, content, 0o600), os.Chtimes(draft, when, when), os.Rename(draft, path))
	if err != nil {
		p.Fatal(err)
	}
}

// Renew puts a new certificate and its key there.
func (p *Pair) Renew(serial int64) {
	p.Helper()
	cert, key := p.Issue(serial)
	p.Put(p.Cert, cert)
	p.Put(p.Key, key)
}

// Served returns the number of the certificate that a new connection sees.
func (p *Pair) Served(addr string, o *tls.Config) (int64, error) {
	o.InsecureSkipVerify = true // every one is signed by itself; the number tells which it is
	c, err := tls.Dial("tcp", addr, o)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}
