package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// These tests run in bubbles of fake time, over connections in memory: none depends on the
// machine's speed.

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

// untilClosed reads until the other end hangs up.
func untilClosed(p *peer) { _, _ = io.Copy(io.Discard, p.br) }

func TestTimeouts(t *testing.T) {
	t.Parallel()
	shutdown := errors.New("shutdown")
	for _, tt := range []struct {
		name    string
		o       Options
		serve   func(*peer)
		dial    dialFunc // nil: serve
		stop    time.Duration
		class   Class
		written bool
		after   time.Duration
		cause   error
	}{
		{name: "ErrNoAnswer", serve: func(p *peer) { p.request(); untilClosed(p) },
			class: Unknown, written: true, after: 30 * time.Second, cause: context.DeadlineExceeded},
		{name: "ErrNoAnswerSetting", o: Options{Timeout: 3 * time.Second}, serve: func(p *peer) { p.request(); untilClosed(p) },
			class: Unknown, written: true, after: 3 * time.Second, cause: context.DeadlineExceeded},
		{name: "ErrNotRead", serve: func(*peer) { pass(time.Minute) }, class: Unknown, written: true, after: 30 * time.Second,
			cause: context.DeadlineExceeded},
		{name: "ErrHeaderOnly", serve: func(p *peer) {
			p.request()
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			untilClosed(p)
		}, class: Unknown, written: true, after: 30 * time.Second, cause: context.DeadlineExceeded},
		{name: "ErrDrip", serve: func(p *peer) {
			p.request()
			for b := range strings.SplitSeq(httpAnswer(200, success+strings.Repeat(" ", 1000)), "") {
				pass(time.Second)
				p.send(b)
			}
		}, class: Unknown, written: true, after: 30 * time.Second, cause: context.DeadlineExceeded},
		{name: "ErrDial", dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, class: Transient, after: 5 * time.Second, cause: context.DeadlineExceeded},
		{name: "ErrHandshake", o: Options{BaseURL: "https://gateway.test"}, serve: untilClosed,
			class: Transient, after: 5 * time.Second, cause: context.DeadlineExceeded},
		{name: "ErrDialSetting", o: Options{BaseURL: "https://gateway.test", ConnectTimeout: time.Second}, serve: untilClosed,
			class: Transient, after: time.Second, cause: context.DeadlineExceeded},
		{name: "ErrCancelledDialling", dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, stop: time.Second, class: Transient, after: time.Second, cause: shutdown},
		{name: "ErrCancelledWaiting", serve: func(p *peer) { p.request(); untilClosed(p) }, stop: time.Second,
			class: Unknown, written: true, after: time.Second, cause: shutdown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				dial := tt.dial
				if dial == nil {
					dial = (&pipes{serve: tt.serve}).dial
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				if tt.stop > 0 {
					time.AfterFunc(tt.stop, func() { cancel(shutdown) })
				}
				c := testClientOver(t, tt.o, dial)
				start := time.Now()
				out := c.Cancel(ctx, testCancel)
				if took := time.Since(start); took != tt.after {
					t.Errorf("took %s, want %s", took, tt.after)
				}
				if out.Class != tt.class || out.Written != tt.written || !errors.Is(out.Err, tt.cause) {
					t.Errorf("got %+v", out)
				}
				cancel(nil)
				c.Close()
				pass(time.Hour) // the serving ends go home
			})
		})
	}
}

// TestHugeAnswer: of a body of 20 MB no more is read than is needed to refuse it.
func TestHugeAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var accepted int
		n := &pipes{serve: func(p *peer) {
			p.request()
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
			block := make([]byte, 4096)
			for range 20_000_000 / len(block) {
				wrote, err := p.Write(block)
				accepted += wrote
				if err != nil {
					return
				}
			}
		}}
		c := testClientOver(t, Options{}, n.dial)
		out := c.Cancel(t.Context(), testCancel)
		synctest.Wait()
		if out.Class != Unknown || !out.Written || out.HTTPStatus != 200 || !errors.Is(out.Err, errTooLong) {
			t.Errorf("got %+v", out)
		}
		if accepted < maxAnswer || accepted > maxAnswer+64<<10 {
			t.Errorf("the client took %d bytes", accepted)
		}
	})
}

