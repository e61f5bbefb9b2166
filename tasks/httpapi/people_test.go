package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"settlecancel/gateway/settlebank"

	"github.com/google/go-cmp/cmp"
)

// Several people are told apart, and one may look only: at what Ops guards, not at the API.
func TestPeople(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{Ops: []Credentials{{User: "kim", Password: settlebank.NewSecret("kims password")}, {User: "lee", Password: settlebank.NewSecret("lees password"), LooksOnly: true}}})
	for _, c := range []struct {
		user, password string
		want           Person
		ok             bool
		retry          int
	}{
		{"kim", "kims password", Person{Name: "kim"}, true, http.StatusNotFound},
		{"lee", "lees password", Person{Name: "lee", LooksOnly: true}, true, http.StatusForbidden},
		{"kim", "lees password", Person{}, false, http.StatusUnauthorized},
		{"lee", "kims password", Person{}, false, http.StatusUnauthorized},
		{"", "", Person{}, false, http.StatusUnauthorized},
	} {
		r := httptest.NewRequest("GET", "http://pay.example/dashboard/", nil)
		if c.user != "" {
			r.SetBasicAuth(c.user, c.password)
		}
		got, ok := d.api.Ops(httptest.NewRecorder(), r)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%s with %s: ok %v, %s", c.user, c.password, ok, diff)
		}
		for _, path := range []string{"/v1/cancellations/nobody/retry"} {
			r := httptest.NewRequest("POST", "http://pay.example"+path, http.NoBody)
			r.Header = httpHeader(c.user, c.password)
			w := httptest.NewRecorder()
			d.api.ServeHTTP(w, r)
			if w.Code != c.retry {
				t.Errorf("%s: %s answers %d, want %d: %s", c.user, path, w.Code, c.retry, w.Body)
			}
		}
	}
}

func httpHeader(user, password string) http.Header {
	r := &http.Request{Header: http.Header{}}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	return r.Header
}

// A header is believed where the connection is a stated proxy's, and by Ops alone.
func TestProxy(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{Proxy: &Proxy{Header: "X-Forwarded-Email", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}})
	for name, c := range map[string]struct {
		from    string
		headers []string
		want    string
	}{
		"OK":            {"10.0.0.5:1234", []string{"kim@shop.example"}, "kim@shop.example"},
		"OKMapped":      {"[::ffff:10.0.0.5]:1234", []string{" kim "}, "kim"},
		"ErrElsewhere":  {"10.0.1.5:1234", []string{"kim"}, ""},
		"ErrNoHeader":   {"10.0.0.5:1234", nil, ""},
		"ErrEmpty":      {"10.0.0.5:1234", []string{" "}, ""},
		"ErrTwo":        {"10.0.0.5:1234", []string{"kim", "lee"}, ""},
		"ErrNoAddress":  {"@", []string{"kim"}, ""},
		"ErrByLoopback": {"10.0.1.5:1234", nil, ""},
	} {
		r := httptest.NewRequest("GET", "http://localhost/dashboard/", nil)
		r.RemoteAddr = c.from
		for _, h := range c.headers {
			r.Header.Add("X-Forwarded-Email", h)
		}
		w := httptest.NewRecorder()
		got, ok := d.api.Ops(w, r)
		if got.Name != c.want || ok != (c.want != "") || !ok && w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %+v, %v, %d", name, got, ok, w.Code)
		}
		post := httptest.NewRequest("POST", "http://localhost/v1/cancellations/nobody/retry", http.NoBody)
		post.RemoteAddr, post.Header = c.from, r.Header
		w = httptest.NewRecorder()
		if d.api.ServeHTTP(w, post); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: the API believes the header: %d", name, w.Code)
		}
	}
}
