package httpapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// kind is a type of problem. Its name is where /docs explains it.
type kind struct {
	Status int
	Name   string
	Title  string
	Help   string // for people: what it means, and what to do
}

var (
	invalid       = kind{400, "invalid", "The request has faults", "Nothing was stored. errors names every fault; mend them, and send the request again."}
	unauthorized  = kind{401, "unauthorized", "Credentials are needed", "Producers send a bearer token, ops their basic credentials."}
	forbidden     = kind{403, "forbidden", "Not allowed", "These credentials do not suffice for this, or the request comes from a page of another origin."}
	notFound      = kind{404, "not-found", "Not found", "No such path, or no cancellation under this key: it was never accepted, or is kept no longer."}
	noSuchMethod  = kind{405, "method-not-allowed", "Method not allowed", "The Allow header tells what is."}
	timeout       = kind{408, "timeout", "The request did not arrive in time", "Send it again."}
	stateConflict = kind{409, "state-conflict", "Not in its present state", "The cancellation, or its payment, is in a state in which this cannot be done; detail tells which."}
	tooLarge      = kind{413, "too-large", "The body is too large", "64 KiB are taken for one cancellation, 4 MiB for a batch."}
	mediaType     = kind{415, "unsupported-media-type", "Unsupported media type", "Send application/json in UTF-8, not compressed."}
	misdirected   = kind{421, "misdirected", "Misdirected request", "Without credentials the server answers to loopback names alone."}
	keyConflict   = kind{422, "key-conflict", "The idempotency key is another cancellation's",
		"It was used before with other parameters. Nothing was stored or changed. A further cancellation needs a key of its own."}
	amountConflict = kind{422, "amount-conflict", "The payment has another amount",
		"orgTrdAmt, or what is to be cancelled, does not agree with what was said of this payment before. Nothing was stored."}
	soFarConflict = kind{409, "so-far-conflict", "The payment is not cancelled as far as cancelledSoFar says",
		"Nothing was stored. Look at the payment's cancellations: this refund may have been accepted under another key."}
	tooMany     = kind{429, "too-many-requests", "Too many requests", "Wait as long as Retry-After says."}
	internal    = kind{500, "internal-error", "Internal error", "The log tells more under the request id."}
	unavailable = kind{503, "unavailable", "Redis is away", "Nothing is confirmed. Send the same request again, with the same idempotency key, until it is answered otherwise."}
)

// kinds lists all of them.
func kinds() []kind {
	return []kind{invalid, unauthorized, forbidden, notFound, noSuchMethod, timeout, stateConflict, tooLarge, mediaType, misdirected,
		keyConflict, amountConflict, soFarConflict, tooMany, internal, unavailable}
}

func (k kind) uri() string { return "/docs#" + k.Name }

// problem is what every refusal answers, as application/problem+json (RFC 9457).
type problem struct {
	Type      string  `json:"type" doc:"Which kind of problem it is; a path of this server where it is explained."`
	Title     string  `json:"title" doc:"The kind of problem, for people."`
	Status    int     `json:"status" doc:"The HTTP status."`
	Detail    string  `json:"detail" doc:"What happened this time, for people."`
	RequestID string  `json:"requestId,omitempty" doc:"X-Request-Id of the answer, by which the log names the request."`
	Errors    []fault `json:"errors,omitempty" doc:"Every fault of the request."`

	header http.Header
	cause  error // for the log alone
}

// fault is one thing wrong with a request.
type fault struct {
	Location string `json:"location" doc:"Where it is, such as body.canAmt, body.items[3].canAmt, query.limit or header.Idempotency-Key."`
	Message  string `json:"message" doc:"What is wrong."`
}

func newProblem(k kind, detail string, args ...any) *problem {
	return &problem{Type: k.uri(), Title: k.Title, Status: k.Status, Detail: fmt.Sprintf(detail, args...), header: http.Header{}}
}

// Error, GetStatus, GetHeaders and ContentType make huma answer a problem as it is.
func (p *problem) Error() string           { return p.Detail }
func (p *problem) GetStatus() int          { return p.Status }
func (p *problem) GetHeaders() http.Header { return p.header }

// ContentType is that of RFC 9457.
func (p *problem) ContentType(string) string { return "application/problem+json" }

func (p *problem) with(header string, values ...string) *problem {
	p.header[http.CanonicalHeaderKey(header)] = values
	return p
}

// retryAfter says when to come again, in whole seconds.
func (p *problem) retryAfter(wait time.Duration) *problem {
	return p.with("Retry-After", strconv.FormatFloat(max(1, math.Ceil(wait.Seconds())), 'f', 0, 64))
}

func (p *problem) because(err error) *problem {
	p.cause = err
	return p
}

// faulty says what is wrong with a request.
func faulty(faults []fault) *problem {
	p := newProblem(invalid, "%s %s", faults[0].Location, faults[0].Message)
	if n := len(faults) - 1; n > 0 {
		p.Detail += fmt.Sprintf("; and %d more", n)
	}
	p.Errors = faults
	return p
}

// patience is what Retry-After says while Redis is away, and how long one request waits for it.
const (
	comeAgain = 2 * time.Second
	patience  = 10 * time.Second
)

// refusal returns the problem that an error of tasks or of the ledger stands for.
func refusal(key string, err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, tasks.ErrConflict):
		return newProblem(keyConflict, "%s was used before with other parameters; GET /v1/cancellations/%[1]s shows them", key)
	case errors.Is(err, ledger.ErrAmount):
		return newProblem(amountConflict, "%s was not accepted: %v", key, err)
	case errors.Is(err, ledger.ErrPrecondition): // 409, not 412: that one is for conditions in headers
		return newProblem(soFarConflict, "%s was not accepted: %v", key, err)
	case errors.Is(err, ledger.ErrFull):
		return newProblem(stateConflict, "%s was not accepted: the payment has as many cancellations as the gateway has rounds", key)
	case errors.Is(err, ledger.ErrNotFound):
		return newProblem(notFound, "no cancellation under this key: it was never accepted, or is kept no longer")
	case errors.Is(err, ledger.ErrBusy):
		return newProblem(stateConflict, "a request or an inquiry of %s is under way; wait for what it brings, then decide again", key).retryAfter(comeAgain)
	case errors.Is(err, ledger.ErrCursor):
		return faulty([]fault{{"query.cursor", "is not one that this listing answered"}})
	case errors.Is(err, ledger.ErrDamaged):
		return newProblem(internal, "the record of %s cannot be read", key).because(err)
	}
	return newProblem(unavailable, "Redis did not answer, so nothing is confirmed; repeat the request as it is").retryAfter(comeAgain).because(err)
}
