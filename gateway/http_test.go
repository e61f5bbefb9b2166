package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const refusal = `{"resultCode":"1002","resultMsg":"금액 초과","canTrdNo":null}`

// TestStatuses: what each status means, with each kind of body.
func TestStatuses(t *testing.T) {
	t.Parallel()
	const (
		html     = "<html>\n<h1>Bad Gateway</h1></html>"
		unlisted = `{"resultCode":"XX99"}`
		internal = `{"resultCode":"9999"}`
		foreign  = `{"error":"forbidden"}`
	)
	for _, tt := range []struct {
		name   string
		status int
		body   string
		class  Class
		code   string
	}{
		{"OK", 200, success, OK, "0000"},
		{"ErrRejected", 200, refusal, Rejected, "1002"},
		{"ErrUnlisted", 200, unlisted, Unknown, "XX99"},
		{"ErrForeign", 200, foreign, Unknown, ""},
		{"ErrHTML", 200, html, Unknown, ""},
		{"ErrTrailing", 200, success + "\x00", Unknown, ""},
		{"ErrSuccessUnderCreated", 201, success, Unknown, "0000"},
		{"ErrRefusalUnderAccepted", 202, refusal, Unknown, "1002"},
		{"ErrNoContent", 204, "", Unknown, ""},
		{"ErrRedirect", 307, "", Unknown, ""},
		{"ErrRedirectWithRefusal", 302, refusal, Unknown, "1002"},
		{"ErrBadRequest", 400, html, Transient, ""},
		{"ErrBadRequestRefusal", 400, refusal, Rejected, "1002"},
		{"ErrBadRequestSuccess", 400, success, Unknown, "0000"},
		{"ErrBadRequestHalfSuccess", 400, `{"resultCode":"0000"}`, Unknown, "0000"},
		{"ErrBadRequestUnlisted", 400, unlisted, Unknown, "XX99"},
		{"ErrBadRequestInternal", 400, internal, Unknown, "9999"},
		{"ErrBadRequestDamaged", 400, success[:30], Unknown, ""},
		{"ErrUnauthorized", 401, "", Misconfigured, ""},
		{"ErrForbidden", 403, html, Misconfigured, ""},
		{"ErrForbiddenJSON", 403, foreign, Misconfigured, ""},
		{"ErrForbiddenDamaged", 403, success + success, Unknown, ""},
		{"ErrForbiddenAlready", 403, `{"resultCode":"CA12"}`, Already, "CA12"},
		{"ErrNotFound", 404, html, Misconfigured, ""},
		{"ErrRequestTimeout", 408, html, Unknown, ""},
		{"ErrConflict", 409, html, Transient, ""},
		{"ErrTooMany", 429, html, Transient, ""},
		{"ErrTooManyEmpty", 429, "", Transient, ""},
		{"ErrTooManyCode", 429, `{"resultCode":"ST41"}`, Transient, "ST41"},
		{"ErrTooManyUnlisted", 429, unlisted, Transient, "XX99"},
		{"ErrTooManySuccess", 429, success, Unknown, "0000"},
		{"ErrServer", 500, html, Unknown, ""},
		{"ErrServerSuccess", 500, success, Unknown, "0000"},
		{"ErrServerRefusal", 500, refusal, Unknown, "1002"},
		{"ErrBadGateway", 502, html, Unknown, ""},
		{"ErrUnavailable", 503, "", Unknown, ""},
		{"ErrGatewayTimeout", 504, html, Unknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Set-Cookie", "session=1")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
				if r.Header.Get("Cookie") != "" {
					t.Error("a cookie was sent back")
				}
			}))
			defer srv.Close()
			c := testClient(t, Options{BaseURL: srv.URL})
			for range 2 {
				out := c.Cancel(context.Background(), testCancel)
				_, listed := Classify(tt.code)
				got := Outcome{Class: out.Class, Code: out.Code, Listed: out.Listed, HTTPStatus: out.HTTPStatus, Written: out.Written, Err: out.Err}
				want := Outcome{Class: tt.class, Code: tt.code, Listed: listed, HTTPStatus: tt.status, Written: true}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if (out.CanTrdNo == "C1") != (tt.class == OK) {
					t.Errorf("canTrdNo %q with class %s", out.CanTrdNo, out.Class)
				}
				if out.Code == "" && out.Message == "" || strings.Contains(out.Message, "<html>") {
					t.Errorf("message %q", out.Message)
				}
			}
			if n := requests.Load(); n != 2 {
				t.Errorf("the gateway saw %d requests, want one a call", n)
			}
		})
	}
}

