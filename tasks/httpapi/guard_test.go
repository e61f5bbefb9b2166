package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/secrettest"
)

// everyOperation is one request of each kind; all but batch and list are of cancellations that
// exist.
func everyOperation() map[string]request {
	resolve := `{"as":"rejected","note":"the customer keeps it"}`
	return map[string]request{
		"accept":  post(cancellation("known")),
		"batch":   {method: "POST", path: pathCancellations + ":batch", body: `{"items":[` + cancellation("known") + `]}`},
		"show":    get(location("known")),
		"list":    get(pathCancellations),
		"retry":   {method: "POST", path: location("nobody") + "/retry"},
		"resolve": {method: "POST", path: location("nobody") + "/resolve", body: resolve},
	}
}

// Who may do what, under whichever credentials are configured.
func TestGuard(t *testing.T) {
	t.Parallel()
	basic := func(user, password string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	callers := map[string]string{
		"none": "", "token": "Bearer " + shopToken, "rotated": "bearer " + oldToken, "wrong token": "Bearer nobody-has-this-token",
		"ops": basic("kim", opsPassword), "wrong password": basic("kim", "guess"), "wrong user": basic("lee", opsPassword),
		"token as password": basic("shop", shopToken), "password as token": "Bearer " + opsPassword, "empty token": "Bearer ",
		"no base64": "Basic ???", "other scheme": "Digest username=kim",
	}
	all := closed()
	// producer and ops tell what operations for them answer: 0 is success, for retry and resolve
	// that there is no such key.
	type want struct{ producer, ops int }
	tests := []struct {
		name    string
		options Options
		want    map[string]want
	}{
		{"closed", all, map[string]want{
			"none": {401, 401}, "token": {0, 403}, "rotated": {0, 403}, "wrong token": {401, 401}, "ops": {0, 0},
			"wrong password": {401, 401}, "wrong user": {401, 401}, "token as password": {401, 401}, "password as token": {401, 401},
			"empty token": {401, 401}, "no base64": {401, 401}, "other scheme": {401, 401}}},
		{"open", Options{}, map[string]want{"none": {0, 0}, "token": {0, 0}, "ops": {0, 0}, "wrong token": {0, 0}}},
		{"tokens alone", Options{Tokens: all.Tokens}, map[string]want{
			"none": {401, 0}, "token": {0, 403}, "wrong token": {401, 401}, "ops": {401, 0}}},
		{"ops alone", Options{Ops: all.Ops}, map[string]want{
			"none": {0, 401}, "token": {0, 401}, "ops": {0, 0}, "wrong password": {401, 401}}},
	}
	forOps := map[string]bool{"retry": true, "resolve": true}
	for _, test := range tests {
		d := newDesk(t, test.options)
		d.reach("known", "queued")
		for who, w := range test.want {
			for what, r := range everyOperation() {
				d.clock.Advance(time.Minute) // so that failed logins are not yet too many
				status, success := w.producer, map[string]int{"accept": 202, "batch": 200, "show": 200, "list": 200, "retry": 404, "resolve": 404}[what]
				if forOps[what] {
					status = w.ops
				}
				if status == 0 {
					status = success
				}
				r.header = map[string]string{}
				if callers[who] != "" {
					r.header["Authorization"] = callers[who]
				}
				res := d.send(r)
				if res.status != status {
					t.Errorf("%s, %s, %s: status %d, want %d: %s", test.name, who, what, res.status, status, res.body)
				}
				if challenged := res.header.Get("WWW-Authenticate") != ""; challenged != (res.status == 401) {
					t.Errorf("%s, %s, %s: status %d, WWW-Authenticate %q", test.name, who, what, res.status, res.header.Values("WWW-Authenticate"))
				}
			}
		}
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	basic := `Basic realm="settlecancel", charset="UTF-8"`
	for token, want := range map[string][]string{
		"":                 {`Bearer realm="settlecancel"`, basic},
		"nobody-has-this1": {`Bearer realm="settlecancel", error="invalid_token"`, basic},
	} {
		r := get(location("k"))
		r.token = token
		if diff := cmp.Diff(want, d.want(r, 401).header.Values("WWW-Authenticate")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", token, diff)
		}
	}
}

// Without credentials to ask for, the server answers to loopback names alone: a foreign page whose
// name was made to lead to this machine is no user of it.
func TestOpenIsLoopback(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for host, status := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "a.localhost": 200, "LOCALHOST.": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1:8080": 421, "localhost.evil.example:80": 421,
	} {
		r := get(pathCancellations)
		r.header = map[string]string{"Host": host}
		d.want(r, status)
	}
	shut := newDesk(t, closed())
	shut.want(request{method: "GET", path: pathCancellations, ops: true, header: map[string]string{"Host": "pay.example"}}, 200)
}

// A page of another origin cannot use the credentials that a browser remembers.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	d.reach("dead", "rejected")
	for _, header := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
	} {
		d.want(request{method: "POST", path: location("dead") + "/retry", ops: true, header: header}, http.StatusForbidden)
	}
	d.want(request{method: "POST", path: location("dead") + "/retry", ops: true, header: map[string]string{"Sec-Fetch-Site": "same-origin"}}, 202)
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:4711": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[2001:db8:1:2::9]:1": "2001:db8:1:2::/64", "@": "@",
	} {
		if got := address(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

// Ops is what the dashboard asks with.
func TestOps(t *testing.T) {
	t.Parallel()
	ask := func(host, user, password, bearer string) *http.Request {
		r := httptest.NewRequest("GET", "http://"+host+"/dashboard/", nil)
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		return r
	}
	shut, open := newDesk(t, closed()).api, newDesk(t, Options{}).api
	tests := []struct {
		name string
		api  *API
		r    *http.Request
		who  string
		ok   bool
		// what it answers itself; 200 is nothing
		status int
	}{
		{"right", shut, ask("pay.example", "kim", opsPassword, ""), "kim", true, 200},
		{"wrong", shut, ask("pay.example", "kim", "guess", ""), "", false, 401},
		{"token", shut, ask("pay.example", "", "", shopToken), "", false, 403},
		{"none", shut, ask("localhost", "", "", ""), "", false, 401},
		{"open", open, ask("localhost", "", "", ""), "ops", true, 200},
		{"open to nobody else", open, ask("pay.example", "", "", ""), "", false, 421},
	}
	for _, test := range tests {
		w := httptest.NewRecorder()
		person, ok := test.api.Ops(w, test.r)
		who := person.Name
		if who != test.who || ok != test.ok || w.Code != test.status {
			t.Errorf("%s: %q, %v, %d", test.name, who, ok, w.Code)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); w.Code == http.StatusUnauthorized && challenge != basicChallenge {
			t.Errorf("%s: a browser is asked for %q", test.name, challenge)
		}
	}
	for range loginBurst {
		shut.Ops(httptest.NewRecorder(), ask("pay.example", "kim", "guess", ""))
	}
	w := httptest.NewRecorder()
	if _, ok := shut.Ops(w, ask("pay.example", "kim", opsPassword, "")); ok || w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("failed logins are not limited: %d %v", w.Code, w.Header())
	}
}

// However a secret is shown, it is not.
func TestSecret(t *testing.T) {
	t.Parallel()
	o := closed()
	body, err := json.Marshal(o.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	api := newDesk(t, o).api
	shown := string(body) + secrettest.Print(o.Tokens, o.Ops, api.guard, api, o.Ops[0].Password.LogValue())
	secrettest.Hidden(t, "what is printed", shown, shopToken, oldToken, otherToken, opsPassword)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	client := newDesk(t, Options{}).client
	for name, o := range map[string]Options{
		"no Client":     {},
		"no name":       {Client: client, Tokens: []Token{{"", settlebank.NewSecret(shopToken)}}},
		"empty token":   {Client: client, Tokens: []Token{{"a", settlebank.NewSecret("")}}},
		"same name":     {Client: client, Tokens: []Token{{"a", settlebank.NewSecret(shopToken)}, {"a", settlebank.NewSecret(otherToken)}}},
		"same token":    {Client: client, Tokens: []Token{{"a", settlebank.NewSecret(shopToken)}, {"b", settlebank.NewSecret(shopToken)}}},
		"no password":   {Client: client, Ops: []Credentials{{User: "kim"}}},
		"negative rate": {Client: client, RatePerToken: -1},
	} {
		if _, err := New(o); err == nil || strings.Contains(err.Error(), shopToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
