package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keyPair makes a certificate and its key, in PEM.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"cancel.example"}}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", certDER), block("PRIVATE KEY", keyDER)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certPEM, keyPEM := keyPair(t)
	_, otherPEM := keyPair(t)
	cert, key, other := write(t, "cert.pem", certPEM), write(t, "key.pem", keyPEM), write(t, "other.pem", otherPEM)

	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		c := load(t, "HTTP_TLS_CERT="+cert, "HTTP_TLS_KEY="+key)
		if c.HTTPTLSCert != cert || c.HTTPTLSKey != key {
			t.Errorf("files %q and %q", c.HTTPTLSCert, c.HTTPTLSKey)
		}
		shown := printed(c)
		if !strings.Contains(shown, "\nHTTP_TLS_CERT="+cert+"\nHTTP_TLS_KEY="+key+"\n") || strings.Contains(shown, "PRIVATE") {
			t.Errorf("printed:\n%s", shown)
		}
	})
	t.Run("OK a key in the certificate's file", func(t *testing.T) {
		t.Parallel()
		both := write(t, "both.pem", certPEM+keyPEM)
		load(t, "HTTP_TLS_CERT="+both, "HTTP_TLS_KEY="+both)
	})

	missing := filepath.Join(t.TempDir(), "missing.pem")
	folder := t.TempDir()
	tests := map[string]struct {
		cert, key string
		want      []string // each fault's setting and what its message begins with
	}{
		"ErrNoKey":       {cert, "", []string{"HTTP_TLS_KEY is missing, and HTTP_TLS_CERT is set"}},
		"ErrNoCert":      {"", key, []string{"HTTP_TLS_CERT is missing, and HTTP_TLS_KEY is set"}},
		"ErrMissing":     {missing, missing, []string{"HTTP_TLS_CERT names a file that cannot be read: no such file", "HTTP_TLS_KEY names a file that cannot be read: no such file"}},
		"ErrMissingHalf": {missing, "", []string{"HTTP_TLS_CERT names a file that cannot be read", "HTTP_TLS_KEY is missing"}},
		"ErrFolder":      {folder, key, []string{"HTTP_TLS_CERT names a file that cannot be read: is a directory"}},
		"ErrOtherKey":    {cert, other, []string{"HTTP_TLS_CERT does not go with HTTP_TLS_KEY: tls: private key does not match public key"}},
		"ErrSwitched":    {key, cert, []string{"HTTP_TLS_CERT does not go with HTTP_TLS_KEY: tls: failed to find certificate PEM data"}},
		"ErrNoPEM":       {cert, write(t, "no.pem", "no key"), []string{"HTTP_TLS_CERT does not go with HTTP_TLS_KEY: tls: failed to find any PEM data in key"}},
		"ErrLarge":       {cert, write(t, "large.pem", strings.Repeat("\n", 1<<20+1)), []string{"HTTP_TLS_KEY names a file that cannot be read: it is larger"}},
		// The contents where the paths should be: told without repeating them.
		"ErrContents": {certPEM, keyPEM, []string{"HTTP_TLS_CERT names a file that cannot be read", "HTTP_TLS_KEY names a file that cannot be read"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := faultsOf(t, "HTTP_TLS_CERT="+tt.cert, "HTTP_TLS_KEY="+tt.key)
			if len(found) != len(tt.want) {
				t.Fatalf("%d faults, want %d: %v", len(found), len(tt.want), found)
			}
			for i, fault := range found {
				if !strings.HasPrefix(fault.String(), tt.want[i]) || !strings.Contains(fault.Message, "; allowed: ") {
					t.Errorf("fault %d is %q, want one that begins %q", i, fault, tt.want[i])
				}
				if body := strings.Split(keyPEM, "\n")[1]; strings.Contains(fault.String(), body) || strings.Contains(fault.String(), "PRIVATE KEY-") {
					t.Errorf("the fault shows the key: %s", fault)
				}
			}
		})
	}
}
