package gateway

import (
	"bytes"
	"fmt"
	"net/http"
)

// answer is what a complete, valid body says.
type answer struct {
	code, message string
	class         Class
	listed        bool
	canTrdNo      string // of a cancellation
	detail        Detail // of a cancellation
	cancelled     int64  // of an inquiry
	state         string // of an inquiry
	shown         bool   // of an inquiry: cancelled was told
	doubt         string // why the class is not that of the code
}

// answered judges a complete, valid answer by its status.
func answered(status int, a answer) Outcome {
	out := Outcome{Class: Unknown, Code: a.code, Listed: a.listed, HTTPStatus: status, Written: true}
	switch {
	case status == http.StatusOK:
		out.Class = a.class
	case !isClientError(status) || a.class == OK || a.class == Unknown && a.doubt != "":
		// Unknown: the status contradicts the body, or says that processing it went wrong.
	case a.listed || a.class == Misconfigured:
		out.Class = a.class
	case status == http.StatusTooManyRequests:
		out.Class = Transient
	}
	if out.Class == OK {
		out.CanTrdNo = a.canTrdNo
	}
	if out.Class == a.class {
		out.Detail = a.detail
	}
	return out
}

// unanswered judges a reply whose body is no complete, valid answer: it may not be the gateway's at
// all.
func unanswered(r reply) Outcome {
	out := Outcome{Class: Unknown, HTTPStatus: r.status, Written: true}
	out.Message = fmt.Sprintf("HTTP %d, and a body of %d bytes that is no complete answer of the gateway", r.status, len(r.body))
	if !isClientError(r.status) || namesResult(r.body) {
		return out
	}
	switch r.status {
	case http.StatusRequestTimeout: // nobody says how far the request went
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		out.Class = Misconfigured
	default:
		out.Class = Transient
	}
	return out
}

// failed judges a reply that never became one.
func failed(r reply, what string) Outcome {
	out := Outcome{Class: Transient, HTTPStatus: r.status, Written: r.written}
	if r.written {
		out.Class = Unknown
	}
	out.Message = clean(r.err.Error())
	out.Err = &exchangeError{what: what, err: r.err}
	return out
}

func unknownMerchant(id string) Outcome {
	return refused(Misconfigured, fmt.Sprintf("merchant %q is not configured", id))
}

// refused is the outcome of a request that is not even made.
func refused(class Class, why string) Outcome {
	return Outcome{Class: class, Code: Local, Message: clean(why)}
}

func isClientError(status int) bool { return status >= 400 && status < 500 }

// namesResult reports whether a body names a field of the gateway's results: what says so is a
// damaged answer, not one from something in front of the gateway.
func namesResult(body []byte) bool {
	return bytes.Contains(body, []byte("resultCode")) || bytes.Contains(body, []byte("outRsltCd"))
}

// exchangeError is a failed exchange. Its text is one bounded line, whatever the peer put into the
// cause's.
type exchangeError struct {
	what string
	err  error
}

func (e *exchangeError) Error() string {
	return "gateway: " + clean(e.what) + ": " + clean(e.err.Error())
}

func (e *exchangeError) Unwrap() error { return e.err }