// TestBrokenAnswers: whatever a peer does after it read the request, the outcome is unknown, and
// nothing is repeated.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	send := func(s string) func(*peer) { return func(p *peer) { p.send(s) } }
	ok := httpAnswer(200, success)
	for _, tt := range []struct {
		name   string
		answer func(*peer)
		status int
		err    error // nil: any, or none
	}{
		{"ErrClosed", func(*peer) {}, 0, io.EOF},
		{"ErrReset", (*peer).reset, 0, syscall.ECONNRESET},
		{"ErrNotHTTP", send("SSH-2.0-OpenSSH\r\n" + strings.Repeat("x", 10_000) + "\r\n\r\n"), 0, nil},
		{"ErrInHeader", send(ok[:40]), 0, io.ErrUnexpectedEOF},
		{"ErrInBody", send(ok[:len(ok)-1]), 200, io.ErrUnexpectedEOF},
		{"ErrNoBody", send(ok[:len(ok)-len(success)]), 200, io.ErrUnexpectedEOF},
		{"ErrInBodyRefused", send(strings.TrimSuffix(httpAnswer(429, refusal), "}")), 429, io.ErrUnexpectedEOF},
		{"ErrInChunk", send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + success), 200, io.ErrUnexpectedEOF},
		{"ErrCutWithoutLength", send("HTTP/1.1 200 OK\r\n\r\n" + success[:len(success)-1]), 200, nil},
		{"ErrShortLength", send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + success), 200, nil},
		{"ErrGzip", send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"), 200, nil},
		{"ErrHeaders", send("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeaderBytes) + "\r\n\r\n"), 0, nil},
		{"ErrSwitching", send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + success), 101, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			c := testClient(t, Options{BaseURL: listen(t, func(p *peer) {
				if _, ok := p.request(); ok {
					requests.Add(1)
					tt.answer(p)
				}
			})})
			out := c.Cancel(context.Background(), testCancel)
			if out.Class != Unknown || !out.Written || out.Code != "" || out.CanTrdNo != "" || out.HTTPStatus != tt.status {
				t.Errorf("got %+v", out)
			}
			if tt.err != nil && !errors.Is(out.Err, tt.err) {
				t.Errorf("error %v does not wrap %v", out.Err, tt.err)
			}
			if out.Err != nil && (len(out.Err.Error()) > 500 || strings.Contains(out.Err.Error(), "\n")) {
				t.Errorf("error text of %d bytes: %q", len(out.Err.Error()), out.Err)
			}
			if out.Err != nil && !strings.Contains(out.Err.Error(), testCancel.OrgTrdNo) {
				t.Errorf("the error does not say which cancellation: %v", out.Err)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("the gateway saw %d requests, want 1", n)
			}
		})
	}
}

// TestInterimAnswers: 1xx are no answers.
func TestInterimAnswers(t *testing.T) {
	t.Parallel()
	c := testClient(t, Options{BaseURL: listen(t, func(p *peer) {
		if _, ok := p.request(); ok {
			p.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + httpAnswer(200, success))
		}
	})})
	if out := c.Cancel(context.Background(), testCancel); out.Class != OK {
		t.Errorf("got %+v", out)
	}
}

