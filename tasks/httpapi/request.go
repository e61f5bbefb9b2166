package httpapi

import (
	"bytes"
	"context"
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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// call is one request on its way.
type call struct {
	api   *API
	w     http.ResponseWriter // may compress
	plain http.ResponseWriter // the caller's own
	r     *http.Request
	id    string
	began time.Time

	op     *operation // nil where no path leads to one
	caller caller
	body   []byte
	faults []fault // found so far
	key    string  // of the cancellation that it is about

	status  int      // that was answered, 0 until then
	problem *problem // that was answered
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// noting notes the status that is answered.
type noting struct {
	http.ResponseWriter
	c *call
}

func (n noting) WriteHeader(status int) {
	if n.c.status == 0 {
		n.c.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (n noting) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// ServeHTTP returns one request. Nothing that happens on the way answers anything but a result or a
// problem.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{api: a, r: r, id: a.requestID(r), began: a.now()}
	c.plain = noting{w, c}
	c.w = c.plain
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
	a.handler.ServeHTTP(c.w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
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

// enter lets a request through to its operation, or refuses it.
func (a *API) enter(hc huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(hc)
	c := callOf(r.Context())
	c.r, c.w, c.op = r, w, a.ops[hc.Operation().OperationID]
	p := c.admit()
	if p == nil {
		c.checkQuery(hc.Operation().Parameters)
		if p = c.readBody(); p == nil && len(c.faults) > 0 && c.op.maxBody == 0 {
			p = faulty(c.faults) // there is no body whose faults could be named with them
		}
	}
	if p != nil {
		c.refuse(p)
		return
	}
	next(hc)
}

// admit checks who is asking, and how often.
func (c *call) admit() *problem {
	who, p := c.api.guard.identify(c.r, c.began)
	if p == nil {
		c.caller, p = c.api.guard.admit(who, c.r, c.op.role)
	}
	if p == nil && c.caller.role == producer && c.api.rate != nil {
		if wait := c.api.rate.take(c.caller.name, c.began); wait > 0 {
			p = newProblem(tooMany, "more requests than this token may make").retryAfter(wait)
		}
	}
	return p
}

// checkQuery checks the query against the parameters that the operation takes. huma reads it after
// that, and would pass over what is unknown, stands twice or cannot be read.
func (c *call) checkQuery(parameters []*huma.Param) {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.fault("query", "cannot be read: a % is not followed by two hexadecimal digits, or a ; stands in it")
	}
	var taken []string
	for _, p := range parameters {
		if p.In != "query" {
			continue
		}
		taken = append(taken, p.Name)
		switch values := query[p.Name]; {
		case len(values) > 1:
			c.fault("query."+p.Name, "stands more than once")
		case len(values) == 1 && values[0] != "":
			if wrong := c.api.wrong(p.Schema, values[0]); wrong != "" {
				c.faultf("query."+p.Name, "is %s; %s", quote(values[0]), wrong)
			}
		}
	}
	for name := range query {
		if !slices.Contains(taken, name) {
			c.faultf("query["+quote(name)+"]", "is not a known parameter; this call takes %s", listOf(taken))
		}
	}
	sortFaults(c.faults)
}

// wrong returns what a value of the query breaks of a schema, "" where it breaks nothing.
func (a *API) wrong(s *huma.Schema, text string) string {
	var value any = text
	if s.Type == huma.TypeInteger {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return "expected a whole number"
		}
		value = int(n)
	}
	var result huma.ValidateResult
	huma.Validate(a.huma.OpenAPI().Components.Schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, value, &result)
	for _, err := range result.Errors {
		if d, ok := err.(huma.ErrorDetailer); ok {
			return d.ErrorDetail().Message
		}
	}
	return ""
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
		c.body = bytes.TrimPrefix(body, []byte("\ufeff")) // as files may begin with it
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

// refuse returns a problem.
func (c *call) refuse(p *problem) {
	c.failed(p)
	if c.status != 0 {
		return // too late: the answer is on its way
	}
	var body bytes.Buffer
	if err := huma.DefaultJSONFormat.Marshal(&body, p); err != nil {
		panic(fmt.Errorf("a problem cannot be written: %w", err)) // it is made of texts
	}
	for name, values := range p.header {
		c.w.Header()[name] = values
	}
	c.write(p.Status, p.ContentType(""), body.Bytes())
}

// failed notes why a request is refused, for the log.
func (c *call) failed(p *problem) *problem {
	p.RequestID = c.id
	c.problem = p
	return p
}

func (c *call) write(status int, contentType string, body []byte) {
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // who has gone does not hear it
}

func (c *call) recover() {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	c.w = c.plain
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
	if p := c.problem; p != nil {
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
