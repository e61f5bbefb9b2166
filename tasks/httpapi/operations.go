package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

const pathCancellations = "/v1/cancellations"

// operation is one thing that the API does: its route, its checks and what the document says of it.
type operation struct {
	id, method, path     string
	summary, description string
	role                 role

	query        []parameter
	idempotent   bool   // takes the key in its header
	maxBody      int64  // bytes; 0 is no body
	bodyOptional bool   // only there
	body         string // schema of the body
	example      any    // of the body

	status   int // of success
	answer   reflect.Type
	header   map[string]string // of success, and what they mean
	problems []kind

	carryOut func(context.Context, *call) (*answer, error)
}

// parameter is one of the query.
type parameter struct {
	name, description string
	schema            *huma.Schema
	check             func(value string) (wrong string)
}

// operations are what an API does.
func (a *API) operations() []*operation {
	record := reflect.TypeFor[report.Record]()
	return []*operation{{
		id: "accept", method: http.MethodPost, path: pathCancellations, role: producer, summary: "Accept a cancellation",
		description: "202 says that it is stored and will be carried out exactly once, and answers its record. Whatever else happens, " +
			"the same request with the same key may be sent again, and must be until it is answered: a repeat changes nothing, " +
			"and answers the record as it is by then.",
		query: []parameter{queueParameter()}, idempotent: true,
		maxBody: maxOne, body: "CancellationRequest", example: exampleRequest(),
		status: http.StatusAccepted, answer: record, header: map[string]string{
			"Location": "Where the record is.", "Idempotent-Replayed": "true where it had been accepted before; left out else."},
		problems: []kind{stateConflict, keyConflict}, carryOut: a.accept,
	}, {
		id: "acceptMany", method: http.MethodPost, path: pathCancellations + ":batch", role: producer, summary: "Accept many cancellations",
		description: fmt.Sprintf("Takes 1 to %d cancellations, each by itself: the answer tells what became of each, in the same order, "+
			"and 200 says no more than that. Each carries its own idempotency key. Send those again that were refused with status 503.", maxItems),
		query: []parameter{queueParameter()}, maxBody: maxBatch, body: "BatchRequest", example: map[string]any{"items": []any{exampleRequest()}},
		status: http.StatusOK, answer: reflect.TypeFor[batch](), carryOut: a.acceptMany,
	}, {
		id: "show", method: http.MethodGet, path: pathCancellations + "/{key}", role: producer, summary: "Look at a cancellation",
		description: "Its parameters, its status, every attempt, the outcome, and what people decided.",
		status:      http.StatusOK, answer: record, problems: []kind{notFound}, carryOut: a.show,
	}, {
		id: "list", method: http.MethodGet, path: pathCancellations, role: producer, summary: "List cancellations",
		description: "queued, sending and unknown come in the order in which they are due. rejected, exhausted and review are the dead letters " +
			"that wait for a decision, the latest first. What has ended, and all where no status is given, comes in no order, " +
			"and now and then twice.",
		query: []parameter{statusParameter(), limitParameter(), {name: "cursor", description: "nextCursor of the page before, of the same status.",
			schema: &huma.Schema{Type: huma.TypeString}, check: func(string) string { return "" }}},
		status: http.StatusOK, answer: reflect.TypeFor[page](), carryOut: a.list,
	}, {
		id: "retry", method: http.MethodPost, path: pathCancellations + "/{key}/retry", role: ops, summary: "Take a dead letter back to work",
		description: "A rejected or exhausted one is queued with a new budget. One in review is verified again, never simply sent.",
		maxBody:     maxOne, bodyOptional: true, body: "RetryRequest", example: map[string]any{"note": "the merchant's limit was raised", "by": "kim"},
		status: http.StatusAccepted, answer: record, problems: []kind{notFound, stateConflict}, carryOut: a.retry,
	}, {
		id: "resolve", method: http.MethodPost, path: pathCancellations + "/{key}/resolve", role: ops, summary: "End a cancellation by a person's word",
		description: "Somebody knows what became of the money. Nothing will be sent any more.",
		maxBody:     maxOne, body: "ResolveRequest", example: map[string]any{"as": "cancelled", "note": "seen in the merchant console", "by": "kim"},
		status: http.StatusOK, answer: record, problems: []kind{notFound, stateConflict}, carryOut: a.resolve,
	}}
}

func queueParameter() parameter {
	queues := []string{tasks.QueueUrgent, tasks.QueueDefault, tasks.QueueBulk}
	return choice("queue", "Of ten that wait in all queues, six of urgent are carried out, three of default, one of bulk.", queues, tasks.QueueDefault)
}

func statusParameter() parameter {
	var all []string
	for _, s := range ledger.Statuses() {
		all = append(all, string(s))
	}
	return choice("status", "Those of this status alone.", all, "")
}

// choice is a parameter that takes one of some values.
func choice(name, description string, from []string, otherwise string) parameter {
	schema := &huma.Schema{Type: huma.TypeString}
	for _, value := range from {
		schema.Enum = append(schema.Enum, value)
	}
	if otherwise != "" {
		schema.Default = otherwise
	}
	return parameter{name, description, schema, func(value string) string {
		if slices.Contains(from, value) {
			return ""
		}
		return fmt.Sprintf("is %s, must be one of %s", quote(value), strings.Join(from, " "))
	}}
}

func limitParameter() parameter {
	least, most := 1.0, float64(maxLimit)
	schema := &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Default: defaultLimit}
	return parameter{"limit", "How many records a page holds.", schema, func(value string) string {
		if n, err := strconv.ParseUint(value, 10, 16); err == nil && 1 <= n && n <= maxLimit {
			return ""
		}
		return fmt.Sprintf("is %s, must be a number from 1 to %d", quote(value), maxLimit)
	}}
}

// add makes an operation known to whom it is asked of, and to the document.
func (a *API) add(op *operation) {
	described := a.describe(op)
	a.described = append(a.described, described)
	a.huma.OpenAPI().AddOperation(described)
	a.huma.Adapter().Handle(described, a.serve(op))
}

// addElsewhere returns what no operation does: paths that there are not, and methods that a path
// does not take.
func (a *API) addElsewhere() {
	for path, item := range a.huma.OpenAPI().Paths {
		var allowed []string
		if item.Get != nil {
			allowed = append(allowed, http.MethodGet, http.MethodHead)
		}
		if item.Post != nil {
			allowed = append(allowed, http.MethodPost)
		}
		a.handle(path, func(c *call) {
			c.refuse(newProblem(noSuchMethod, "this path takes %s", strings.Join(allowed, ", ")).with("Allow", strings.Join(allowed, ", ")))
		})
	}
	a.handle("/", func(c *call) { c.refuse(newProblem(notFound, "no such path; see /docs")) })
}

func (a *API) handle(pattern string, f func(*call)) {
	a.mux.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(callKey{}).(*call)
		f(c)
	})
}
