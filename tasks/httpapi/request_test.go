package httpapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger/redistest"
)

// Paths that there are not, and methods that a path does not take, answer problems too.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/cancellations", "/v1/cancellations/", "/v1/cancellations/k/", "/v1/cancellations/k/undo",
		"/v1/cancellations:all", "/V1/cancellations", "/v1//cancellations", "/v1/./cancellations", "/v1/cancellations/../x", "/%2e%2e/etc/passwd",
		"/openapi.yaml", "/docs/", "/favicon.ico", "//", "/v1/cancellations%00"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r := request{method: method, path: path}
			if method == "POST" {
				r.body = "{}"
			}
			if p := d.want(r, http.StatusNotFound).problem(t); p.Type != "/docs#not-found" {
				t.Errorf("%s: %+v", path, p)
			}
		}
	}
	for path, allow := range map[string]string{
		pathCancellations: "GET, HEAD, POST", pathCancellations + ":batch": "POST", location("k"): "GET, HEAD",
		location("k") + "/retry": "POST", location("k") + "/resolve": "POST", "/docs": "GET, HEAD", "/openapi.json": "GET, HEAD",
	} {
		for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			res := d.want(request{method: method, path: path}, http.StatusMethodNotAllowed)
			if got := res.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, allow)
			}
		}
	}
}

// A request is named by the id that it brings, where that is sane, in answer, problem and log.
func TestRequestID(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{RequestIDs: func() string { return "made-here" }})
	for given, want := range map[string]string{
		"": "made-here", "order-4711": "order-4711", "a b": "made-here", "<script>": "made-here", strings.Repeat("x", 129): "made-here",
		"0af7651916cd43dd8448eb211c80319c/1": "0af7651916cd43dd8448eb211c80319c/1",
	} {
		r := get(location("nobody"))
		r.header = map[string]string{"X-Request-Id": given}
		res := d.want(r, http.StatusNotFound)
		if got := res.header.Get("X-Request-Id"); got != want || res.problem(t).RequestID != want {
			t.Errorf("%q: %q", given, got)
		}
		if !strings.Contains(d.logs.String(), `"request_id":"`+want+`","method":"GET","path":"/v1/cancellations/{key}","status":404`) {
			t.Errorf("log: %s", d.logs)
		}
	}
}

// A panic is answered, and logged with where it came from; the server goes on.
func TestPanic(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	client := d.api.client
	d.api.client = nil
	if p := d.want(post(cancellation("k")), http.StatusInternalServerError).problem(t); p.Type != "/docs#internal-error" || strings.Contains(p.Detail, "nil") {
		t.Errorf("%+v", p)
	}
	if log := d.logs.String(); !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, "accept.go") {
		t.Errorf("log: %s", log)
	}
	d.api.client = client
	d.want(post(cancellation("k")), http.StatusAccepted)

	aborted := func() (v any) {
		defer func() { v = recover() }()
		d.api.handle("/abort", func(*call) { panic(http.ErrAbortHandler) })
		d.api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/abort", nil))
		return nil
	}()
	if aborted != http.ErrAbortHandler {
		t.Errorf("%v", aborted)
	}
}

// A body that does not come is not waited for, and one that breaks off is not taken.
func TestBodyBreaksOff(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"ErrUnexpectedEOF": {io.ErrUnexpectedEOF, 400}, "ErrReset": {errors.New("connection reset"), 400}, "ErrTimeout": {context.DeadlineExceeded, 408},
	} {
		r := httptest.NewRequest("POST", "http://localhost"+pathCancellations, io.MultiReader(strings.NewReader(cancellation("k")[:20]), broken{test.err}))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		if w.Code != test.status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// On the wire: fewer bytes than announced.
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{", pathCancellations)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("%+v, %v", res, err)
	}
}

// broken is a body that ends with an error.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// While Redis is away nothing is said to be accepted, and once it is back all goes on.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialTimeout: time.Second})
	t.Cleanup(func() { _ = rdb.Close() })
	d := newDeskOn(t, rdb, Options{})
	before := d.report(post(cancellation("before")), http.StatusAccepted)
	server.Kill()
	batch := func(keys ...string) request {
		var items []string
		for _, key := range keys {
			items = append(items, cancellation(key))
		}
		return request{method: "POST", path: pathCancellations + ":batch", body: `{"items":[` + strings.Join(items, ",") + `,{}]}`}
	}
	for name, r := range map[string]request{
		"accept": post(cancellation("during")), "again": post(cancellation("before")), "show": get(location("before")),
		"list": get(pathCancellations), "open": get(pathCancellations + "?status=queued"), "batch": batch("a", "b"),
		"retry":   {method: "POST", path: location("before") + "/retry"},
		"resolve": {method: "POST", path: location("before") + "/resolve", body: `{"as":"cancelled","note":"seen"}`},
	} {
		res := d.want(r, http.StatusServiceUnavailable)
		if res.header.Get("Retry-After") == "" || strings.Contains(string(res.body), server.Addr()) {
			t.Errorf("%s: %v %s", name, res.header, res.body)
		}
	}
	d.want(post(changed("canAmt", "0")), http.StatusBadRequest) // needs no Redis to be wrong
	if !strings.Contains(d.logs.String(), "connection refused") {
		t.Error("the log does not tell why")
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	after := d.report(get(location("before")), http.StatusOK)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	for _, key := range []string{"during", "before"} {
		if got := d.report(post(cancellation(key)), http.StatusAccepted); got.IdempotencyKey != key {
			t.Errorf("%+v", got)
		}
	}
	d.want(batch("a", "b"), http.StatusOK)
	if got := len(d.tasksOf()); got != 4 {
		t.Errorf("%d tasks, want 4", got)
	}
}

