package secrettest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

const secret = "홍길동 110-234/567"

// However a secret is spelt, and wherever it begins, it is found.
func TestFind(t *testing.T) {
	t.Parallel()
	for name, spell := range map[string]func(string) string{
		"plain":      func(s string) string { return s },
		"%x":         func(s string) string { return fmt.Sprintf("%x", s) },
		"%X":         func(s string) string { return fmt.Sprintf("%X", s) },
		"%+q":        func(s string) string { return fmt.Sprintf("%+q", s) },
		"%d":         func(s string) string { return fmt.Sprint([]byte(s)) },
		"%#v":        func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
		"in a query": url.QueryEscape,
		"in a path":  url.PathEscape,
		"base64":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64 URL": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"JSON": func(s string) string {
			raw, err := json.Marshal(map[string]any{"text": s, "bytes": []byte(s)})
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		},
	} {
		for _, before := range []string{"", "a", "ab", "abc"} {
			if text := spell(before + secret + "~~~"); Find(text, secret) == nil {
				t.Errorf("%s: not found in %s", name, text)
			}
			if text := spell(before + strings.Replace(secret, "234", "432", 1) + "~~~"); Find(text, secret) != nil {
				t.Errorf("%s: found in %s, where it is not", name, text)
			}
		}
	}
}

// failing notes how a test fails.
type failing struct {
	testing.TB
	told []string
}

func (f *failing) Errorf(format string, args ...any) {
	f.told = append(f.told, fmt.Sprintf(format, args...))
}

func TestHidden(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text    string
		secrets []string
		fails   int
	}{
		"OK":         {"nothing of it", []string{secret, "key"}, 0},
		"ErrShown":   {"it is " + secret, []string{secret}, 1},
		"ErrBoth":    {"key, " + secret, []string{secret, "key", "other"}, 2},
		"ErrPrinted": {Print(struct{ Key []byte }{[]byte(secret)}), []string{secret}, 1},
		"ErrEmpty":   {"nothing of it", []string{secret, ""}, 1},
		"ErrNone":    {"nothing of it", nil, 1},
	} {
		f := &failing{TB: t}
		Hidden(f, "the text", c.text, c.secrets...)
		if len(f.told) != c.fails || c.fails > 0 && !strings.HasPrefix(f.told[0], "the text") {
			t.Errorf("%s: it tells %q", name, f.told)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log Log
	done := make(chan bool)
	for range 4 {
		go func() { fmt.Fprint(&log, "line\n"); done <- true }()
	}
	for range 4 {
		<-done
		_ = log.String()
	}
	if got := log.String(); got != strings.Repeat("line\n", 4) {
		t.Errorf("%q", got)
	}
}
