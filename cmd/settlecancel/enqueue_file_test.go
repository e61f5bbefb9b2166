package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/bulk"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// numbered returns so many cancellations, f-1 first.
func numbered(n int) []tasks.Cancellation {
	xs := make([]tasks.Cancellation, n)
	for i := range xs {
		xs[i] = cancellation(fmt.Sprintf("f-%d", i+1))
	}
	return xs
}

// wantStored checks that the ledger holds exactly these keys as open ones.
func (c *cli) wantStored(keys ...string) {
	c.Helper()
	var got []string
	for r, err := range c.ledger().All(context.Background(), ledger.Open, ledger.Listing{Limit: 500}) {
		if err != nil {
			c.Fatal(err)
		}
		got = append(got, r.Key)
	}
	slices.Sort(got)
	slices.Sort(keys)
	if diff := cmp.Diff(keys, got); diff != "" {
		c.Errorf("keys in the ledger (-want +got):\n%s", diff)
	}
}

func keysOf(xs []tasks.Cancellation) []string {
	keys := make([]string, len(xs))
	for i, x := range xs {
		keys[i] = x.IdempotencyKey
	}
	return keys
}

// complaints returns the numbers of the lines that standard error names, in order.
func complaints(stderr string) []int {
	var numbers []int
	for _, m := range regexp.MustCompile(`(?m)^settlecancel: line (\d+): `).FindAllStringSubmatch(stderr, -1) {
		n, _ := strconv.Atoi(m[1])
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}

func TestEnqueueFileWithFaults(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run(oneByFlags("f-1234", "--amount", "1")...).want(t, exitDone, []string{"accepted"}, nil)

	// Every hundredth line is faulty, each in another way; one uses a key of somebody else's.
	faults := []string{`{`, `[]`, `{"idempotencyKey":"x","refundAcntNo":"` + secretAccount + `"}`, `"\u001b[2J"`, `{"idempotencyKey":"\u001b[2J"}`, "\xff\xfe",
		`{"x":"` + strings.Repeat("y", tasks.MaxSize) + `"}`}
	all, good, wrong := strings.Split(strings.TrimSpace(lines(numbered(2000)...)), "\n"), []string{}, []int{}
	for i := range all {
		switch number := i + 1; {
		case number%100 == 0:
			all[i] = faults[number/100%len(faults)]
			wrong = append(wrong, number)
		case number == 1234:
			wrong = append(wrong, number)
			good = append(good, "f-1234")
		default:
			good = append(good, fmt.Sprintf("f-%d", number))
		}
	}
	slices.Sort(wrong)
	file := c.file("refunds.jsonl", strings.Join(all, "\n"))

	o := c.run("enqueue", "--file", file, "--queue", "bulk")
	o.want(t, exitFailed, []string{"2000 lines: 1979 accepted, 0 known already, 21 refused\n"},
		[]string{"line 1234: f-1234 was refused: the idempotency key was used before with other parameters", "line 100: invalid cancellation"})
	if diff := cmp.Diff(wrong, complaints(o.err)); diff != "" {
		t.Errorf("lines named (-want +got):\n%s", diff)
	}
	if strings.Contains(o.err, "\x1b") {
		t.Errorf("standard error passes an escape character on:\n%q", o.err)
	}
	c.wantStored(good...)
	if r := c.record("f-1"); r.Queue != tasks.QueueBulk {
		t.Errorf("f-1 is in queue %q, want bulk", r.Queue)
	}

	o = c.run("enqueue", "--file", file, "--queue", "bulk", "--json")
	o.want(t, exitFailed, []string{"{"}, []string{"line 100: "})
	if diff := cmp.Diff(bulk.Summary{Lines: 2000, Known: 1979, Refused: 21}, readJSON[bulk.Summary](t, o.out)); diff != "" {
		t.Errorf("summary of the second run (-want +got):\n%s", diff)
	}
}

func TestEnqueueFileFormats(t *testing.T) {
	t.Parallel()
	const header = "orgTrdNo,idempotencyKey,orgMchtTrdNo,orgTrdDt,canAmt,reason\r\n"
	csv := "\xEF\xBB\xBF" + header + "T1,c-1,O1,20231215,500,\"a, \"\"b\"\"\nc\"\r\nT2,c-2,O2,20231215,700,\r\n"
	ndjson := "\xEF\xBB\xBF" + strings.ReplaceAll(lines(numbered(3)...), "\n", "\r\n\r\n")
	for name, tt := range map[string]struct {
		file, in, format string
		want             []string
		says             string
	}{
		"OK CSV with BOM":    {"x.csv", csv, "", []string{"c-1", "c-2"}, "2 lines: 2 accepted, 0 known already, 0 refused\n"},
		"OK CSV in capitals": {"X.CSV", csv, "", []string{"c-1", "c-2"}, "2 lines: 2 accepted"},
		"OK CSV by format":   {"x.txt", csv, "csv", []string{"c-1", "c-2"}, "2 lines: 2 accepted"},
		"OK CSV from stdin":  {"", csv, "csv", []string{"c-1", "c-2"}, "2 lines: 2 accepted"},
		"OK NDJSON":          {"x.ndjson", ndjson, "", []string{"f-1", "f-2", "f-3"}, "3 lines: 3 accepted"},
		"OK other ending":    {"x.txt", ndjson, "", []string{"f-1", "f-2", "f-3"}, "3 lines: 3 accepted"},
		"OK format wins":     {"x.csv", ndjson, "ndjson", []string{"f-1", "f-2", "f-3"}, "3 lines: 3 accepted"},
		"OK stdin":           {"", ndjson, "", []string{"f-1", "f-2", "f-3"}, "3 lines: 3 accepted"},
		"OK no line at end":  {"", strings.TrimSpace(lines(cancellation("f-1"))), "", []string{"f-1"}, "1 line: 1 accepted"},
		"OK empty":           {"x.ndjson", "", "", nil, "0 lines: 0 accepted, 0 known already, 0 refused\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCLI(t)
			args, in := []string{"enqueue", "--file", "-"}, tt.in
			if tt.file != "" {
				args[2], in = c.file(tt.file, tt.in), ""
			}
			if tt.format != "" {
				args = append(args, "--format", tt.format)
			}
			c.runIn(t.Context(), strings.NewReader(in), args...).want(t, exitDone, []string{tt.says}, nil)
			c.wantStored(tt.want...)
		})
	}
	t.Run("ErrHeader", func(t *testing.T) {
		t.Parallel()
		c := newCLI(t)
		o := c.run("enqueue", "--file", c.file("x.csv", "key,orgTrdNo\n1,2\n"))
		o.want(t, exitFailed, []string{"1 line: 0 accepted, 0 known already, 1 refused\n"}, []string{"line 1: ", `"key"`, "orgTrdDt is required"})
	})
}

