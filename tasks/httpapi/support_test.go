package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

const databases = 500 // more than tests run at a time

// shared is the Redis of this package's tests. Each has a database of its own in it; those that stop a Redis start their own.
var (
	shared *redistest.Server
	taken  atomic.Int64
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	dir, err := os.MkdirTemp("", "httpapi-test")
	if err == nil {
		shared, err = redistest.Run(dir, redistest.Options{Args: []string{"--databases", strconv.Itoa(databases)}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	shared.Kill()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// quiet keeps go-redis from telling of the outages that the tests make.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// The secrets of the tests, which nothing may show.
const (
	shopToken    = "shop-token-5a1be8c0"
	oldToken     = "shop-token-before-rotation"
	otherToken   = "warehouse-token-99e1"
	opsPassword  = "ops-password-771"
	accountOfOne = "31415926535897"
)

// desk is an API behind real HTTP, on a real Redis.
type desk struct {
	*testing.T
	api    *API
	url    string
	http   *http.Client
	redis  *redistest.Server
	rdb    *redis.Client
	client *tasks.Client
	clock  *clock
	logs   *logs
}

// logs is what was logged. Writers are the server's, readers the test.
type logs struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// closed are options under which everybody needs credentials.
func closed() Options {
	return Options{
		Tokens: []Token{{"shop", shopToken}, {"shop-old", oldToken}, {"warehouse", otherToken}},
		Ops:    &Credentials{"kim", opsPassword},
	}
}

func newDesk(t *testing.T, o Options) *desk {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: shared.Addr(), DB: int(taken.Add(1) % databases)})
	t.Cleanup(func() { _ = rdb.Close() })
	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	return newDeskOn(t, shared, rdb, o)
}

func newDeskOn(t *testing.T, server *redistest.Server, rdb *redis.Client, o Options) *desk {
	t.Helper()
	d := &desk{T: t, redis: server, rdb: rdb, client: tasks.NewClient(rdb, tasks.ClientOptions{}),
		clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, logs: &logs{}}
	o.Client, o.Now = d.client, d.clock.Now
	o.Logger = slog.New(slog.NewJSONHandler(d.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if d.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.api)
	t.Cleanup(func() {
		web.Close()
		for _, secret := range []string{shopToken, oldToken, otherToken, opsPassword, accountOfOne} {
			if strings.Contains(d.logs.String(), secret) {
				t.Errorf("the log shows the secret %q", secret)
			}
		}
	})
	d.url, d.http = web.URL, web.Client()
	d.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return d
}

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
	for _, secret := range []string{shopToken, oldToken, otherToken, opsPassword, accountOfOne} {
		if bytes.Contains(res.body, []byte(secret)) {
			d.Errorf("%s: the answer shows the secret %q", what, secret)
		}
	}
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
func (d *desk) report(r request, status int) (report tasks.Report) {
	d.Helper()
	decode(d, d.want(r, status).body, &report)
	return report
}

// cancellation is a valid one, as JSON.
func cancellation(key string) string { return cancellationOf(key, 500) }

func cancellationOf(key string, amount int) string {
	return fmt.Sprintf(`{"idempotencyKey":%q,"mchtId":"shop","orgTrdNo":"TRD-%[1]s","orgMchtTrdNo":"ORDER-%[1]s",`+
		`"orgTrdDt":"20231215","canAmt":%d,"orgTrdAmt":1000,"method":"CA"}`, strings.Trim(key, `"`), amount)
}

func post(body string) request { return request{method: "POST", path: pathCancellations, body: body} }
func get(path string) request  { return request{method: "GET", path: path} }

// tasksOf answers the ids of the tasks that wait in the default queue.
func (d *desk) tasksOf() []string {
	d.Helper()
	ids, err := d.rdb.LRange(context.Background(), "asynq:{default}:pending", 0, -1).Result()
	if err != nil {
		d.Fatal(err)
	}
	return ids
}

// reach accepts a cancellation and brings it to a status.
func (d *desk) reach(key string, s ledger.Status) {
	d.Helper()
	x, err := tasks.Parse([]byte(cancellation(key)), tasks.ParseOptions{})
	if err != nil {
		d.Fatal(err)
	}
	ctx, l := context.Background(), d.client.Ledger()
	receipt, err := d.client.Enqueue(ctx, x, tasks.EnqueueOptions{})
	if err != nil {
		d.Fatal(err)
	}
	if s == ledger.Queued {
		return
	}
	entry, err := x.Entry()
	if err != nil {
		d.Fatal(err)
	}
	g, err := l.Begin(ctx, entry)
	if err != nil || g.Step != ledger.StepSend {
		d.Fatalf("begin %s: %+v, %v", receipt.Record.Key, g, err)
	}
	if s == ledger.Sending {
		return
	}
	next := ledger.Next{Status: s, Code: "ST25", Message: "refused"}
	switch s {
	case ledger.Cancelled, ledger.AlreadyCancelled:
		next = ledger.Next{Status: s, Code: "0000", CanTrdNo: "CAN-" + key, Credit: x.CanAmt, Rounds: 1}
	case ledger.Unknown:
		next = ledger.Next{Status: s, After: time.Minute}
	}
	if err := l.Finish(ctx, g, ledger.Attempt{Class: "test", Code: next.Code, Duration: time.Millisecond}, next); err != nil {
		d.Fatal(err)
	}
}
