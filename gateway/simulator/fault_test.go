package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script adds a rule that must be good.
func (b *fixture) script(r Rule) int {
	b.t.Helper()
	id, err := b.Simulator.Script(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// isOK reports whether an answer claims that the cancellation was carried out.
func isOK(r reply) bool {
	var a flatAnswer
	return r.err == nil && r.status == http.StatusOK && json.Unmarshal(r.body, &a) == nil && a.ResultCode == "0000"
}

// TestFaults sends one cancellation of 400 won through every fault, in each of its ways, and
// compares what the client saw with what the books say.
func TestFaults(t *testing.T) {
	t.Parallel()
	const soon = time.Millisecond
	reset := func(t *testing.T, r reply) {
		if !errors.Is(r.err, syscall.ECONNRESET) && !errors.Is(r.err, io.EOF) && !errors.Is(r.err, syscall.EPIPE) {
			t.Errorf("status %d, error %v; want a reset", r.status, r.err)
		}
	}
	code := func(want string) func(*testing.T, reply) {
		return func(t *testing.T, r reply) {
			if got := flatAnswerOf(t, r).ResultCode; got != want {
				t.Errorf("result code %s, want %s", got, want)
			}
		}
	}
	page := func(want int) func(*testing.T, reply) {
		return func(t *testing.T, r reply) {
			if r.err != nil || r.status != want || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
				t.Errorf("status %d, error %v, body %q; want %d with a page", r.status, r.err, r.body, want)
			}
		}
	}
	redirect := func(t *testing.T, r reply) {
		if r.status != 307 || r.header.Get("Location") != cancelPath {
			t.Errorf("status %d to %q, want 307 to %s", r.status, r.header.Get("Location"), cancelPath)
		}
	}
	foreign := func(t *testing.T, r reply) {
		if r.status != 200 || !json.Valid(r.body) || strings.Contains(string(r.body), "resultCode") {
			t.Errorf("status %d, body %q; want JSON of somebody else", r.status, r.body)
		}
	}
	flood := func(t *testing.T, r reply) {
		if r.err != nil || len(r.body) != 3<<20 || !json.Valid(r.body) {
			t.Errorf("%d bytes, error %v; want %d bytes of JSON", len(r.body), r.err, 3<<20)
		}
	}
	truncated := func(t *testing.T, r reply) {
		if r.err != nil || len(r.body) == 0 || json.Valid(r.body) {
			t.Errorf("body %q, error %v; want half an answer without an error", r.body, r.err)
		}
	}
	cut := func(t *testing.T, r reply) {
		if !errors.Is(r.err, io.ErrUnexpectedEOF) || len(r.body) == 0 {
			t.Errorf("body %q, error %v; want half an answer and %v", r.body, r.err, io.ErrUnexpectedEOF)
		}
	}
	tests := []struct {
		name    string
		fault   Fault
		applied bool
		saw     func(*testing.T, reply)
	}{
		{"OK code", Fault{Kind: KindCode, Code: "CA01"}, false, code("CA01")},
		{"OK code applied", Fault{Kind: KindCode, Code: "ST60", Message: "x", Apply: ApplyYes}, true, code("ST60")},
		{"OK code late", Fault{Kind: KindCode, Code: "9999", Apply: ApplyLate, Delay: soon}, true, code("9999")},
		{"OK drop", Fault{Kind: KindDrop}, false, reset},
		{"OK drop applied", Fault{Kind: KindDrop, Apply: ApplyYes}, true, reset},
		{"OK drop late", Fault{Kind: KindDrop, Apply: ApplyLate, Delay: soon}, true, reset},
		{"OK hang bounded", Fault{Kind: KindHang, Bound: soon}, false, reset},
		{"OK hang bounded applied", Fault{Kind: KindHang, Bound: soon, Apply: ApplyYes}, true, reset},
		{"OK hang bounded late", Fault{Kind: KindHang, Bound: soon, Apply: ApplyLate}, true, reset},
		{"OK status", Fault{Kind: KindStatus}, false, page(502)},
		{"OK status 429", Fault{Kind: KindStatus, Status: 429}, false, page(429)},
		{"OK status 403", Fault{Kind: KindStatus, Status: 403}, false, page(403)},
		{"OK status 200", Fault{Kind: KindStatus, Status: 200}, false, page(200)},
		{"OK status applied", Fault{Kind: KindStatus, Status: 504, Apply: ApplyYes}, true, page(504)},
		{"OK status late", Fault{Kind: KindStatus, Status: 503, Apply: ApplyLate}, true, page(503)},
		{"OK redirect", Fault{Kind: KindRedirect}, false, redirect},
		{"OK redirect applied", Fault{Kind: KindRedirect, Apply: ApplyYes}, true, redirect},
		{"OK foreign", Fault{Kind: KindForeign}, false, foreign},
		{"OK foreign applied", Fault{Kind: KindForeign, Apply: ApplyYes}, true, foreign},
		{"OK flood", Fault{Kind: KindFlood, Bytes: 3 << 20}, false, flood},
		{"OK flood applied", Fault{Kind: KindFlood, Bytes: 3 << 20, Apply: ApplyYes}, true, flood},
		{"OK delay before", Fault{Kind: KindDelayBefore, Delay: soon}, true, code("0000")},
		{"OK delay after", Fault{Kind: KindDelayAfter, Delay: soon}, true, code("0000")},
		{"OK truncated", Fault{Kind: KindTruncated}, true, truncated},
		{"OK cut", Fault{Kind: KindCut}, true, cut},
		{"OK drip", Fault{Kind: KindDrip, Delay: time.Microsecond}, true, code("0000")},
		{"OK stale", Fault{Kind: KindStale, Delay: time.Hour}, true, code("0000")},
		{"OK stale up to", Fault{Kind: KindStale, Delay: time.Hour, UpTo: true}, true, code("0000")},
		{"OK twice, where the second would not be refused", Fault{Kind: KindTwice}, true, code("0000")},
	}
	// In tests of inquiries, of 0A19 and of collations.
	tried := map[Kind]bool{KindWrongEcho: true, KindEarly: true, KindSumless: true, KindWrongCount: true}
	for _, tt := range tests {
		tried[tt.fault.Kind] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			b.script(Rule{Path: PathCancel, Times: 1, Fault: tt.fault})
			r := b.post(cancelPath, encode(t, flatFields("400", nil)))
			tt.saw(t, r)
			b.idle()
			state, _ := b.Original(testMerchant, testTrdNo)
			if applied := state.CancelledAmount == 400; applied != tt.applied || (!applied && state.CancelledAmount != 0) {
				t.Errorf("%d won cancelled; want applied %t", state.CancelledAmount, tt.applied)
			}
			if isOK(r) && !tt.applied {
				t.Errorf("answer %q claims what was not applied", r.body)
			}
			got := b.Received()
			if len(got) != 1 || got[0].Fault != tt.fault.Kind || got[0].Applied != tt.applied || !got[0].Done {
				t.Errorf("journal %+v; want one ended request, fault %s, applied %t", got, tt.fault.Kind, tt.applied)
			}
			if n := b.Stats().Faults[tt.fault.Kind]; n != 1 {
				t.Errorf("%d faults counted, want 1", n)
			}
			if got := b.cancel("600").ResultCode; got != "0000" {
				t.Errorf("next cancellation: %s, want 0000: the rule is used up", got)
			}
		})
	}
	for kind := range kinds {
		if !tried[kind] {
			t.Errorf("kind %s is not tried", kind)
		}
	}
}