// Of several lines with one key the first is the one that counts, every time, whatever is in
// flight.
func TestEnqueueFileOneKeyTwice(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	var xs []tasks.Cancellation
	var wrong []int
	for i := range 100 {
		first := cancellation(fmt.Sprintf("twice-%d", i))
		other := first
		other.CanAmt = 499
		elsewhere := first
		elsewhere.OrgTrdNo = "OTHER"
		xs = append(xs, first, other, first, elsewhere)
		wrong = append(wrong, 4*i+2, 4*i+4)
	}
	o := c.runIn(t.Context(), strings.NewReader(lines(xs...)), "enqueue", "--file", "-")
	o.want(t, exitFailed, []string{"400 lines: 100 accepted, 100 known already, 200 refused\n"}, []string{"line 2: twice-0 was refused"})
	if diff := cmp.Diff(wrong, complaints(o.err)); diff != "" {
		t.Errorf("lines named (-want +got):\n%s", diff)
	}
	for i := range 100 {
		key := fmt.Sprintf("twice-%d", i)
		if r := c.record(key); r.Amount != 500 || r.OrgTrdNo != "TRD-"+key {
			t.Errorf("%s has amount %d of %s, want that of the first line", key, r.Amount, r.OrgTrdNo)
		}
	}
}

func TestEnqueueFileOnTerminal(t *testing.T) {
	t.Parallel()
	content := lines(numbered(500)...) + "{\n"
	for name, stdin := range map[string]bool{"OK file": false, "OK stdin": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCLI(t)
			c.app.Screen = true
			file, in := c.file("x.ndjson", content), ""
			if stdin {
				file, in = "-", content
			}
			o := c.runIn(t.Context(), strings.NewReader(in), "enqueue", "--file", file)
			o.want(t, exitFailed, []string{"501 lines: 500 accepted, 0 known already, 1 refused\n"}, []string{"lines", "\rsettlecancel: line 501: invalid"})
			if strings.ContainsAny(o.out, "\r\x1b") {
				t.Errorf("the bar is on standard output: %q", o.out)
			}
			if !strings.HasSuffix(o.err, "\n") && !strings.HasSuffix(o.err, "\x1b[2K\r") {
				t.Errorf("the bar is left on the terminal: %q", o.err[max(0, len(o.err)-100):])
			}
		})
	}
}

