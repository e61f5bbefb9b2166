package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// The secrets of every test, which nothing may print.
const (
	secretPassword = "redis-password-83726"
	secretHashKey  = "HASHKEY-1009281328226982205"
	secretAESKey   = "abcdefghijklmnopqrstuvwxyz012345"
	secretAccount  = "12345678901234"
)

// cli gives command lines to the program, as its users do, against a Redis of its own.
type cli struct {
	testing.TB
	redis *redistest.Server
	app   app
	clock time.Time // of the dead letters that it makes
}

// outcome is what a command line came to.
type outcome struct {
	code     int
	out, err string
}

func newCLI(t testing.TB, redisArgs ...string) *cli {
	t.Helper()
	server := redistest.Start(t, redistest.Options{Args: redisArgs})
	return &cli{TB: t, redis: server, clock: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), app: app{environ: []string{
		"REDIS_URL=redis://default:" + secretPassword + "@" + server.Addr() + "/0",
		"SETTLEBANK_MCHT_ID=shop", "SETTLEBANK_HASH_KEY=" + secretHashKey, "SETTLEBANK_AES_KEY=" + secretAESKey,
	}}}
}

// run gives one command line.
func (c *cli) run(args ...string) outcome {
	c.Helper()
	return c.runIn(context.Background(), strings.NewReader(""), args...)
}

// runIn gives one command line, with a context and standard input.
func (c *cli) runIn(ctx context.Context, in io.Reader, args ...string) outcome {
	c.Helper()
	var out, err bytes.Buffer
	a := c.app
	a.In, a.Out, a.Err = in, &out, &err
	if c.app.Err != nil { // wants to hear it too
		a.Err = io.MultiWriter(&err, c.app.Err)
	}
	o := outcome{code: a.run(ctx, args), out: out.String(), err: err.String()}
	for _, secret := range []string{secretPassword, secretHashKey, secretAESKey, secretAccount} {
		if strings.Contains(o.out+o.err, secret) {
			c.Errorf("%q prints the secret %q:\n%s%s", args, secret, o.out, o.err)
		}
	}
	return o
}

// want checks the exit code, and that both streams hold what they should; a stream that should hold
// nothing must be empty.
func (o outcome) want(t testing.TB, code int, out, err []string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, s := range []struct {
		name, got string
		want      []string
	}{{"standard output", o.out, out}, {"standard error", o.err, err}} {
		if len(s.want) == 0 && s.got != "" {
			t.Errorf("%s holds %q, want nothing", s.name, s.got)
		}
		for _, w := range s.want {
			if !strings.Contains(s.got, w) {
				t.Errorf("%s lacks %q:\n%s", s.name, w, s.got)
			}
		}
	}
}

// wantOut checks for success and the whole of standard output.
func (o outcome) wantOut(t testing.TB, out string) {
	t.Helper()
	o.want(t, exitDone, []string{""}, nil)
	if diff := cmp.Diff(out, o.out); diff != "" {
		t.Errorf("standard output (-want +got):\n%s", diff)
	}
}

// readJSON reads one JSON value, and nothing behind it.
func readJSON[T any](t testing.TB, text string) (v T) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("not the JSON wanted: %v\n%s", err, text)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("something follows the JSON: %v\n%s", err, text)
	}
	return v
}

// file writes a file and answers its name.
func (c *cli) file(name, content string) string {
	c.Helper()
	name = filepath.Join(c.TempDir(), name)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		c.Fatal(err)
	}
	return name
}

// ledger returns a ledger on the test's Redis, under its clock.
func (c *cli) ledger() *ledger.Ledger {
	return ledger.New(c.redis.Client(c), ledger.Options{Now: func() time.Time { return c.clock }})
}

// leased returns a ledger under the clock of Redis, as the program has it: leases that it grants
// are running.
func (c *cli) leased() *ledger.Ledger { return ledger.New(c.redis.Client(c), ledger.Options{}) }

// record reads a record that must be there.
func (c *cli) record(key string) ledger.Record {
	c.Helper()
	r, err := c.ledger().Get(context.Background(), key)
	if err != nil {
		c.Fatal(err)
	}
	return r
}

// cancellation is one that is valid, and unlike any of another key.
func cancellation(key string) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: key, MchtID: "shop", OrgTrdNo: "TRD-" + key, OrgMchtTrdNo: "ORDER-" + key,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
}

// attempt is one attempt to make, and what follows from it.
type attempt struct {
	ledger.Attempt
	ledger.Next
}

// attempts accepts a cancellation and makes attempts; each takes a second, and so does the time
// between them.
func (c *cli) attempts(x tasks.Cancellation, attempts ...attempt) {
	c.Helper()
	ctx, l := context.Background(), c.ledger()
	entry, err := x.Entry()
	if err != nil {
		c.Fatal(err)
	}
	if _, _, err := l.Accept(ctx, entry); err != nil {
		c.Fatal(err)
	}
	for i, a := range attempts {
		c.clock = c.clock.Add(time.Second)
		g, err := l.Begin(ctx, entry)
		if err != nil || (g.Step != ledger.StepSend && g.Step != ledger.StepInquire) {
			c.Fatalf("attempt %d of %s: step %v, %v", i, x.IdempotencyKey, g.Step, err)
		}
		c.clock = c.clock.Add(time.Second)
		a.Duration = 120 * time.Millisecond
		if _, err := l.Finish(ctx, g, a.Attempt, a.Next); err != nil {
			c.Fatal(err)
		}
	}
}

// rejects is the answer that makes a dead letter.
func rejects(code, message string) attempt {
	return attempt{
		ledger.Attempt{Class: "rejected", Code: code, Message: message, HTTPStatus: 200},
		ledger.Next{Status: ledger.Rejected, Code: code, Message: message},
	}
}

// lines writes cancellations as NDJSON.
func lines(xs ...tasks.Cancellation) string {
	var b strings.Builder
	for _, x := range xs {
		payload, err := x.Payload()
		if err != nil {
			panic(fmt.Sprintf("payload of %s: %v", x.IdempotencyKey, err))
		}
		b.Write(append(payload, '\n'))
	}
	return b.String()
}