// TestLongestAnswer: an answer of exactly the limit counts.
func TestLongestAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &pipes{serve: func(p *peer) {
			for {
				if _, ok := p.request(); !ok {
					return
				}
				p.send(httpAnswer(200, success+strings.Repeat(" ", maxAnswer-len(success))))
			}
		}}
		c := testClientOver(t, Options{}, n.dial)
		if out := c.Cancel(t.Context(), testCancel); out.Class != OK {
			t.Errorf("got %+v", out)
		}
		c.Close()
		synctest.Wait()
	})
}

// serveAll returns every request of a connection with success.
func serveAll(p *peer) {
	for {
		if _, ok := p.request(); !ok {
			return
		}
		p.send(httpAnswer(200, success))
	}
}

// TestConnectionAge: a connection takes no request past its age, and the name is looked up again
// for the next.
func TestConnectionAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		n := &pipes{serve: func(p *peer) {
			open.Add(1)
			defer open.Add(-1)
			serveAll(p)
		}}
		c := testClientOver(t, Options{}, n.dial)
		for i := range 300 { // a request a second, for five minutes
			if out := c.Cancel(t.Context(), testCancel); out.Class != OK {
				t.Fatalf("second %d: got %+v", i, out)
			}
			synctest.Wait()
			if want := 1 + i/60; n.count() != want || open.Load() != 1 {
				t.Fatalf("second %d: %d connections were made and %d are open, want %d and 1", i, n.count(), open.Load(), want)
			}
			pass(time.Second)
		}
		pass(idleTimeout)
		synctest.Wait()
		if open.Load() != 0 {
			t.Error("an idle connection stays open")
		}
		c.Cancel(t.Context(), testCancel)
		c.Close()
		synctest.Wait()
		if open.Load() != 0 {
			t.Error("a connection survives Close")
		}
	})
}

// TestConnectionAgeInUse: a connection that outlives its generation in use is closed right after.
func TestConnectionAgeInUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var firstEnded atomic.Bool
		n := &pipes{serve: func(p *peer) {
			defer func() { firstEnded.CompareAndSwap(false, p.n == 1) }()
			for {
				if _, ok := p.request(); !ok {
					return
				}
				if p.n == 1 {
					pass(20 * time.Second)
				}
				p.send(httpAnswer(200, success))
			}
		}}
		c := testClientOver(t, Options{MaxConnAge: 10 * time.Second}, n.dial)
		done := make(chan Outcome)
		go func() { done <- c.Cancel(t.Context(), testCancel) }()
		pass(11 * time.Second)
		if out := c.Cancel(t.Context(), testCancel); out.Class != OK || n.count() != 2 {
			t.Errorf("got %+v over connection %d", out, n.count())
		}
		if out := <-done; out.Class != OK {
			t.Errorf("the older call: got %+v", out)
		}
		synctest.Wait()
		if !firstEnded.Load() {
			t.Error("the older connection stays open")
		}
		c.Close()
		synctest.Wait()
	})
}

// TestConnectionAgeLateStart: a request that took its generation before the change and looked for a
// connection after it leaves none behind.
func TestConnectionAgeLateStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		n := &pipes{serve: func(p *peer) {
			open.Add(1)
			defer open.Add(-1)
			serveAll(p)
		}}
		c := testClientOver(t, Options{}, n.dial)
		pool := c.poster.pool
		old := pool.acquire()
		pass(time.Minute)
		if young := pool.acquire(); young == old {
			t.Error("the generation did not change")
		} else {
			pool.release(young)
		}
		if r := c.poster.try(t.Context(), old.transport, "/", nil); r.err != nil || r.status != 200 {
			t.Errorf("got %+v", r)
		}
		pool.release(old)
		synctest.Wait()
		if open.Load() != 0 {
			t.Error("its connection stays open")
		}
		c.Close()
		synctest.Wait()
	})
}

// TestClose: running calls end in peace, later ones send nothing.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &pipes{serve: func(p *peer) {
			p.request()
			pass(time.Second)
			p.send(httpAnswer(200, success))
			untilClosed(p)
		}}
		c := testClientOver(t, Options{}, n.dial)
		done := make(chan Outcome)
		go func() { done <- c.Cancel(t.Context(), testCancel) }()
		synctest.Wait()
		c.Close()
		if out := <-done; out.Class != OK {
			t.Errorf("the running call: got %+v", out)
		}
		out := c.Cancel(t.Context(), testCancel)
		if out.Class != Transient || out.Written || !errors.Is(out.Err, errClosed) || n.count() != 1 {
			t.Errorf("the later call: got %+v over %d connections", out, n.count())
		}
		synctest.Wait()
	})
}
