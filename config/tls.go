package config

import (
	"crypto/tls"
	"errors"
	"io/fs"
)

// checkTLS reads HTTP_TLS_CERT and HTTP_TLS_KEY once, so that a server does not
// find out at its first connection that they do not fit. Faults hold no path:
// it may be the key itself, put there in place of its file's name.
func (c *Config) checkTLS(f *faults) {
	if c.HTTPTLSCert == "" && c.HTTPTLSKey == "" {
		return
	}
	cert := pemFile("HTTP_TLS_CERT", c.HTTPTLSCert, "HTTP_TLS_KEY", f)
	key := pemFile("HTTP_TLS_KEY", c.HTTPTLSKey, "HTTP_TLS_CERT", f)
	if f.has("HTTP_TLS_CERT") || f.has("HTTP_TLS_KEY") {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		f.refuse("HTTP_TLS_CERT", "does not go with HTTP_TLS_KEY: %v", err)
	}
}

// pemFile returns what the file of one setting holds; other is the setting
// without which it has no use.
func pemFile(setting, path, other string, f *faults) []byte {
	if path == "" {
		f.refuse(setting, "is missing, and %s is set", other)
		return nil
	}
	content, err := readFile(path)
	if err != nil {
		f.refuse(setting, "names a file that cannot be read: %v", withoutPath(err))
	}
	return content
}

// withoutPath returns why a file could not be read, and not which.
func withoutPath(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		return withPath.Err
	}
	return err
}
