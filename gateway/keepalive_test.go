package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestStaleConnection: an idle connection that the gateway closed costs nothing; the next request
// takes a new one.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, farewell string }{{"OK", ""}, {"OKTimeoutNotice", "HTTP/1.1 408 Request Timeout\r\n\r\n"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &pipes{serve: func(p *peer) {
					p.request()
					p.send(httpAnswer(200, success))
					if p.n > 1 {
						untilClosed(p)
					}
					p.send(tt.farewell)
				}}
				c := testClientOver(t, Options{}, n.dial)
				for i := range 2 {
					if out := c.Cancel(t.Context(), testCancel); out.Class != OK || n.count() != i+1 {
						t.Errorf("call %d: got %+v over %d connections", i+1, out, n.count())
					}
					synctest.Wait()
				}
				c.Close()
				synctest.Wait()
			})
		})
	}
}

// TestStaleConnectionInHand: a kept-alive connection that ends between being chosen and being
// written to costs nothing either; but not for ever.
func TestStaleConnectionInHand(t *testing.T) {
	t.Parallel()
	for ends, want := range map[int]Class{1: OK, staleTries - 1: OK, staleTries: Transient} {
		t.Run(fmt.Sprint("After", ends), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				open := make(chan struct{}) // the first calls are answered together, so that each needs a connection
				n := &pipes{serve: func(p *peer) { <-open; serveAll(p) }}
				c := testClientOver(t, Options{}, n.dial)
				var together sync.WaitGroup
				for range staleTries {
					together.Go(func() { c.Cancel(t.Context(), testCancel) })
				}
				synctest.Wait()
				close(open)
				together.Wait()
				ended := 0
				trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
					if ended < ends {
						ended++
						info.Conn.Close()
					}
				}}
				out := c.Cancel(httptrace.WithClientTrace(t.Context(), trace), testCancel)
				if out.Class != want || out.Written != (want == OK) || ended != ends {
					t.Errorf("%d connections ended: got %+v", ended, out)
				}
				c.Close()
				synctest.Wait()
			})
		})
	}
}

// TestReusedConnectionEnds: a request that was written to a kept-alive connection is not repeated,
// though net/http and servers would have it so.
func TestReusedConnectionEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests int
		n := &pipes{serve: func(p *peer) {
			for range 2 {
				if _, ok := p.request(); !ok {
					return
				}
				if requests++; requests != 2 {
					p.send(httpAnswer(200, success))
				}
			}
		}}
		c := testClientOver(t, Options{}, n.dial)
		if out := c.Cancel(t.Context(), testCancel); out.Class != OK {
			t.Errorf("first: got %+v", out)
		}
		out := c.Cancel(t.Context(), testCancel)
		if out.Class != Unknown || !out.Written || n.count() != 1 || requests != 2 {
			t.Errorf("second: got %+v, %d connections, %d requests", out, n.count(), requests)
		}
		synctest.Wait()
	})
}

// TestStrayAnswer: bytes left over from one answer are not taken for the next one's.
func TestStrayAnswer(t *testing.T) {
	t.Parallel()
	base := listen(t, func(p *peer) {
		for {
			body, ok := p.request()
			if !ok {
				return
			}
			p.send(answerTo(body) + answerTo(body))
		}
	})
	c := testClient(t, Options{BaseURL: base})
	var good atomic.Int32
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 50 {
				r := testCancel
				r.OrgTrdNo = fmt.Sprintf("ORG%d-%d", w, i)
				out := c.Cancel(context.Background(), r)
				switch {
				case out.Class == OK && out.CanTrdNo == r.OrgTrdNo:
					good.Add(1)
				case out.Class != Transient || out.Written: // every connection it was given had such bytes
					t.Errorf("%s: got %+v", r.OrgTrdNo, out)
				}
			}
		})
	}
	group.Wait()
	if good.Load() == 0 {
		t.Error("no call came through")
	}
}

// answerTo is an answer that names the request's orgTrdNo as the number of the cancellation.
func answerTo(body []byte) string {
	var r flatCancel
	if err := json.Unmarshal(body, &r); err != nil {
		return httpAnswer(400, err.Error())
	}
	return httpAnswer(200, `{"resultCode":"0000","canTrdNo":"`+r.OrgTrdNo+`"}`)
}
