package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

const pathCancellations = "/v1/cancellations"

// operation is one thing that the API does: what the document says of it beside its parameters and
// its answer, and what is checked before it is carried out.
type operation struct {
	id, method, path     string
	tag                  string
	summary, description string
	role                 role

	maxBody      int64  // bytes; 0 is no body
	bodyOptional bool   // only there
	body         string // schema of the body
	example      any    // of the body

	status   int // of success
	problems []kind
}

// What stands in a path or a query, and what is answered.
type (
	keyed struct {
		Key string `path:"key" pattern:"^[A-Za-z0-9._:-]{1,64}$" doc:"The idempotency key."`
	}
	acceptanceOfMany struct {
		Queue queue `query:"queue" default:"default" doc:"Of ten that wait in all queues, six of urgent are carried out, three of default, one of bulk."`
	}
	acceptance struct {
		Queue queue  `query:"queue" default:"default" doc:"Of ten that wait in all queues, six of urgent are carried out, three of default, one of bulk."`
		Key   string `header:"Idempotency-Key" pattern:"^([A-Za-z0-9._:-]{1,64}|\"[A-Za-z0-9._:-]{1,64}\")$" doc:"The idempotency key, where the body does not hold it; as it is, or in quotes as a string of RFC 8941. Where both are given they must agree."`
	}
	listing struct {
		Status       status `query:"status" doc:"Those of this status alone; of rejected, exhausted and review those that wait for a decision."`
		MchtID       string `query:"mchtId" maxLength:"12" doc:"Those of this merchant alone."`
		OrgMchtTrdNo string `query:"orgMchtTrdNo" maxLength:"100" doc:"Those of this order alone."`
		OrgTrdNo     string `query:"orgTrdNo" maxLength:"50" doc:"Those of this payment alone."`
		From         string `query:"from" pattern:"^[0-9]{8}$" doc:"Those accepted on this day or later: yyyyMMdd in Korean time."`
		To           string `query:"to" pattern:"^[0-9]{8}$" doc:"Those accepted on this day or earlier: yyyyMMdd in Korean time."`
		Limit        int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many records a page holds."`
		Cursor       string `query:"cursor" doc:"nextCursor of the page before, of the same question."`
	}

	accepted struct {
		Location string `header:"Location" doc:"Where the record is."`
		Replayed string `header:"Idempotent-Replayed" doc:"true where it had been accepted before; left out else."`
		Body     report.Record
	}
	shown  struct{ Body report.Record }
	listed struct{ Body page }
	many   struct{ Body batch }
)

// queue and status are texts that are one of a few.
type (
	queue  string
	status string
)

// Schema lists the queues.
func (queue) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: []any{tasks.QueueUrgent, tasks.QueueDefault, tasks.QueueBulk}}
}

// Schema lists the statuses.
func (status) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: statusEnum()}
}

func statusEnum() (all []any) {
	for _, s := range ledger.Statuses() {
		all = append(all, string(s))
	}
	return all
}

// addOperations makes the operations known to whom they are asked of, and to the document.
func (a *API) addOperations() {
	register(a, operation{
		id: "accept", method: http.MethodPost, path: pathCancellations, tag: tagCancellations, role: producer, summary: "Accept a cancellation",
		description: "202 says that it is stored and will be carried out exactly once, and answers its record. Whatever else happens, " +
			"the same request with the same key may be sent again, and must be until it is answered: a repeat changes nothing, " +
			"and answers the record as it is by then.",
		maxBody: maxOne, body: "CancellationRequest", example: exampleRequest(),
		status: http.StatusAccepted, problems: []kind{stateConflict, soFarConflict, keyConflict, amountConflict},
	}, a.accept)
	register(a, operation{
		id: "acceptMany", method: http.MethodPost, path: pathCancellations + ":batch", tag: tagCancellations, role: producer, summary: "Accept many cancellations",
		description: fmt.Sprintf("Takes 1 to %d cancellations, each by itself: the answer tells what became of each, in the same order, "+
			"and 200 says no more than that. Each carries its own idempotency key. Send those again that were refused with status 503.", maxItems),
		maxBody: maxBatch, body: "BatchRequest", example: map[string]any{"items": []any{exampleRequest()}},
		status: http.StatusOK,
	}, a.acceptMany)
	register(a, operation{
		id: "show", method: http.MethodGet, path: pathCancellations + "/{key}", tag: tagCancellations, role: producer, summary: "Look at a cancellation",
		description: "Its parameters, its status, every attempt, the outcome, and what people decided.",
		status:      http.StatusOK, problems: []kind{notFound},
	}, a.show)
	register(a, operation{
		id: "list", method: http.MethodGet, path: pathCancellations, tag: tagCancellations, role: producer, summary: "List cancellations",
		description: "Of any status, what has ended too: the latest acceptance first, none twice. An order number, or the number of a payment, " +
			"leads to its cancellations at once; else the days are walked.",
		status: http.StatusOK,
	}, a.list)
	register(a, operation{
		id: "retry", method: http.MethodPost, path: pathCancellations + "/{key}/retry", tag: tagDecisions, role: ops, summary: "Take a dead letter back to work",
		description: "A rejected or exhausted one is queued with a new budget. One in review is verified again, never simply sent.",
		maxBody:     maxOne, bodyOptional: true, body: "RetryRequest", example: map[string]any{"note": "the merchant's limit was raised", "by": "kim"},
		status: http.StatusAccepted, problems: []kind{notFound, stateConflict},
	}, a.retry)
	register(a, operation{
		id: "resolve", method: http.MethodPost, path: pathCancellations + "/{key}/resolve", tag: tagDecisions, role: ops, summary: "End a cancellation by a person's word",
		description: "Somebody knows what became of the money. Nothing will be sent any more.",
		maxBody:     maxOne, body: "ResolveRequest", example: map[string]any{"as": "cancelled", "note": "seen in the merchant console", "by": "kim"},
		status: http.StatusOK, problems: []kind{notFound, stateConflict},
	}, a.resolve)
}

// register makes one operation known. What has begun is brought to its end, though nobody may be
// waiting for it any more.
func register[In, Out any](a *API, op operation, carryOut func(context.Context, *call, *In) (*Out, error)) {
	a.ops[op.id] = &op
	huma.Register(a.huma, a.describe(&op), func(ctx context.Context, in *In) (*Out, error) {
		c := callOf(ctx)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		out, err := carryOut(ctx, c, in)
		if err != nil {
			return nil, c.failed(refusal(c.key, err))
		}
		return out, nil
	})
	a.describeBody(&op)
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
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c := callOf(r.Context())
		c.w = w // which may compress
		f(c)
	})
}
