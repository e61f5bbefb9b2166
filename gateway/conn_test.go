package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptrace"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"settlecancel/tasks/clocktest"
)

// failingWrites is a connection whose writes after the first few fail, reporting that none of their
// bytes were written.
type failingWrites struct {
	net.Conn
	good int
}

func (c *failingWrites) Write(p []byte) (int, error) {
	if c.good--; c.good < 0 {
		return 0, errors.New("broken pipe")
	}
	return c.Conn.Write(p)
}

// TestFailedWrite: a write that fails with 0 bytes may have left some all the same (TLS reports
// whole records only). So it counts as written, and the request is not repeated.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	for good := range 2 {
		t.Run(fmt.Sprint("After", good), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &pipes{serve: serveAll}
				c := testClientOver(t, Options{}, func(ctx context.Context, network, addr string) (net.Conn, error) {
					inner, err := n.dial(ctx, network, addr)
					return &failingWrites{inner, good}, err
				})
				for range good {
					if out := c.Cancel(t.Context(), testCancel); out.Class != OK {
						t.Errorf("got %+v", out)
					}
				}
				if out := c.Cancel(t.Context(), testCancel); out.Class != Unknown || !out.Written || n.count() != 1 {
					t.Errorf("got %+v over %d connections", out, n.count())
				}
				synctest.Wait()
			})
		})
	}
}

// TestEarlyAnswer: an answer that comes before the request is written is none; and then the request
// is not written.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"BeforeSending", "WhileSending"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				speak, goOn := make(chan struct{}), make(chan struct{})
				var got []byte
				n := &pipes{serve: func(p *peer) {
					<-speak
					p.send(httpAnswer(200, success))
					got, _ = io.ReadAll(p.br)
				}}
				trace := &httptrace.ClientTrace{}
				if when == "BeforeSending" {
					trace.GotConn = func(httptrace.GotConnInfo) { close(speak); synctest.Wait() }
					close(goOn)
				} else {
					trace.WroteHeaders = func() { close(speak); <-goOn } // into a buffer; nothing has left yet
				}
				c := testClientOver(t, Options{}, n.dial)
				out := c.Cancel(httptrace.WithClientTrace(t.Context(), trace), testCancel)
				if out.Class != Transient || out.Written || !errors.Is(out.Err, errSpoken) {
					t.Errorf("got %+v", out)
				}
				if when == "WhileSending" {
					close(goOn)
				}
				c.Close()
				synctest.Wait()
				if len(got) != 0 {
					t.Errorf("%q was written", got)
				}
			})
		})
	}
}

// TestConn walks through what a connection counts and forbids.
func TestConn(t *testing.T) {
	t.Parallel()
	// start returns a connection whose reader waits, the peer's end, and what the reader gets.
	start := func() (*conn, net.Conn, <-chan error) {
		ours, theirs := net.Pipe()
		c := newConn(ours)
		read := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		return c, theirs, read
	}
	finish := func(c *conn, theirs net.Conn) {
		c.Close()
		theirs.Close()
	}
	bubble := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, f)
		})
	}
	bubble("OK", func(t *testing.T) {
		c, theirs, _ := start()
		mark := c.claim()
		if c.wrote(mark) {
			t.Error("written before the write")
		}
		if n, err := c.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if !c.wrote(mark) || !c.seal(mark) {
			t.Error("the write does not count")
		}
		if _, err := c.Write([]byte("def")); err != nil {
			t.Errorf("the rest of a request: %v", err)
		}
		if next := c.claim(); c.wrote(next) || !c.wrote(mark) {
			t.Error("marks are mixed up")
		}
		finish(c, theirs)
	})
	bubble("OKCountsBeforeWriting", func(t *testing.T) {
		ours, theirs := net.Pipe() // whose other end nobody reads
		c := newConn(ours)
		go func() { _, _ = c.Read(make([]byte, 1)) }()
		mark := c.claim()
		go func() { _, _ = c.Write([]byte("abc")) }()
		synctest.Wait()
		if !c.wrote(mark) {
			t.Error("a write under way does not count")
		}
		finish(c, theirs)
	})
	bubble("ErrSealed", func(t *testing.T) {
		c, theirs, _ := start()
		mark := c.claim()
		if c.seal(mark) {
			t.Error("written before the write")
		}
		if n, err := c.Write([]byte("abc")); n != 0 || !errors.Is(err, errSealed) || c.wrote(mark) {
			t.Errorf("got %d, %v", n, err)
		}
		finish(c, theirs)
	})
	for name, speak := range map[string]func(net.Conn){
		"ErrSpoken": func(p net.Conn) { _, _ = p.Write([]byte("x")) }, "ErrEnded": func(p net.Conn) { p.Close() },
	} {
		bubble(name, func(t *testing.T) {
			c, theirs, read := start()
			mark := c.claim()
			speak(theirs)
			<-read
			synctest.Wait()
			if n, err := c.Write([]byte("abc")); n != 0 || !errors.Is(err, errSpoken) || c.wrote(mark) {
				t.Errorf("got %d, %v", n, err)
			}
			finish(c, theirs)
		})
	}
	bubble("ErrClaimOfClosed", func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := newConn(ours)
		time.AfterFunc(time.Second, func() { c.Close() })
		mark := c.claim() // nobody reads: returns when the connection is closed
		if _, err := c.Write([]byte("abc")); !errors.Is(err, errSpoken) || c.wrote(mark) {
			t.Errorf("got %v", err)
		}
		theirs.Close()
	})
}

