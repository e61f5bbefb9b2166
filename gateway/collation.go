package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// CollationRequest asks for one day's list of a merchant's transactions of one payment method.
type CollationRequest struct {
	MchtID string
	// Method is the payment method's two letters: of an easy payment, its provider's, as
	// settlebank.InquiryMethods has them.
	Method string
	// Date is the day, yyyyMMdd, Korean time.
	Date string
}

func (r CollationRequest) String() string {
	return "list of " + r.MchtID + "/" + r.Method + " for " + r.Date
}

// CollationRecord is one line of a list: table "Daily collation" of protocol.md,
// without the customer's name.
type CollationRecord struct {
	MchtID, Method string
	// TrdNo is the transaction's number at the gateway: of a cancellation, what an answer calls
	// canTrdNo.
	TrdNo string
	// MchtTrdNo is the merchant's number of it; may be empty.
	MchtTrdNo string
	// OwnID reports whether MchtTrdNo of a cancellation is the request's own: the merchant's protocol
	// is 0A19.
	OwnID bool
	// Cancellation tells a cancellation from an approval.
	Cancellation bool
	// Time is when, to the second.
	Time time.Time
	// Amount is in KRW; in which unit the gateway lists a payment in USD, its documents do not say.
	Amount int64
	// OrgTrdNo and OrgTrdDt (yyyyMMdd) are the original's; OrgTrdNo is always set for a
	// cancellation.
	OrgTrdNo, OrgTrdDt string
	// The rest as it is listed, unchecked.
	Product, ApprovalNo, Institution, Instalments, InterestFree string
}

var (
	// ErrCollationCut says that a list ended before all its lines had come.
	ErrCollationCut = errors.New("the list is cut short")
	// ErrCollationForm says that an answer is no list as protocol.md describes it.
	ErrCollationForm = errors.New("the answer is no list of SettleBank's")

	errNoCollation = errors.New("no CollationURL is set")
)

// CollationError says why there is no list, or why the lines that came so far are not to be
// believed as a list. It wraps its cause: [ErrCollationCut], [ErrCollationForm], or that of the
// transport or the context.
type CollationError struct {
	Request CollationRequest
	// Class is Transient where asking again later may help; Misconfigured, Rejected or Unknown
	// where it will hardly.
	Class Class
	// Code is the gateway's refusal, [Local] for a request that was not even made, else "".
	Code string
	// Message is the gateway's: one line of at most 200 characters, without secrets.
	Message string
	// HTTPStatus is 0 where no answer came.
	HTTPStatus int
	// Line is where the fault was found, from 1; 0 where it is of no line.
	Line int
	Err  error
}

// Error is one bounded line.
func (e *CollationError) Error() string {
	text := "gateway: " + clean(e.Request.String()) + ": "
	if e.Line > 0 {
		text += fmt.Sprintf("line %d: ", e.Line)
	}
	switch {
	case e.Code != "" && e.Code != Local:
		return text + "refused with " + e.Code + " " + e.Message
	case e.Err != nil:
		return text + clean(e.Err.Error())
	}
	return text + e.Message
}

func (e *CollationError) Unwrap() error { return e.Err }

