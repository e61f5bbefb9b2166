package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

var documentFile = flag.String("document", "", "file to write the OpenAPI document to, for make openapi")

// document reads the OpenAPI document, as any client would, and checks it against the rules of
// OpenAPI 3.1.
func (d *desk) document() (*v3.Document, validator.Validator) {
	d.Helper()
	res := d.want(get("/openapi.json"), http.StatusOK)
	if got := res.header.Get("Content-Type"); got != "application/json" {
		d.Errorf("Content-Type %q", got)
	}
	doc, err := libopenapi.NewDocument(res.body)
	if err != nil {
		d.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		d.Fatal(errs)
	}
	if ok, faults := v.ValidateDocument(); !ok {
		for _, f := range faults {
			d.Errorf("document: %s: %s %+v", f.Message, f.Reason, f.SchemaValidationErrors)
		}
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		d.Fatal(err)
	}
	return &model.Model, v
}

// generic is a client that knows of the API what the document says, and checks what it sends and
// gets against it.
type generic struct {
	*desk
	doc *v3.Document
	v   validator.Validator
}

func newGeneric(d *desk) *generic {
	doc, v := d.document()
	return &generic{d, doc, v}
}

// operation finds an operation by its id.
func (g *generic) operation(id string) (path, method string, op *v3.Operation) {
	g.Helper()
	for path, item := range g.doc.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			if op.OperationId == id {
				return path, strings.ToUpper(method), op
			}
		}
	}
	g.Fatalf("the document has no operation %s", id)
	return "", "", nil
}

// do carries an operation out, with the example of the document for a body where none is given.
func (g *generic) do(id string, params map[string]string, body any) (status int, header http.Header, answer []byte) {
	g.Helper()
	path, method, op := g.operation(id)
	query := ""
	header = http.Header{}
	for _, p := range op.Parameters {
		value, given := params[p.Name]
		switch {
		case !given && p.Required != nil && *p.Required:
			g.Fatalf("%s needs %s", id, p.Name)
		case !given:
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
		case p.In == "query":
			query += "&" + p.Name + "=" + value
		case p.In == "header":
			header.Set(p.Name, value)
		}
	}
	var raw []byte
	if op.RequestBody != nil {
		media := op.RequestBody.Content.GetOrZero("application/json")
		if body == nil {
			if err := media.Example.Decode(&body); err != nil {
				g.Fatal(err)
			}
		}
		var err error
		if raw, err = json.Marshal(body); err != nil {
			g.Fatal(err)
		}
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(g.Context(), method, g.url+path+"?"+strings.TrimPrefix(query, "&"), bytes.NewReader(raw))
	if err != nil {
		g.Fatal(err)
	}
	req.Header = header
	req.SetBasicAuth("kim", opsPassword)
	if ok, faults := g.v.ValidateHttpRequest(req); !ok {
		for _, f := range faults {
			g.Errorf("%s: the request is not as documented: %s: %s %+v", id, f.Message, f.Reason, f.SchemaValidationErrors)
		}
	}
	req.Body = io.NopCloser(bytes.NewReader(raw))
	return g.checked(id, req)
}

// checked sends a request, and checks the answer against the document.
func (g *generic) checked(id string, req *http.Request) (int, http.Header, []byte) {
	g.Helper()
	res, err := g.http.Do(req)
	if err != nil {
		g.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		g.Fatal(err)
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	if ok, faults := g.v.ValidateHttpResponse(req, res); !ok {
		for _, f := range faults {
			g.Errorf("%s: the answer is not as documented: %s: %s %+v\n%s", id, f.Message, f.Reason, f.SchemaValidationErrors, answer)
		}
	}
	return res.StatusCode, res.Header, answer
}

// A client that knows nothing but the document can do all that the API does.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	g := newGeneric(newDesk(t, closed()))
	wantStatus := func(what string, got, want int, answer []byte) {
		t.Helper()
		if got != want {
			t.Errorf("%s: status %d, want %d: %s", what, got, want, answer)
		}
	}
	status, header, answer := g.do("accept", nil, nil)
	wantStatus("accept", status, 202, answer)
	var accepted report.Record
	decode(t, answer, &accepted)
	key := strings.TrimPrefix(header.Get("Location"), pathCancellations+"/")
	if key != accepted.IdempotencyKey || key == "" {
		t.Errorf("Location %q", header.Get("Location"))
	}
	status, header, answer = g.do("accept", map[string]string{"Idempotency-Key": key}, nil)
	wantStatus("accept again", status, 202, answer)
	if header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("header %v", header)
	}
	status, _, answer = g.do("acceptMany", map[string]string{"queue": "bulk"}, nil)
	wantStatus("acceptMany", status, 200, answer)
	for _, status := range ledger.Statuses() {
		g.reach("at-"+string(status), status)
		code, _, answer := g.do("show", map[string]string{"key": "at-" + string(status)}, nil)
		wantStatus("show", code, 200, answer)
		code, _, answer = g.do("list", map[string]string{"status": string(status), "limit": "2"}, nil)
		wantStatus("list", code, 200, answer)
	}
	status, _, answer = g.do("retry", map[string]string{"key": "at-review"}, nil)
	wantStatus("retry", status, 202, answer)
	status, _, answer = g.do("resolve", map[string]string{"key": "at-rejected"}, nil)
	wantStatus("resolve", status, 200, answer)
	status, _, answer = g.do("list", nil, nil)
	wantStatus("list", status, 200, answer)

	other := map[string]any{}
	decode(t, []byte(cancellationOf("at-queued", 7)), &other)
	for what, r := range map[string]struct {
		id     string
		params map[string]string
		body   any
		want   int
	}{
		"conflict": {"accept", nil, other, 422}, "nobody": {"show", map[string]string{"key": "nobody"}, nil, 404},
		"ended": {"retry", map[string]string{"key": "at-cancelled"}, nil, 409}, "closed": {"resolve", map[string]string{"key": "at-cancelled"}, nil, 409},
	} {
		status, _, answer := g.do(r.id, r.params, r.body)
		wantStatus(what, status, r.want, answer)
	}
}

