package httpapi

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The log tells of failed logins, once a minute for each address, and nothing of what was typed.
func TestFailedLoginsLogged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	fails := func(from, user, password string) {
		r := httptest.NewRequest("GET", "http://pay.example/dashboard/", nil)
		r.RemoteAddr = from
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		d.api.Ops(httptest.NewRecorder(), r)
	}
	for _, step := range []struct {
		from, user, password string
		after                time.Duration
		lines                int
	}{
		{"192.0.2.1:1", "", "", 0, 0}, // a browser that has not asked yet
		{"192.0.2.1:1", "kim", opsPassword, 0, 0},
		{"192.0.2.1:1", "kim-typed", "typed-password", 0, 1},
		{"192.0.2.1:2", "kim-typed", "typed-password", 30 * time.Second, 1},
		{"192.0.2.2:1", "kim-typed", "typed-password", 0, 2},
		{"192.0.2.1:3", "kim-typed", "typed-password", 31 * time.Second, 3},
	} {
		d.clock.Advance(step.after)
		fails(step.from, step.user, step.password)
		if n := strings.Count(d.logs.String(), `"level":"WARN","msg":"failed login","address":"192.0.2.`); n != step.lines {
			t.Errorf("%+v: %d lines\n%s", step, n, d.logs)
		}
	}
	for _, typed := range []string{"kim", "typed"} {
		if strings.Contains(d.logs.String(), typed) {
			t.Errorf("the log holds %q:\n%s", typed, d.logs)
		}
	}
}

// The log tells how long a request took in milliseconds.
func TestTookLogged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	resp, err := d.http.Get(d.url + "/v1/cancellations/none")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !strings.Contains(d.logs.String(), `"status":404,"took_ms":0,`) { // the clock stands still
		t.Errorf("log %s", d.logs)
	}
}