// TestHangUntilTheClientGoes lets the client give up first: that alone ends the request.
func TestHangUntilTheClientGoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		fault  Fault
		before int // effects while the client waits
		after  int // effects when everything has ended
	}{
		{"OK never applied", Fault{Kind: KindHang}, 0, 0},
		{"OK applied", Fault{Kind: KindHang, Apply: ApplyYes}, 1, 1},
		{"OK applied late", Fault{Kind: KindHang, Apply: ApplyLate, Delay: time.Millisecond}, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			b.script(Rule{Fault: tt.fault})
			ctx, giveUp := context.WithCancel(context.Background())
			done := make(chan reply, 1)
			go func() {
				done <- b.do(ctx, "POST", cancelPath, contentJSON, strings.NewReader(encode(t, flatFields("400", nil))))
			}()
			b.await(func(s Stats) bool { return s.InProgress == 1 && s.Effects == tt.before })
			if got := b.Received()[0]; got.Done || got.Code != "" {
				t.Errorf("journal while it hangs: %+v", got)
			}
			if state, _ := b.Original(testMerchant, testTrdNo); state.InProgress != 1 {
				t.Errorf("%d in progress, want 1", state.InProgress)
			}
			giveUp()
			if r := <-done; !isTimeout(r.err) {
				t.Errorf("client saw %+v", r)
			}
			b.idle()
			if n := len(b.Effects()); n != tt.after {
				t.Errorf("%d effects, want %d", n, tt.after)
			}
			if state, _ := b.Original(testMerchant, testTrdNo); state.InProgress != 0 || state.MaxConcurrent != 1 {
				t.Errorf("%d in progress, %d at most; want 0 and 1", state.InProgress, state.MaxConcurrent)
			}
		})
	}
}