// TestExactlyAsSaid: under load, over a gateway that ends connections at every possible moment and
// a client that changes its connections all the time, each outcome is true: OK was answered to this
// very request, not written means that the gateway never saw it, and it saw nothing twice.
func TestExactlyAsSaid(t *testing.T) {
	t.Parallel()
	const workers, calls = 8, 60
	var mu sync.Mutex
	seen := make(map[string]int)
	base := listen(t, func(p *peer) {
		for {
			if rand.IntN(8) == 0 {
				return // perhaps while a request is coming in
			}
			body, ok := p.request()
			if !ok {
				return
			}
			var r flatCancel
			if err := json.Unmarshal(body, &r); err != nil {
				t.Error(err)
			}
			mu.Lock()
			seen[r.OrgTrdNo]++
			mu.Unlock()
			whole := answerTo(body)
			switch rand.IntN(10) {
			case 0:
				return
			case 1:
				p.reset()
				return
			case 2:
				p.send(whole[:rand.IntN(len(whole))])
				return
			case 3:
				p.send(whole + whole)
			default:
				p.send(whole)
			}
		}
	})
	clock := clocktest.New(testTime)
	c := testClient(t, Options{BaseURL: base, MaxConnAge: 10 * time.Second, Now: clock.Now})
	outcomes := make([]map[string]Outcome, workers)
	var group sync.WaitGroup
	for w := range workers {
		outcomes[w] = make(map[string]Outcome)
		group.Go(func() {
			for i := range calls {
				r := testCancel
				r.OrgTrdNo = fmt.Sprintf("ORG%d-%d", w, i)
				ctx, cancel := context.WithCancel(context.Background())
				if rand.IntN(10) == 0 {
					go cancel()
				}
				outcomes[w][r.OrgTrdNo] = c.Cancel(ctx, r)
				cancel()
				clock.Advance(time.Second)
			}
		})
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	got := make(map[Class]int)
	for _, part := range outcomes {
		for number, out := range part {
			got[out.Class]++
			switch {
			case seen[number] > 1:
				t.Errorf("%s was sent %d times", number, seen[number])
			case out.Class == OK && (seen[number] != 1 || out.CanTrdNo != number):
				t.Errorf("%s: the gateway saw it %d times, and the outcome is %+v", number, seen[number], out)
			case !out.Written && seen[number] != 0:
				t.Errorf("%s was seen, and the outcome is %+v", number, out)
			case out.Written != (out.Class != Transient):
				t.Errorf("%s: %+v", number, out)
			}
		}
	}
	if got[OK] == 0 || got[Unknown] == 0 {
		t.Errorf("the test tests nothing: %v", got)
	}
	if got[OK]+got[Unknown]+got[Transient] != workers*calls {
		t.Errorf("outcomes of other classes: %v", got)
	}
}
