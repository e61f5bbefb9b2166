package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks/events"
	"settlecancel/tasks/secrettest"
)

const (
	hookToken  = "hook-token-55201"
	hookSecret = "hook-secret-0123456789abcdef"
)

func mustWebhook(t *testing.T, url string) *Webhook {
	t.Helper()
	h, err := NewWebhook(url, []byte(hookSecret))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// reference is HMAC-SHA256 after RFC 2104, from the hash alone.
func reference(key, message []byte) []byte {
	block := make([]byte, 64)
	if copy(block, key); len(key) > 64 {
		sum := sha256.Sum256(key)
		block = append(sum[:], make([]byte, 32)...)
	}
	pad := func(x byte) (padded []byte) {
		for _, k := range block {
			padded = append(padded, k^x)
		}
		return padded
	}
	inner := sha256.Sum256(append(pad(0x36), message...))
	outer := sha256.Sum256(append(pad(0x5c), inner[:]...))
	return outer[:]
}

// signature is what a receiver computes.
func signature(secret []byte, id, timestamp string, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(reference(secret, []byte(id+"."+timestamp+"."+string(body))))
}

func TestSign(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("the standard's own example is signed %s, want %s", got, want)
	}
	for _, n := range []int{1, 24, 63, 64, 65, 100} {
		secret, body := bytes.Repeat([]byte{byte(n)}, n), bytes.Repeat([]byte("한"), n*7)
		if got, want := sign(secret, "evt_x", time.Unix(int64(n), 999), body), signature(secret, "evt_x", strconv.Itoa(n), body); got != want {
			t.Errorf("key of %d bytes: %s, want %s", n, got, want)
		}
	}
}

// receiver checks every request as the standard says, and answers with its handler.
func receiver(t *testing.T, answer http.HandlerFunc) *Webhook {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		id, at := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		if want := signature([]byte(hookSecret), id, at, body); r.Header.Get("webhook-signature") != want {
			t.Errorf("signed %q, want %q", r.Header.Get("webhook-signature"), want)
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), `"id":"`+id+`"`) ||
			len(r.Header.Values("Idempotency-Key")) != 0 {
			t.Errorf("%s %s with %v: %s", r.Method, r.URL, r.Header, body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return mustWebhook(t, server.URL+"/in?token="+hookToken)
}

// hand gives a webhook task with one event to the worker, as asynq would.
func hand(w *Worker, e events.Event) error {
	body := fmt.Sprintf(`{"id":%q,"seq":%d,"data":{"idempotencyKey":%q}}`, e.ID, e.Seq, e.Data.IdempotencyKey)
	return w.route(context.Background(), asynq.NewTask(events.TypeWebhook, []byte(body)))
}

func harmless(t *testing.T, text string) {
	t.Helper()
	secrettest.Hidden(t, "a text", text, hookToken, hookSecret)
}

func TestWebhookAnswers(t *testing.T) {
	t.Parallel()
	status := func(n int) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) } }
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		answer        http.HandlerFunc
		done, givenUp bool
		least, most   time.Duration
	}{
		"OK":        {answer: status(200), done: true},
		"OKNothing": {answer: status(204), done: true},
		"OKEndless": {answer: func(w http.ResponseWriter, _ *http.Request) {
			for page := make([]byte, 1<<16); ; {
				if _, err := w.Write(page); err != nil {
					return
				}
			}
		}, done: true},
		"ErrGone":     {answer: status(410), givenUp: true},
		"ErrNotFound": {answer: status(404), least: 800 * time.Millisecond, most: 1200 * time.Millisecond},
		"ErrServer": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, hookSecret)
		}, least: 800 * time.Millisecond, most: 1200 * time.Millisecond},
		"ErrBusy": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(429)
		}, least: 2 * time.Minute, most: 2 * time.Minute},
		"ErrBusyForLong": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999999")
			w.WriteHeader(503)
		}, least: time.Hour, most: time.Hour},
		"ErrRedirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		}, least: 800 * time.Millisecond, most: 1200 * time.Millisecond},
		"ErrHangs": {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			least: 800 * time.Millisecond, most: 1200 * time.Millisecond},
		"ErrHangsUp": {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			least: 800 * time.Millisecond, most: 1200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := receiver(t, c.answer)
			switch name {
			case "ErrHangs":
				h.client.Timeout = 50 * time.Millisecond
			case "OKEndless":
				h.client.Timeout = 0 // only a hang fails it
			}
			b := newBench(t, setup{options: Options{Webhook: h}})
			err := hand(b.worker, events.Event{ID: "evt_1", Seq: 1, Data: events.Data{IdempotencyKey: "k"}})
			if (err == nil) != c.done || errors.Is(err, asynq.SkipRetry) != c.givenUp {
				t.Fatal(err)
			}
			if err == nil {
				return
			}
			harmless(t, err.Error())
			if !webhookFailed(err) {
				t.Errorf("not counted: %v", err)
			}
			if pause := webhookDelay(0, err, nil); !c.givenUp && (pause < c.least || pause > c.most) {
				t.Errorf("tried again after %v", pause)
			}
		})
	}
}

func TestWebhookShowsNoSecret(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	to := server.URL + "/" + hookToken
	server.Close() // nobody listens
	h := mustWebhook(t, to)
	b := newBench(t, setup{options: Options{Webhook: h}})
	err := hand(b.worker, events.Event{ID: "evt_1", Seq: 1})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
	for _, err := range []error{err, second(NewWebhook("ftp://x/"+hookToken, []byte(hookSecret))), second(NewWebhook("http://%zz/"+hookToken, []byte(hookSecret))), second(NewWebhook(to, nil))} {
		if err == nil {
			t.Fatal("no error")
		}
		harmless(t, err.Error())
	}
	harmless(t, secrettest.Print(h, *h, b.worker.opts))
}

func second[T any](_ T, err error) error { return err }

func TestWebhookDelay(t *testing.T) {
	t.Parallel()
	failed := errors.New("no answer")
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048} {
		if got := webhookDelay(n, failed, nil); got < want*800*time.Millisecond || got > want*1200*time.Millisecond {
			t.Errorf("retry %d after %v, want about %ds", n, got, want)
		}
	}
	for _, n := range []int{12, 40, 1 << 30} {
		if got := webhookDelay(n, failed, nil); got < 48*time.Minute || got > time.Hour {
			t.Errorf("retry %d after %v, want about an hour", n, got)
		}
	}
	if p := (&postponed{after: 3 * time.Second}); webhookDelay(9, p, nil) != 4*time.Second || webhookFailed(p) {
		t.Error("waiting for the event before is counted, or takes long")
	}
	if webhookDelay(0, nil, nil) <= 0 || !webhookFailed(nil) {
		t.Error("no error at all")
	}
}

func TestWebhookOfNoEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{options: Options{Webhook: receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })}})
	for _, payload := range []string{"", "{}", "[1]", `{"id":5}`} {
		if err := b.worker.route(context.Background(), asynq.NewTask(events.TypeWebhook, []byte(payload))); !errors.Is(err, asynq.SkipRetry) {
			t.Errorf("%q: %v", payload, err)
		}
	}
}