// Refusals are as documented, too.
func TestOpenAPIProblems(t *testing.T) {
	t.Parallel()
	o := closed()
	o.RatePerToken = 4
	g := newGeneric(newDesk(t, o))
	seen := map[int]bool{}
	for _, r := range []request{
		{method: "POST", path: pathCancellations, body: "{}", token: otherToken}, {method: "GET", path: pathCancellations, token: shopToken},
		{method: "GET", path: location("k")}, {method: "POST", path: pathCancellations, body: strings.Repeat(" ", maxOne+1), token: shopToken},
		{method: "POST", path: pathCancellations + ":batch", body: "[]", token: shopToken}, {method: "GET", path: location("k"), token: shopToken},
		{method: "GET", path: location("k"), token: shopToken}, {method: "GET", path: location("k"), token: shopToken},
		{method: "GET", path: location("k"), token: shopToken}, {method: "POST", path: location("k") + "/retry", token: shopToken},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, g.url+r.path, strings.NewReader(r.body))
		if err != nil {
			t.Fatal(err)
		}
		if r.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		if r.token != "" {
			req.Header.Set("Authorization", "Bearer "+r.token)
		}
		status, _, _ := g.checked(r.path, req)
		seen[status] = true
	}
	for _, status := range []int{400, 401, 403, 404, 413, 429} {
		if !seen[status] {
			t.Errorf("no answer of status %d was tried", status)
		}
	}
}

// The document is made of what is configured: what is optional, and what needs credentials.
func TestOpenAPIOptions(t *testing.T) {
	t.Parallel()
	open, _ := newDesk(t, Options{DefaultMchtID: "shop"}).document()
	d := newDesk(t, closed())
	shut, _ := d.document()
	if *documentFile != "" {
		if err := os.WriteFile(*documentFile, d.want(get("/openapi.json"), http.StatusOK).body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Contains(open.Components.Schemas.GetOrZero("CancellationRequest").Schema().Required, "mchtId") {
		t.Error("mchtId is required though there is a default")
	}
	for path, item := range shut.Paths.PathItems.FromOldest() {
		for _, op := range item.GetOperations().FromOldest() {
			for _, s := range op.Security {
				if s.ContainsEmptyRequirement {
					t.Errorf("%s needs no credentials", path)
				}
			}
			if op.Summary == "" || op.Description == "" || op.OperationId == "" {
				t.Errorf("%s lacks a text", path)
			}
		}
	}
	for _, s := range shut.Components.Schemas.FromOldest() {
		for name, property := range s.Schema().Properties.FromOldest() {
			if p := property.Schema(); p.Description == "" {
				t.Errorf("property %s has no description: %+v", name, property.GetReference())
			}
		}
	}
}
