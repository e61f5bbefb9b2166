package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

// What the parts of the document refer to.
const (
	schemaPrefix   = "#/components/schemas/"
	schemeProducer = "producer"
	schemeOps      = "ops"

	tagCancellations = "cancellations"
	tagDecisions     = "decisions"
	tagEvents        = "events"
)

// description is the document without its operations, for huma to complete.
func description(version string) huma.Config {
	return huma.Config{Formats: huma.DefaultFormats, DefaultFormat: "application/json", OpenAPI: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "settlecancel", Version: cmp.Or(version, "dev"),
			Description: "Cancels payments at SettleBank. What is accepted is never lost and never applied twice.",
			Contact:     &huma.Contact{Name: "Whoever runs this server", URL: "/docs"},
			License:     &huma.License{Name: "MIT", Identifier: "MIT"}},
		Servers: []*huma.Server{{URL: "/"}},
		Tags: []*huma.Tag{
			{Name: tagCancellations, Description: "For order systems: hand cancellations over, and look at what became of them."},
			{Name: tagDecisions, Description: "For people: decide on dead letters."},
			{Name: tagEvents, Description: "For order systems: be told how a cancellation ended."},
		},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry(schemaPrefix, schemaName),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				schemeProducer: {Type: "http", Scheme: "bearer", Description: "A producer's token (API_TOKENS)."},
				schemeOps:      {Type: "http", Scheme: "basic", Description: "The credentials of ops (OPS_USER, OPS_PASSWORD)."},
			},
		},
	}}
}

// describe is what the document says of an operation, but for its parameters and its answer, which
// huma takes from their types.
func (a *API) describe(op *operation) huma.Operation {
	return huma.Operation{OperationID: op.id, Method: op.method, Path: op.path, Tags: []string{op.tag},
		Summary: op.summary, Description: op.description, DefaultStatus: op.status,
		Security: a.security(op.role), Responses: a.responses(op),
		SkipValidateParams: true} // enter has checked them
}

// describeBody adds the body of an operation to the document. huma is told of it only now: it would
// read the body itself, and by encoding/json, which takes a field that stands twice.
func (a *API) describeBody(op *operation) {
	if op.maxBody == 0 {
		return
	}
	a.huma.OpenAPI().Paths[op.path].Post.RequestBody = &huma.RequestBody{
		Required: !op.bodyOptional, Description: fmt.Sprintf("At most %d KiB.", op.maxBody>>10),
		Content: map[string]*huma.MediaType{"application/json": {Schema: a.request(op.body), Example: op.example}}}
}

// schemaName names a schema after its type, but where a generated client would hide a name of its
// own language: TypeScript has a Record and an Event.
func schemaName(t reflect.Type, hint string) string {
	switch name := huma.DefaultSchemaNamer(t, hint); name {
	case "Record":
		return "Cancellation"
	case "Event":
		return "CancellationEvent"
	case "Data":
		return "EventData"
	default:
		return name
	}
}

// describeWebhook adds to the document what WEBHOOK_URL is sent.
func (a *API) describeWebhook() {
	header := func(name, doc string) *huma.Param {
		return &huma.Param{Name: name, In: "header", Required: true, Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	a.huma.OpenAPI().Webhooks = map[string]*huma.PathItem{"cancellationEnded": {Post: &huma.Operation{
		OperationID: "cancellationEnded", Method: http.MethodPost, Tags: []string{tagEvents}, Summary: "A cancellation ended, or became a dead letter",
		Description: "Sent to WEBHOOK_URL after the Standard Webhooks convention, at least once, those of one cancellation in the order of seq. " +
			"Check the signature, keep the webhook-id, and answer with any 2xx within 15 s; do the work after that. Anything else is tried again for more " +
			"than a day, with pauses up to an hour or as long as Retry-After says. 410 ends it at once.",
		Security: []map[string][]string{},
		Parameters: []*huma.Param{
			header("webhook-id", "Names the event, and stays the same when it is told again: whoever has seen it does nothing."),
			header("webhook-timestamp", "When it was sent, in seconds since 1970. Refuse what is older than five minutes."),
			header("webhook-signature", "v1, and the base64 of HMAC-SHA256 over webhook-id, webhook-timestamp and the body, joined by full stops. "+
				"The key is what WEBHOOK_SECRET holds after whsec_, decoded from base64."),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {
			Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[events.Event](), true, ""), Example: exampleEvent()}}},
		Responses: map[string]*huma.Response{
			"204": {Description: "It is taken. Any other 2xx says the same."},
			"410": {Description: "It is wanted no more, and given up at once."},
		},
	}}}
}