func TestEnqueueFileUnreadable(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run("enqueue", "--file", "/does/not/exist.csv").want(t, exitFailed, nil, []string{"cannot read the file", "/does/not/exist.csv"})

	broken := io.MultiReader(strings.NewReader(lines(numbered(100)...)+`{"idempotencyKey":"f-101","canAmt":1`), failing{errors.New("disk on fire")})
	o := c.runIn(t.Context(), broken, "enqueue", "--file", "-", "--json")
	o.want(t, exitFailed, []string{"{"}, []string{"disk on fire", "line 101 is the first that was not enqueued", "the same file again"})
	s := readJSON[bulk.Summary](t, o.out)
	s.Stopped = ""
	if diff := cmp.Diff(bulk.Summary{Lines: 100, Accepted: 100, First: 101}, s); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	c.wantStored(keysOf(numbered(100))...)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// hook calls do when what comes before it has been read.
type hook struct{ do func() }

func (h hook) Read([]byte) (int, error) { h.do(); return 0, io.EOF }

// durable are the arguments of a Redis that keeps all that it confirmed.
var durable = []string{"--appendonly", "yes", "--appendfsync", "always"}

func TestEnqueueFileRedisComesBack(t *testing.T) {
	t.Parallel()
	c := newCLI(t, durable...)
	c.app.patience = time.Minute
	xs := numbered(1000)
	back := make(chan error, 1)
	in := io.MultiReader(strings.NewReader(lines(xs[:500]...)), hook{func() {
		c.redis.Kill()
		go func() { back <- c.redis.Restart() }()
	}}, strings.NewReader(lines(xs[500:]...)))
	o := c.runIn(t.Context(), in, "enqueue", "--file", "-", "--json")
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	if o.code != exitDone {
		t.Fatalf("exit code %d:\n%s%s", o.code, o.out, o.err)
	}
	if s := readJSON[bulk.Summary](t, o.out); s.Lines != 1000 || s.Accepted+s.Known != 1000 || s.Stopped != "" {
		t.Errorf("summary %+v, want 1000 accepted or known", s)
	}
	c.wantStored(keysOf(xs)...)
}

func TestEnqueueFileRedisStaysAway(t *testing.T) {
	t.Parallel()
	c := newCLI(t, durable...)
	c.app.patience = 100 * time.Millisecond
	xs := numbered(1000)
	in := io.MultiReader(strings.NewReader(lines(xs[:500]...)), hook{c.redis.Kill}, strings.NewReader(lines(xs[500:]...)))
	o := c.runIn(t.Context(), in, "enqueue", "--file", "-", "--json")
	o.want(t, exitFailed, []string{"{"}, []string{"stopped: ", "is the first that was not enqueued", "Enqueue the same file again"})
	s := readJSON[bulk.Summary](t, o.out)
	if s.First < 1 || s.First > 501 || s.Stopped == "" || s.Refused != 0 {
		t.Fatalf("summary %+v, want a first line of at most 501 and why", s)
	}

	if err := c.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	for _, x := range xs[:s.First-1] {
		c.record(x.IdempotencyKey)
	}
	c.app.patience = time.Minute // on a busy machine an answer may take its time
	o = c.runIn(t.Context(), strings.NewReader(lines(xs...)), "enqueue", "--file", "-", "--json")
	o.want(t, exitDone, []string{"{"}, nil)
	if again := readJSON[bulk.Summary](t, o.out); again.Accepted+again.Known != 1000 || again.Known < s.Accepted {
		t.Errorf("the same file again: %+v, want all of 1000, and at least %d known already", again, s.Accepted)
	}
	c.wantStored(keysOf(xs)...)
}

// A Redis that answers, but takes no writes, is waited for as well; that is told once.
func TestEnqueueFileRedisTakesNoWrites(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	rdb := c.redis.Client(t)
	replicas := func(n int) {
		if err := rdb.ConfigSet(context.Background(), "min-replicas-to-write", strconv.Itoa(n)).Err(); err != nil {
			t.Error(err)
		}
	}
	c.app.patience = time.Minute
	c.app.Err = hears(func(said string) {
		if strings.Contains(said, "waiting for Redis") {
			replicas(0)
		}
	})
	xs := numbered(1000)
	in := io.MultiReader(strings.NewReader(lines(xs[:500]...)), hook{func() { replicas(1) }}, strings.NewReader(lines(xs[500:]...)))
	o := c.runIn(t.Context(), in, "enqueue", "--file", "-")
	o.want(t, exitDone, []string{"1000 lines: ", " 0 refused"}, []string{"waiting for Redis: enqueue f-", "NOREPLICAS"})
	if strings.Count(o.err, "waiting for Redis") != 1 {
		t.Errorf("one outage is told more than once:\n%s", o.err)
	}
	c.wantStored(keysOf(xs)...)
}

// hears is called with what is written.
type hears func(string)

func (h hears) Write(p []byte) (int, error) { h(string(p)); return len(p), nil }

// Whoever interrupts a run that waits for its producer is told how far it came.
func TestEnqueueFileInterrupted(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	ctx, interrupt := context.WithCancel(t.Context())
	silent, producer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer producer.Close() // the reader that was left behind ends
	xs := numbered(300)
	in := io.MultiReader(strings.NewReader(lines(xs...)), hook{interrupt}, silent)
	o := c.runIn(ctx, in, "enqueue", "--file", "-", "--json")
	o.want(t, exitFailed, []string{"{"}, []string{"stopped: interrupted", "Enqueue the same file again"})
	s := readJSON[bulk.Summary](t, o.out)
	if s.Stopped != "interrupted" || s.First < 1 || s.First > 301 {
		t.Fatalf("summary %+v, want interrupted, at line 301 at the latest", s)
	}
	for _, x := range xs[:s.First-1] {
		c.record(x.IdempotencyKey)
	}
}