// TestNothingWritten: failures before the first byte are transient, whatever they are.
func TestNothingWritten(t *testing.T) {
	t.Parallel()
	secure := func(o *tls.Config) string {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
		srv.TLS = o
		srv.Config.ErrorLog = silent
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv.URL
	}
	plain := listen(t, func(p *peer) { p.send("no TLS here\r\n") })
	ended, cancel := context.WithCancelCause(context.Background())
	shutdown := errors.New("shutdown")
	cancel(shutdown)
	dnsError := &net.DNSError{Err: "no such host", Name: "gateway.test", IsNotFound: true}
	var alert *net.OpError
	var verification *tls.CertificateVerificationError
	for _, tt := range []struct {
		name string
		ctx  context.Context
		o    Options
		dial dialFunc
		is   error
		as   any
	}{
		{name: "ErrRefused", o: Options{BaseURL: refusingURL(t)}, is: syscall.ECONNREFUSED},
		{name: "ErrDNS", dial: func(context.Context, string, string) (net.Conn, error) { return nil, dnsError }, is: dnsError},
		{name: "ErrTLS11", o: Options{
			BaseURL: secure(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}),
			TLS:     &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10},
		}, as: &alert},
		{name: "ErrCertificate", o: Options{BaseURL: secure(nil)}, as: &verification},
		{name: "ErrNoTLS", o: Options{BaseURL: strings.Replace(plain, "http", "https", 1)}, as: new(tls.RecordHeaderError)},
		{name: "ErrContext", ctx: ended, o: Options{BaseURL: plain}, is: shutdown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, dial := tt.ctx, tt.dial
			if ctx == nil {
				ctx = context.Background()
			}
			if dial == nil {
				dial = (&net.Dialer{}).DialContext
			}
			out := testClientOver(t, tt.o, dial).Cancel(ctx, testCancel)
			if out.Class != Transient || out.Written || out.Code != "" || out.HTTPStatus != 0 || out.Message == "" {
				t.Errorf("got %+v", out)
			}
			if tt.is != nil && !errors.Is(out.Err, tt.is) || tt.as != nil && !errors.As(out.Err, tt.as) {
				t.Errorf("error %v (%T) does not wrap its cause", out.Err, errors.Unwrap(out.Err))
			}
		})
	}
}

// TestTLS: a trusted certificate and TLS 1.2 are enough, whatever the given settings offer; HTTP/2
// is not spoken.
func TestTLS(t *testing.T) {
	t.Parallel()
	var version atomic.Uint32
	var proto atomic.Value
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version.Store(uint32(r.TLS.Version))
		proto.Store(r.Proto)
		_, _ = io.WriteString(w, success)
	}))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	srv.StartTLS()
	defer srv.Close()
	given := &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, NextProtos: []string{"h2"}}
	c := testClient(t, Options{BaseURL: srv.URL, TLS: given})
	if out := c.Cancel(context.Background(), testCancel); out.Class != OK {
		t.Fatalf("got %+v", out)
	}
	if version.Load() != tls.VersionTLS12 || proto.Load() != "HTTP/1.1" {
		t.Errorf("got %s, %v", tls.VersionName(uint16(version.Load())), proto.Load())
	}
	if given.MinVersion != 0 || given.NextProtos[0] != "h2" || given.ServerName != "" {
		t.Errorf("the given settings were changed: %+v", given)
	}
}

// TestNoProxy: no proxy of the environment is asked.
func TestNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://proxy.test:1")
	t.Setenv("HTTPS_PROXY", "http://proxy.test:1")
	var dialled string
	c := testClientOver(t, Options{BaseURL: "https://gateway.test"}, func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = addr
		return nil, errors.New("not today")
	})
	c.Cancel(context.Background(), testCancel)
	if dialled != "gateway.test:443" {
		t.Errorf("dialled %q", dialled)
	}
}