// TestDelayedThoughTheClientHasGone has the client leave before the cancellation is applied.
func TestDelayedThoughTheClientHasGone(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	b.script(Rule{Fault: Fault{Kind: KindDelayBefore, Delay: 100 * time.Millisecond}})
	ctx, giveUp := context.WithCancel(context.Background())
	done := make(chan reply, 1)
	go func() {
		done <- b.do(ctx, "POST", cancelPath, contentJSON, strings.NewReader(encode(t, flatFields("400", nil))))
	}()
	b.await(func(s Stats) bool { return s.InProgress == 1 })
	giveUp()
	<-done
	b.idle()
	if n := len(b.Effects()); n != 1 {
		t.Errorf("%d effects, want 1: the gateway does not notice that a client goes", n)
	}
}

// TestDropOverTLS drops connections where the TCP connection hides below TLS, and where there are
// only HTTP/2 streams.
func TestDropOverTLS(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"OK HTTP/1.1": false, "OK HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, err := New(Options{AutoAmount: 1000})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewUnstartedServer(sim)
			server.EnableHTTP2 = http2
			server.StartTLS()
			t.Cleanup(server.Close)
			b := &fixture{Simulator: sim, t: t, url: server.URL, client: server.Client()}
			b.script(Rule{Times: 1, Fault: Fault{Kind: KindDrop, Apply: ApplyYes}})
			body := encode(t, flatFields("400", nil))
			if r := b.post(cancelPath, body); r.err == nil {
				t.Errorf("status %d, want an error", r.status)
			}
			b.idle()
			if n := len(b.Effects()); n != 1 {
				t.Errorf("%d effects, want 1", n)
			}
			if r := b.post(cancelPath, body); !isOK(r) {
				t.Errorf("next cancellation: %+v, want success", r)
			}
		})
	}
}

// TestFaultsMoveNoMoneyWithoutAHash lets every fault that applies hit a forged request.
func TestFaultsMoveNoMoneyWithoutAHash(t *testing.T) {
	t.Parallel()
	for kind := range kinds {
		t.Run("Err"+string(kind), func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			fault := Fault{Kind: kind, Apply: ApplyYes}
			switch traits := kinds[kind]; {
			case traits.delay:
				fault.Delay = time.Microsecond
			case traits.code:
				fault.Code = "9999"
			case traits.bound:
				fault.Bound = time.Millisecond
			case traits.bytes:
				fault.Bytes = 1 << 10
			}
			path := PathCancel
			switch kind {
			case KindWrongCount:
				path = PathCollation
			case KindEarly, KindSumless:
				path = PathInquiry
			}
			b.script(Rule{Path: path, Fault: fault})
			if r := b.post(cancelPath, encode(t, with(flatFields("400", nil), fields{"pktHash": sum("forged")}))); isOK(r) {
				t.Errorf("answer %q to a forged request", r.body)
			}
			b.idle()
			if n := len(b.Effects()); n != 0 {
				t.Errorf("%d effects of a forged request", n)
			}
		})
	}
}
