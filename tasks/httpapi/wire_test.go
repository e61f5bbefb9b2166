package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"settlecancel/tasks/report"
	"settlecancel/tasks/secrettest"
)

// request is a request to send. What is zero is the usual.
type request struct {
	method, path string
	body         string
	header       map[string]string
	token        string // a bearer token
	ops          bool   // with the credentials of ops
	chunked      bool   // without its length
}

// response is what came back.
type response struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request, and checks what holds of every answer.
func (d *desk) send(r request) response {
	d.Helper()
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
		if r.chunked {
			body = io.MultiReader(body)
		}
	}
	req, err := http.NewRequestWithContext(d.Context(), r.method, d.url+r.path, body)
	if err != nil {
		d.Fatal(err)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.ops {
		req.SetBasicAuth("kim", opsPassword)
	}
	for name, value := range r.header {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	got, err := d.http.Do(req)
	if err != nil {
		d.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer got.Body.Close()
	all, err := io.ReadAll(got.Body)
	if err != nil {
		d.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	res := response{got.StatusCode, got.Header, all}
	d.check(r, res)
	return res
}

// check checks the headers of an answer, and that a refusal is a problem in order.
func (d *desk) check(r request, res response) {
	d.Helper()
	what := r.method + " " + r.path
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := res.header.Get(name); got != want {
			d.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	if !goodID.MatchString(res.header.Get("X-Request-Id")) {
		d.Errorf("%s: X-Request-Id is %q", what, res.header.Get("X-Request-Id"))
	}
	secrettest.Hidden(d, what+": the answer", string(res.body), secrets...)
	if res.status < 400 || r.method == http.MethodHead {
		return
	}
	p := res.problem(d)
	if p.Status != res.status || p.RequestID != res.header.Get("X-Request-Id") || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "/docs#") {
		d.Errorf("%s: status %d, problem %+v", what, res.status, p)
	}
	if !strings.Contains(d.logs.String(), p.RequestID) {
		d.Errorf("%s: the log does not name request %s", what, p.RequestID)
	}
}

func (r response) problem(t testing.TB) (p problem) {
	t.Helper()
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("status %d with Content-Type %q: %s", r.status, got, r.body)
	}
	decode(t, r.body, &p)
	return p
}

// locations are the places of a problem's faults.
func (p problem) locations() (all []string) {
	for _, f := range p.Errors {
		all = append(all, f.Location)
	}
	return all
}

func decode(t testing.TB, body []byte, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}

// want checks the status of an answer.
func (d *desk) want(r request, status int) response {
	d.Helper()
	res := d.send(r)
	if res.status != status {
		d.Fatalf("%s %s: status %d, want %d: %s", r.method, r.path, res.status, status, res.body)
	}
	return res
}

// report sends a request, and reads the record that it is answered.
func (d *desk) report(r request, status int) (shown report.Record) {
	d.Helper()
	decode(d, d.want(r, status).body, &shown)
	return shown
}

// cancellation is a valid one, as JSON.
func cancellation(key string) string { return cancellationOf(key, 500) }

func cancellationOf(key string, amount int) string {
	return fmt.Sprintf(`{"idempotencyKey":%q,"mchtId":"shop","orgTrdNo":"TRD-%[1]s","orgMchtTrdNo":"ORDER-%[1]s",`+
		`"orgTrdDt":"20231215","canAmt":%d,"orgTrdAmt":1000,"method":"CA"}`, strings.Trim(key, `"`), amount)
}

func post(body string) request { return request{method: "POST", path: pathCancellations, body: body} }
func get(path string) request  { return request{method: "GET", path: path} }
