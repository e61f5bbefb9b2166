package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
)

// maxAnswer bounds an answer's body, in bytes; documented ones have some hundred.
const maxAnswer = 1 << 20

var (
	errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	errClosed  = errors.New("the client is closed")
)

// staleTries bounds how often a request that could not be written to a kept-alive connection tries
// the next one.
const staleTries = 3

// reply is what came of one POST.
type reply struct {
	status  int
	body    []byte // all of it, where err is nil
	written bool   // a byte of the request may have left
	reused  bool   // over a kept-alive connection
	err     error
}

// poster POSTs requests to one gateway.
type poster struct {
	pool   *pool
	base   *url.URL
	header http.Header // shared by all requests, never changed
}

func newPoster(pool *pool, base *url.URL) *poster {
	return &poster{pool: pool, base: base, header: http.Header{
		"Content-Type": {"application/json; charset=UTF-8"},
		"Accept":       {"application/json"},
		"User-Agent":   {"settlecancel"},
	}}
}

// post sends body to path. It repeats the request only where nothing was written, because the
// kept-alive connection it was given had ended.
func (p *poster) post(ctx context.Context, path string, body []byte) (r reply) {
	g := p.pool.acquire()
	if g == nil {
		return reply{err: errClosed}
	}
	defer p.pool.release(g)
	for range staleTries {
		if ctx.Err() != nil {
			return reply{err: context.Cause(ctx)}
		}
		r = p.try(ctx, g.transport, path, body)
		if r.err == nil || r.written || !r.reused {
			break
		}
	}
	return r
}

// try sends the request once.
func (p *poster) try(ctx context.Context, transport *http.Transport, path string, body []byte) reply {
	var sent sending
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: sent.gotConn})
	resp, err := transport.RoundTrip(p.request(ctx, path, body))
	if err != nil {
		written := sent.seal()
		if sent.conn != nil && !written && ctx.Err() == nil {
			err = errSpoken // net/http words it in many ways
		}
		return reply{written: written, reused: sent.reused, err: because(ctx, err)}
	}
	defer resp.Body.Close()
	if !sent.wrote() && !sent.seal() {
		return reply{reused: sent.reused, err: errSpoken}
	}
	r := reply{status: resp.StatusCode, written: true, reused: sent.reused}
	if r.status == http.StatusSwitchingProtocols {
		return r // what follows is no body
	}
	r.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		r.err = because(ctx, fmt.Errorf("the answer broke off: %w", err))
	case len(r.body) > maxAnswer:
		r.err = errTooLong
	}
	return r
}

// request is made by hand, without the GetBody of [http.NewRequest]: with it, net/http would repeat
// a request when it thinks that nothing was written, and after a failed TLS write it cannot know.
func (p *poster) request(ctx context.Context, path string, body []byte) *http.Request {
	target := *p.base
	target.Path += path
	r := &http.Request{
		Method:        http.MethodPost,
		URL:           &target,
		Host:          target.Host,
		Header:        p.header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
	}
	return r.WithContext(ctx)
}

// sending watches one request on its connection.
type sending struct {
	conn   *conn // nil: it got none
	mark   uint64
	reused bool
}

// gotConn runs in RoundTrip's goroutine, before anything is written.
func (s *sending) gotConn(info httptrace.GotConnInfo) {
	s.conn, s.reused = info.Conn.(*conn), info.Reused
	s.mark = s.conn.claim()
}

func (s *sending) wrote() bool { return s.conn != nil && s.conn.wrote(s.mark) }

// seal makes sure that the request is not written later, and reports whether it was before.
func (s *sending) seal() bool { return s.conn != nil && s.conn.seal(s.mark) }

// because puts the cause of a context's end in front of an error that it led to.
func because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w (%w)", cause, err)
}
