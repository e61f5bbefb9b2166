package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestCollationTransport: what ends a list before its end is told, with its cause.
func TestCollationTransport(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0000|정상|2|\n" + lineC1
	t.Run("ErrRefused", func(t *testing.T) {
		t.Parallel()
		_, err := collate(t.Context(), testClient(t, Options{CollationURL: refusingURL(t)}), testDay)
		var e *CollationError
		if !errors.As(err, &e) || e.Class != Transient {
			t.Errorf("error %v", err)
		}
	})
	t.Run("ErrReset", func(t *testing.T) {
		t.Parallel()
		c := testClient(t, Options{CollationURL: listen(t, func(p *peer) { p.request(); p.send(head) })})
		records, err := collate(t.Context(), c, testDay)
		if !errors.Is(err, ErrCollationCut) || !errors.Is(err, io.ErrUnexpectedEOF) || len(records) != 1 {
			t.Errorf("%d records, %v", len(records), err)
		}
	})
	t.Run("ErrClosed", func(t *testing.T) {
		t.Parallel()
		c := collating(t, saying("0000|정상|0|\n"))
		c.Close()
		if _, err := collate(t.Context(), c, testDay); !errors.Is(err, errClosed) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("OKAnotherConnectionEach", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			n := &pipes{serve: func(p *peer) { p.request(); p.send(httpAnswer(200, "0000|정상|1|\n"+lineC1)) }}
			c := testClientOver(t, Options{CollationURL: "http://lists.test"}, n.dial)
			for range 2 {
				if _, err := collate(t.Context(), c, testDay); err != nil {
					t.Error(err)
				}
			}
			if n.count() != 2 || n.dials[0] != "lists.test:80" {
				t.Errorf("dials %q", n.dials)
			}
			c.Close()
			synctest.Wait()
		})
	})
}

func TestCollationSilence(t *testing.T) {
	t.Parallel()
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0000|정상|2|\n" + lineC1
	for name, serve := range map[string]func(*peer){
		"ErrNoAnswer": func(p *peer) { p.request(); untilClosed(p) },
		"ErrWithin":   func(p *peer) { p.request(); p.send(head); untilClosed(p) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := testClientOver(t, Options{CollationURL: "http://lists.test", Timeout: 7 * time.Second}, (&pipes{serve: serve}).dial)
				start := time.Now()
				_, err := collate(t.Context(), c, testDay)
				var e *CollationError
				if !errors.As(err, &e) || e.Class != Transient || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nothing came for 7s") {
					t.Errorf("error %v", err)
				}
				if took := time.Since(start); took != 7*time.Second {
					t.Errorf("it took %s", took)
				}
				c.Close()
				synctest.Wait()
			})
		})
	}
	// Neither a slow list nor a slow reader is silence.
	t.Run("OKSlow", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			n := &pipes{serve: func(p *peer) {
				p.request()
				body := "0000|정상|3|\n" + lineC1 + lineC1 + lineC1
				p.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)))
				for line := range strings.Lines(body) {
					p.send(line)
					pass(6 * time.Second)
				}
			}}
			c := testClientOver(t, Options{CollationURL: "http://lists.test", Timeout: 7 * time.Second}, n.dial)
			records := 0
			for _, err := range c.Collation(t.Context(), testDay) {
				if err != nil {
					t.Fatal(err)
				}
				records++
				pass(20 * time.Second)
			}
			if records != 3 {
				t.Errorf("%d records", records)
			}
			c.Close()
			synctest.Wait()
		})
	})
	t.Run("ErrCancelled", func(t *testing.T) {
		t.Parallel()
		cause := errors.New("had enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		c := testClient(t, Options{CollationURL: listen(t, func(p *peer) { p.request(); p.send(head); cancel(cause); untilClosed(p) })})
		if _, err := collate(ctx, c, testDay); !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	})
	// Who stops reading leaves no connection behind.
	t.Run("OKStopped", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			n := &pipes{serve: func(p *peer) { p.request(); p.send(head); untilClosed(p); close(gone) }}
			c := testClientOver(t, Options{CollationURL: "http://lists.test"}, n.dial)
			for range c.Collation(t.Context(), testDay) {
				break
			}
			<-gone
			c.Close()
			synctest.Wait()
		})
	})
}

// BenchmarkCollation reads a day of 50,000 lines, made while they are read.
func BenchmarkCollation(b *testing.B) {
	const lines = 50_000
	c := collating(b, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "0000|정상|%d|\n", lines)
		for range lines {
			_, _ = io.WriteString(w, lineC1)
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range c.Collation(b.Context(), testDay) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != lines {
			b.Fatalf("%d records", n)
		}
	}
}
