package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// example returns the command that runs an example, or nil where its interpreter is missing, which
// the log then says.
func example(t *testing.T, interpreter, file string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		t.Logf("%s is not here: NOBODY HAS RUN examples/%s", interpreter, file)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, path, append([]string{filepath.Join("examples", file)}, args...)...)
	c.Env = append(os.Environ(), "API_TOKEN="+shopToken)
	return c
}

// The examples hand cancellations over, also where the first answer is lost, and tell of refusals.
func TestExamplesHandOver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ interpreter, file string }{{"node", "refund.mjs"}, {"php", "refund.php"}} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, closed())
			var requests atomic.Int32
			lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) == 1 {
					d.api.ServeHTTP(httptest.NewRecorder(), r) // carried out, but nobody hears of it
					panic(http.ErrAbortHandler)
				}
				d.api.ServeHTTP(w, r)
			}))
			t.Cleanup(lossy.Close)
			run := func(key, amount string) (string, error) {
				cmd := example(t, c.interpreter, c.file, key, "ORDER-1", amount)
				if cmd == nil {
					return "", nil
				}
				cmd.Env = append(cmd.Env, "SETTLECANCEL_URL="+lossy.URL)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			out, err := run("refund-example", "500")
			if out == "" && err == nil {
				return
			}
			if err != nil || !strings.Contains(out, "refund-example queued") || requests.Load() != 2 {
				t.Errorf("%v after %d requests: %s", err, requests.Load(), out)
			}
			if diff := cmp.Diff([]string{"refund-example"}, d.tasksOf()); diff != "" {
				t.Errorf("queue (-want +got):\n%s", diff)
			}
			if out, err = run("refund-too-much", "1001"); err == nil || !strings.Contains(out, "is above orgTrdAmt") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// The receivers take a signed event once, and nothing that is forged, changed or old.
func TestExamplesReceive(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef01234567")
	body, err := json.Marshal(exampleEvent())
	if err != nil {
		t.Fatal(err)
	}
	sign := func(id, at, body string) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + at + "." + body))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	now, old := strconv.FormatInt(time.Now().Unix(), 10), strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	good := sign("evt_1", now, string(body))
	for _, c := range []struct{ interpreter, file string }{{"python3", "receiver.py"}, {"node", "receiver.mjs"}} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			cmd := example(t, c.interpreter, c.file, "0")
			if cmd == nil {
				return
			}
			cmd.Env = append(cmd.Env, "WEBHOOK_SECRET=whsec_"+base64.StdEncoding.EncodeToString(secret))
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
			out := bufio.NewScanner(stdout)
			if !out.Scan() || !strings.HasPrefix(out.Text(), "listening on port ") {
				t.Fatalf("printed %q, %v", out.Text(), out.Err())
			}
			port := strings.TrimPrefix(out.Text(), "listening on port ")
			send := func(id, at, signature string, body []byte) int {
				req, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:"+port+"/", strings.NewReader(string(body)))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("webhook-id", id)
				req.Header.Set("webhook-timestamp", at)
				req.Header.Set("webhook-signature", signature)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				return res.StatusCode
			}
			for name, want := range map[string]struct {
				status        int
				id, at, signs string
				body          []byte
			}{
				"forged":         {401, "evt_1", now, "v1,AAAA", body},
				"no signature":   {401, "evt_1", now, "", body},
				"another body":   {401, "evt_1", now, good, append(slices.Clone(body), ' ')},
				"another id":     {401, "evt_2", now, good, body},
				"old":            {401, "evt_1", old, sign("evt_1", old, string(body)), body},
				"no time":        {401, "evt_1", "soon", sign("evt_1", "soon", string(body)), body},
				"genuine":        {204, "evt_1", now, good, body},
				"of two secrets": {204, "evt_1", now, "v1,AAAA " + good, body},
			} {
				if got := send(want.id, want.at, want.signs, want.body); got != want.status {
					t.Errorf("%s: status %d, want %d", name, got, want.status)
				}
			}
			if got := send("evt_2", now, sign("evt_2", now, string(body)), body); got != 204 {
				t.Errorf("another event: status %d", got)
			}
			for range 2 { // evt_1 once, though it came twice, and evt_2
				if !out.Scan() || out.Text() != "refund-20231215-0001 cancelled" {
					t.Errorf("printed %q, %v", out.Text(), out.Err())
				}
			}
			_ = cmd.Process.Kill()
			if out.Scan() {
				t.Errorf("printed %q, too", out.Text())
			}
		})
	}
}

// A shop that is killed between the commit, the acceptance and its own note of it loses no refund
// and makes none twice.
func TestExampleOutbox(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	var mu sync.Mutex // held while the sender starts
	var sender *exec.Cmd
	kill := func() {
		mu.Lock()
		defer mu.Unlock()
		_ = sender.Process.Kill()
	}
	var accepted atomic.Int32
	deadly := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := accepted.Add(1)
		if n == 3 { // before it is accepted
			kill()
		}
		answer := httptest.NewRecorder()
		d.api.ServeHTTP(answer, r)
		if n == 7 || n == 8 { // accepted, and nobody is told
			kill()
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(deadly.Close)
	shop := "SHOP_DB=" + filepath.Join(t.TempDir(), "shop.db")
	run := func(args ...string) *exec.Cmd {
		cmd := example(t, "python3", "outbox.py", args...)
		if cmd != nil {
			cmd.Env = append(cmd.Env, shop, "SETTLECANCEL_URL="+deadly.URL)
		}
		return cmd
	}
	var want []string
	for i := range 10 {
		order, amount := fmt.Sprintf("ORDER-%d", i), "500"
		if i == 5 {
			amount = "1001" // which no payment of 1000 allows
		} else {
			want = append(want, "refund-"+order+"-1")
		}
		cmd := run("refund", order, amount)
		if cmd == nil {
			return
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	kills := 0
	for ; ; kills++ {
		cmd := run("send", "--once")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		mu.Lock()
		sender = cmd
		err := cmd.Start()
		mu.Unlock()
		if err == nil {
			err = cmd.Wait()
		}
		if err == nil {
			break
		}
		if kills > 3 {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	if kills != 3 {
		t.Errorf("killed %d times, want 3", kills)
	}
	got := d.tasksOf()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	left := run("send", "--once")
	if out, err := left.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("something waits yet: %v, %s", err, out)
	}
}