// exampleEvent is the event that the document shows.
func exampleEvent() events.Event {
	return events.Event{ID: "evt_zppvuwpc45aswezz7ebhmxlc", Type: events.Prefix + string(ledger.Cancelled), Seq: 1,
		Timestamp: time.Date(2023, 12, 15, 5, 30, 22, 144e6, time.UTC),
		Data: events.Data{IdempotencyKey: "refund-20231215-0001", MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_il0211129135810M1494620",
			OrgMchtTrdNo: "ORDER20231215143022", OrgTrdDt: "20231215", CanAmt: 500, Status: ledger.Cancelled,
			CanTrdNo: "STFP_CANCnxca_jt_il0211129135900M1494621", Code: "0021", Message: "정상처리"}}
}

// security tells which credentials an operation needs. Where it is open, none will do too.
func (a *API) security(need role) []map[string][]string {
	all := []map[string][]string{{schemeOps: {}}}
	open := a.guard.ops == nil
	if need == producer {
		all = append([]map[string][]string{{schemeProducer: {}}}, all...)
		open = len(a.guard.tokens) == 0
	}
	if open {
		all = append(all, map[string][]string{})
	}
	return all
}

// responses lists what an operation may answer.
func (a *API) responses(op *operation) map[string]*huma.Response {
	all := map[string]*huma.Response{strconv.Itoa(op.status): {Description: http.StatusText(op.status), Headers: map[string]*huma.Param{
		"X-Request-Id": {Description: "Names the request, in the log too.", Schema: &huma.Schema{Type: huma.TypeString}}}}}
	possible := append([]kind{invalid, unauthorized, misdirected, tooMany, internal, unavailable}, op.problems...)
	if op.role == ops || op.method != http.MethodGet {
		possible = append(possible, forbidden)
	}
	if op.maxBody > 0 {
		possible = append(possible, timeout, tooLarge, mediaType)
	}
	for _, k := range possible {
		if other := all[strconv.Itoa(k.Status)]; other != nil {
			other.Description += " " + k.Title + ". " + k.Help
			continue
		}
		all[strconv.Itoa(k.Status)] = &huma.Response{Description: k.Title + ". " + k.Help, Headers: problemHeaders(k),
			Content: map[string]*huma.MediaType{"application/problem+json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "")}}}
	}
	return all
}

func problemHeaders(k kind) map[string]*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	switch k.Status {
	case unauthorized.Status:
		return map[string]*huma.Param{"WWW-Authenticate": {Description: "How to log in.", Schema: text}}
	case tooMany.Status, unavailable.Status:
		return map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait.", Schema: text}}
	}
	return nil
}

// addDocuments serves the document, for machines and for people, and what is neither that nor an
// operation.
func (a *API) addDocuments() error {
	document, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		return fmt.Errorf("httpapi: OpenAPI document: %w", err)
	}
	spoken, err := languages()
	if err != nil {
		return fmt.Errorf("httpapi: %w", err)
	}
	for _, l := range spoken {
		page, err := newDocsPage(a.huma.OpenAPI(), l, spoken)
		if err != nil {
			return fmt.Errorf("httpapi: %s: %w", l.Path, err)
		}
		a.handleDocument(l.Path, func(c *call) {
			c.w.Header().Set("Content-Security-Policy", page.policy)
			c.w.Header().Set("Content-Language", l.Code)
			c.write(http.StatusOK, "text/html; charset=utf-8", page.of(c.r))
		})
	}
	a.addElsewhere()
	a.handleDocument("/openapi.json", func(c *call) { c.write(http.StatusOK, "application/json", document) })
	return nil
}

func (a *API) handleDocument(path string, f func(*call)) {
	a.handle("GET "+path, f)
	a.handle(path, func(c *call) {
		c.refuse(newProblem(noSuchMethod, "this path takes GET, HEAD").with("Allow", "GET, HEAD"))
	})
}
