// Package secrettest looks for what nobody may read: keys, tokens and account numbers, plain or in
// another spelling.
package secrettest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Hidden fails the test where a secret stands in text, in any of the spellings that Find knows.
func Hidden(t testing.TB, where, text string, secrets ...string) {
	t.Helper()
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		t.Errorf("%s: a secret is empty, nothing is looked for: %q", where, secrets)
		return
	}
	for _, secret := range secrets {
		if spellings := Find(text, secret); spellings != nil {
			t.Errorf("%s shows %q (%s):\n%s", where, secret, strings.Join(spellings, ", "), text)
		}
	}
}

// Find returns the spellings in which secret stands in text: plain, and as fmt, log/slog, URLs and
// base64 write it.
func Find(text, secret string) (spellings []string) {
	for name, spelt := range map[string]string{
		"plain": secret, "%x": fmt.Sprintf("%x", secret), "%X": fmt.Sprintf("%X", secret), "%+q": inner(fmt.Sprintf("%+q", secret)),
		"%d": inner(fmt.Sprintf("%d", []byte(secret))), "%#v": inner(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(secret)), "[]byte")),
		"in a query": url.QueryEscape(secret), "in a path": url.PathEscape(secret),
	} {
		if strings.Contains(text, spelt) {
			spellings = append(spellings, name)
		}
	}
	for skip := range min(3, len(secret)) { // base64 writes three bytes at a time, and the secret may begin at any of them
		whole := secret[skip : len(secret)-(len(secret)-skip)%3]
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			if len(whole) >= 6 && strings.Contains(text, encoding.EncodeToString([]byte(whole))) {
				spellings = append(spellings, "base64")
			}
		}
	}
	slices.Sort(spellings)
	return slices.Compact(spellings)
}

// inner leaves the quotes or brackets out.
func inner(s string) string { return s[1 : len(s)-1] }

// Print returns all that fmt and a text log make of things.
func Print(things ...any) string {
	var text bytes.Buffer
	for _, thing := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&text, verb+"\n", thing)
		}
		slog.New(slog.NewTextHandler(&text, nil)).Info("text", "thing", thing)
	}
	return text.String()
}

// Log is what several goroutines have written, for a test to read meanwhile. The zero value is
// empty.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