// What has begun is brought to its end, though who asked has gone.
func TestClientGone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", "http://localhost"+pathCancellations, strings.NewReader(cancellation("k")))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	if r, err := d.client.Ledger().Get(t.Context(), "k"); w.Code != http.StatusAccepted || err != nil || r.Key != "k" || len(d.tasksOf()) != 1 {
		t.Errorf("%d %s; %v", w.Code, w.Body, err)
	}
}

// A body that is too large by its announcement is refused unread.
func TestTooLargeUnread(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	read := 0
	r := httptest.NewRequest("POST", "http://localhost"+pathCancellations, reader(func(p []byte) (int, error) { read += len(p); return len(p), nil }))
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = maxOne + 1
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || read > 0 {
		t.Errorf("status %d after %d bytes", w.Code, read)
	}
	r.ContentLength = -1
	w = httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || read > 2*maxOne {
		t.Errorf("status %d after %d bytes", w.Code, read)
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// Answers are compressed for whoever takes that, and a byte order mark before a body is passed
// over.
func TestCompressedAnswers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	d.want(post("\ufeff"+cancellation("marked")), http.StatusAccepted)
	for range 3 { // records enough to be worth it
		d.want(post(cancellation("k"+strconv.Itoa(len(d.tasksOf())))), http.StatusAccepted)
	}
	plain := d.want(request{method: "GET", path: pathCancellations, header: map[string]string{"Accept-Encoding": "identity"}}, http.StatusOK)
	packed := d.want(request{method: "GET", path: pathCancellations, header: map[string]string{"Accept-Encoding": "gzip"}}, http.StatusOK)
	if got := packed.header.Get("Content-Encoding"); got != "gzip" || plain.header.Get("Content-Encoding") != "" {
		t.Fatalf("Content-Encoding %q where it is taken, %q where not", got, plain.header.Get("Content-Encoding"))
	}
	in, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(in)
	if err != nil || !json.Valid(unpacked) || len(packed.body) >= len(unpacked) || len(unpacked) != len(plain.body) {
		t.Errorf("%d bytes unpack to %d of %d: %v", len(packed.body), len(unpacked), len(plain.body), err)
	}
	d.want(request{method: "GET", path: location("nobody"), header: map[string]string{"Accept-Encoding": "gzip"}}, http.StatusNotFound)
}

// A refusal says what is taken in the place of what was given.
func TestRefusalsHelp(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{DefaultMchtID: "shop"})
	batch := post(`{"cancellations":[` + cancellation("k") + `]}`)
	batch.path += ":batch"
	for name, c := range map[string]struct {
		r    request
		want string
	}{
		"batch":         {batch, "is not a known field; this call takes `items`"},
		"no key":        {post(strings.Replace(cancellation("k"), `"idempotencyKey":"k",`, "", 1)), "is required, here or in the header Idempotency-Key"},
		"unknown field": {post(changed("amount", "1")), "is not a known field; this call takes `idempotencyKey`, `mchtId`, "},
		"other case":    {post(changed("CanAmt", "1")), "did you mean canAmt?"},
		"batch to one":  {post(`{"items":[]}`), "many cancellations are taken by /v1/cancellations:batch"},
		"query":         {get(pathCancellations + "?page=2"), "is not a known parameter; this call takes `status`, "},
		"status":        {get(pathCancellations + "?status=done"), "already_cancelled"},
		"dot":           {post(cancellation(".")), "must not be . or .."},
		"dots":          {post(cancellation("..")), "must not be . or .."},
	} {
		p := d.want(c.r, http.StatusBadRequest).problem(t)
		if !slices.ContainsFunc(p.Errors, func(f fault) bool { return strings.Contains(f.Message, c.want) }) {
			t.Errorf("%s: %+v, want %q", name, p.Errors, c.want)
		}
	}
}
