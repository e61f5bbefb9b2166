package httpapi

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Passwords cannot be guessed at speed; producers with a right token go on meanwhile, and who waits
// may log in again.
func TestFailedLogins(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	guess := get(pathCancellations)
	guess.header = map[string]string{"Authorization": "Basic a2ltOmd1ZXNz"} // kim:guess
	for range loginBurst {
		d.want(guess, http.StatusUnauthorized)
	}
	res := d.want(guess, http.StatusTooManyRequests)
	if got := res.header.Get("Retry-After"); got != "6" {
		t.Errorf("Retry-After %q", got)
	}
	right := request{method: "GET", path: pathCancellations, ops: true}
	d.want(right, http.StatusTooManyRequests)
	token := get(location("k"))
	token.token = "nobody-has-this-token"
	for range loginBurst {
		d.want(token, http.StatusUnauthorized)
	}
	d.want(token, http.StatusTooManyRequests)
	token.token = shopToken
	d.want(token, http.StatusNotFound)
	d.want(get(location("k")), http.StatusUnauthorized) // says nothing that could be wrong

	d.clock.Advance(loginEvery)
	d.want(right, http.StatusOK)
	d.want(guess, http.StatusUnauthorized)
	d.want(right, http.StatusTooManyRequests)
	d.clock.Advance(time.Hour)
	for range loginBurst {
		d.want(right, http.StatusOK)
		d.want(guess, http.StatusUnauthorized)
	}
}

// A producer with a token of yesterday, behind the same proxy, does not keep ops out.
func TestFailedTokens(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	token := get(location("k"))
	token.token = "nobody-has-this-token"
	for range loginBurst {
		d.want(token, http.StatusUnauthorized)
	}
	d.want(token, http.StatusTooManyRequests)
	d.want(request{method: "GET", path: pathCancellations, ops: true}, http.StatusOK)
}

// The memory of limiters is bounded, whoever comes; whom it forgets begins anew.
func TestLimiters(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	const most = 50
	l := newLimiters(1, 2, most)
	for i := range 10 * most {
		name := fmt.Sprint(i)
		for n, want := range []time.Duration{0, 0, time.Second} {
			if got := l.take(name, now); got != want {
				t.Fatalf("%s, %d: %v, want %v", name, n, got, want)
			}
		}
		if got := l.left(name, now); got != time.Second {
			t.Fatalf("%s: left %v", name, got)
		}
		if len(l.of) > most {
			t.Fatalf("%d names are kept", len(l.of))
		}
	}
	if got := l.left("nobody", now); got != 0 {
		t.Errorf("nobody has to wait %v", got)
	}
	now = now.Add(time.Minute)
	l.take("new", now)
	if len(l.of) > most {
		t.Errorf("%d names are kept", len(l.of))
	}
}

// Each token has a rate of its own; ops has none.
func TestRate(t *testing.T) {
	t.Parallel()
	o := closed()
	o.RatePerToken = 2.5
	d := newDesk(t, o)
	r := get(location("k"))
	for range 3 {
		r.token = shopToken
		d.want(r, http.StatusNotFound)
		r.token = otherToken
		d.want(r, http.StatusNotFound)
	}
	for _, token := range []string{shopToken, otherToken} {
		r.token = token
		res := d.want(r, http.StatusTooManyRequests)
		if got := res.header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After %q", got)
		}
	}
	batch := post(`{"items":[]}`)
	batch.path, batch.token = batch.path+":batch", shopToken
	d.want(batch, http.StatusTooManyRequests)
	for range 10 {
		d.want(request{method: "GET", path: location("k"), ops: true}, http.StatusNotFound)
	}
	d.clock.Advance(400 * time.Millisecond)
	r.token = shopToken
	d.want(r, http.StatusNotFound)
	d.want(r, http.StatusTooManyRequests)
}