// Collation asks for a list and reads it as a stream, in bounded memory; each range over it asks
// anew, once. A list counts only when it has come to its end without an error: what is wrong with
// it, [*CollationError], may show after all its lines. Nothing found is an empty list.
//
// Options.Timeout bounds the wait for the answer and each silence within it, not the time that the
// caller takes; ctx bounds the whole. Asking moves no money, so it may be repeated.
func (c *Client) Collation(ctx context.Context, r CollationRequest) iter.Seq2[CollationRecord, error] {
	return func(yield func(CollationRecord, error) bool) {
		fail := func(e CollationError) {
			e.Request = r
			yield(CollationRecord{}, &e)
		}
		m, form, refused := c.collationForm(r)
		if refused != nil {
			fail(*refused)
			return
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		resp, done, err := c.collator.ask(ctx, cancel, r.MchtID, form)
		if err != nil {
			fail(CollationError{Class: Transient, Err: err})
			return
		}
		defer done()
		if resp.StatusCode != http.StatusOK {
			fail(CollationError{Class: statusClass(resp.StatusCode), HTTPStatus: resp.StatusCode,
				Message: fmt.Sprintf("HTTP %d", resp.StatusCode)})
			return
		}
		l := newList(r, resp.Body, collationLimits)
		for record, more := l.next(); more; record, more = l.next() {
			record.OwnID = m.Protocol == Protocol0A19
			if !yield(record, nil) {
				return
			}
		}
		if e := l.fault; e != nil {
			e.HTTPStatus = resp.StatusCode
			e.Message = clean(unescape(e.Message), m.HashKey, m.AESKey)
			if e.Class == Transient && e.Err != nil {
				e.Err = because(ctx, e.Err)
			}
			fail(*e)
		}
	}
}

// collationForm renders r, or says why it cannot be asked.
func (c *Client) collationForm(r CollationRequest) (*merchant, url.Values, *CollationError) {
	if c.collator == nil {
		return nil, nil, &CollationError{Class: Misconfigured, Code: Local, Err: errNoCollation}
	}
	m, ok := c.merchant(r.MchtID)
	if !ok {
		return nil, nil, &CollationError{Class: Misconfigured, Code: Local, Err: fmt.Errorf("merchant %q is not configured", r.MchtID)}
	}
	faults := checkDate(nil, "Date", r.Date)
	if !isMethod(r.Method) {
		faults = append(faults, "Method needs two letters A-Z")
	}
	if len(faults) > 0 {
		var all []error
		for _, f := range faults {
			all = append(all, errors.New(f))
		}
		return nil, nil, &CollationError{Class: Rejected, Code: Local, Err: errors.Join(all...)}
	}
	return m, url.Values{
		"mchtId": {r.MchtID}, "mchtTy": {"M"}, "method": {r.Method}, "pdTy": {"D"}, "trdDtSt": {r.Date},
		"pktHash": {sign(m.HashKey, r.MchtID, r.Date)},
	}, nil
}

// statusClass judges an answer that is no list by its status.
func statusClass(status int) Class {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return Transient
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return Misconfigured
	}
	return Unknown
}

// collator asks the host that has the lists.
type collator struct {
	pool     *pool
	base     *url.URL
	patience time.Duration // for the answer, and for each silence within it
	late     error         // the cause of an end after patience
}

// newCollator returns nil where no host is set. o was validated, its defaults are in place.
func newCollator(o Options, dial dialFunc) (*collator, error) {
	if o.CollationURL == "" {
		return nil, nil
	}
	base, err := parseURL("CollationURL", o.CollationURL)
	if err != nil {
		return nil, err
	}
	return &collator{
		pool: newPool(o, base, dial), base: base, patience: o.Timeout,
		late: fmt.Errorf("nothing came for %s: %w", o.Timeout, context.DeadlineExceeded),
	}, nil
}

// close closes what is idle; c may be nil.
func (c *collator) close() {
	if c != nil {
		c.pool.close()
	}
}

// ask posts form and returns the answer, whose body ends with the cause of ctx, and what to call
// when it was read. Each list takes a connection of its own: it is asked for once a day. cancel
// ends ctx.
func (c *collator) ask(ctx context.Context, cancel context.CancelCauseFunc, mchtID string, form url.Values) (*http.Response, func(), error) {
	g := c.pool.acquire()
	if g == nil {
		return nil, nil, errClosed
	}
	timer := time.AfterFunc(c.patience, func() { cancel(c.late) })
	resp, err := g.transport.RoundTrip(c.request(ctx, mchtID, form))
	timer.Stop()
	if err != nil {
		c.pool.release(g)
		return nil, nil, because(ctx, err)
	}
	body := resp.Body
	resp.Body = io.NopCloser(&impatient{body, timer, c.patience})
	return resp, func() {
		timer.Stop()
		_ = body.Close()
		c.pool.release(g)
	}, nil
}

func (c *collator) request(ctx context.Context, mchtID string, form url.Values) *http.Request {
	target := *c.base
	target.Path += "/api/pg/" + mchtID + "/transInfo.do"
	body := []byte(form.Encode())
	r := &http.Request{
		Method: http.MethodPost, URL: &target, Host: target.Host,
		Header: http.Header{
			"Content-Type": {"application/x-www-form-urlencoded; charset=UTF-8"},
			"Accept":       {"text/plain"},
			"User-Agent":   {"settlecancel"},
		},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Close: true,
	}
	return r.WithContext(ctx)
}

// impatient reads a body; its timer runs while it waits for more.
type impatient struct {
	body     io.Reader
	timer    *time.Timer
	patience time.Duration
}

func (r *impatient) Read(p []byte) (int, error) {
	r.timer.Reset(r.patience)
	defer r.timer.Stop()
	return r.body.Read(p)
}
