package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// call is one request on its way.
type call struct {
	api   *API
	w     http.ResponseWriter
	r     *http.Request
	id    string
	began time.Time

	op     *operation // nil where no path leads to one
	caller caller
	query  url.Values
	body   []byte
	faults []fault // found so far
	key    string  // of the cancellation that it is about

	status int      // that was answered, 0 until then
	failed *problem // that was answered
}

type callKey struct{}

// ServeHTTP returns one request. Nothing that happens on the way answers anything but a result or a
// problem.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{api: a, w: w, r: r, id: a.requestID(r), began: a.now()}
	h := w.Header()
	h.Set("X-Request-Id", c.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	defer c.log()
	defer c.recover()
	if p := screen(r); p != nil {
		c.refuse(p)
		return
	}
	a.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
}

// screen refuses what a page of another origin sends in the name of whoever looks at it, and paths
// that ServeMux would answer with a redirect.
func screen(r *http.Request) *problem {
	if clean := path.Clean(r.URL.Path); r.URL.Path != clean && (clean == "/" || r.URL.Path != clean+"/") {
		return newProblem(notFound, "no such path; see /docs")
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return newProblem(forbidden, "the request comes from a page of another origin").because(err)
	}
	return nil
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9._:@/+=-]{1,128}$`)

func (a *API) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); goodID.MatchString(id) {
		return id
	}
	return a.newID()
}

// serve carries out an operation.
func (a *API) serve(op *operation) func(huma.Context) {
	return func(hc huma.Context) {
		r, _ := humago.Unwrap(hc)
		c, _ := r.Context().Value(callKey{}).(*call)
		c.r, c.op = r, op
		answer, err := c.carryOut()
		if err != nil {
			c.refuse(refusal(c.key, err))
			return
		}
		c.answer(answer)
	}
}

func (c *call) carryOut() (*answer, error) {
	who, p := c.api.guard.identify(c.r, c.began)
	if p == nil {
		c.caller, p = c.api.guard.admit(who, c.r, c.op.role)
	}
	if p == nil && c.caller.role == producer && c.api.rate != nil {
		if wait := c.api.rate.take(c.caller.name, c.began); wait > 0 {
			p = newProblem(tooMany, "more requests than this token may make").retryAfter(wait)
		}
	}
	if p == nil {
		c.readQuery()
		p = c.readBody()
	}
	if p != nil {
		return nil, p
	}
	// What has begun is brought to its end, though nobody may be waiting for it any more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), patience)
	defer cancel()
	return c.op.carryOut(ctx, c)
}

// readQuery checks the query against what the operation takes.
func (c *call) readQuery() {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.fault("query", "cannot be read: a % is not followed by two hexadecimal digits, or a ; stands in it")
	}
	known := map[string]bool{}
	for _, p := range c.op.query {
		known[p.name] = true
		switch values := query[p.name]; {
		case len(values) > 1:
			c.fault("query."+p.name, "stands more than once")
		case len(values) == 1 && values[0] != "":
			if wrong := p.check(values[0]); wrong != "" {
				c.fault("query."+p.name, wrong)
			}
		}
	}
	for name := range query {
		if !known[name] {
			c.fault("query["+quote(name)+"]", "is not a known parameter")
		}
	}
	sortFaults(c.faults)
	c.query = query
}

// readBody reads the body, if the operation takes one.
func (c *call) readBody() *problem {
	limit := c.op.maxBody
	if limit == 0 || c.op.bodyOptional && c.r.ContentLength == 0 {
		return nil
	}
	if p := checkMediaType(c.r.Header); p != nil {
		return p
	}
	tooMuch := newProblem(tooLarge, "the body is longer than %d bytes", limit)
	if c.r.ContentLength > limit {
		return tooMuch
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	var over *http.MaxBytesError
	var net net.Error
	switch {
	case err == nil:
		c.body = body
		return nil
	case errors.As(err, &over):
		return tooMuch
	case errors.As(err, &net) && net.Timeout():
		return newProblem(timeout, "the body did not arrive in time").because(err)
	}
	return faulty([]fault{{"body", "breaks off before its end"}}).because(err)
}

func checkMediaType(h http.Header) *problem {
	given := h.Get("Content-Type")
	name, params, err := mime.ParseMediaType(given)
	if charset := params["charset"]; err != nil || name != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return newProblem(mediaType, "Content-Type is %s; application/json is taken, in UTF-8", quote(given))
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return newProblem(mediaType, "Content-Encoding is %s; the body is taken as it is, not encoded", quote(encoding))
	}
	return nil
}

func (c *call) fault(location, message string) { c.faults = append(c.faults, fault{location, message}) }

func (c *call) faultf(location, format string, args ...any) {
	c.fault(location, fmt.Sprintf(format, args...))
}

// answer is the result of an operation.
type answer struct {
	status int
	header map[string]string
	body   any
}

func (c *call) answer(a *answer) {
	body, err := encode(a.body)
	if err != nil {
		c.refuse(newProblem(internal, "the answer cannot be written").because(err))
		return
	}
	for name, value := range a.header {
		c.w.Header().Set(name, value)
	}
	c.write(a.status, "application/json", body)
}

// refuse returns a problem.
func (c *call) refuse(p *problem) {
	p.RequestID = c.id
	c.failed = p
	if c.status != 0 {
		return // too late: the answer is on its way
	}
	body, err := encode(p)
	if err != nil {
		panic(fmt.Errorf("a problem cannot be written: %w", err)) // it is made of texts
	}
	for name, values := range p.header {
		c.w.Header()[name] = values
	}
	c.write(p.Status, "application/problem+json", body)
}

func (c *call) write(status int, contentType string, body []byte) {
	c.status = status
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // who has gone does not hear it
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return out.Bytes(), err
}

func (c *call) recover() {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	c.refuse(newProblem(internal, "the request could not be carried out").because(fmt.Errorf("panic: %v\n%s", v, debug.Stack())))
}

// log tells of the request, once.
func (c *call) log() {
	level, template := slog.LevelInfo, "none"
	if c.op != nil {
		template = c.op.path
	}
	attrs := []slog.Attr{slog.String("request_id", c.id), slog.String("method", c.r.Method), slog.String("path", template),
		slog.Int("status", c.status), slog.Int64("took_ms", c.api.now().Sub(c.began).Milliseconds())}
	if c.caller.name != "" {
		attrs = append(attrs, slog.String("by", c.caller.name))
	}
	if c.key != "" {
		attrs = append(attrs, slog.String("key", c.key))
	}
	if p := c.failed; p != nil {
		attrs = append(attrs, slog.String("problem", p.Detail))
		if p.cause != nil {
			attrs = append(attrs, slog.Any("error", p.cause))
		}
		if p.Status >= 500 {
			level = slog.LevelError
		}
	}
	c.api.log.LogAttrs(c.r.Context(), level, "request", attrs...)
}
