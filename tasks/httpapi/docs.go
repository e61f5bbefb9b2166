package httpapi

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

//go:embed docs.ko.json
var docsKorean []byte

//go:embed examples/receiver.py
var docsReceiver string

// language is one that the document is shown to people in. What it has no words for stands in
// English.
type language struct {
	Code, Name, Path string
	words            map[string]string
	missed           func(string) // for tests: is told of what has no words
}

func languages() ([]language, error) {
	var korean map[string]string
	if err := json.Unmarshal(docsKorean, &korean); err != nil {
		return nil, fmt.Errorf("docs.ko.json: %w", err)
	}
	return []language{{Code: "en", Name: "English", Path: "/docs"}, {Code: "ko", Name: "한국어", Path: "/docs/ko", words: korean}}, nil
}

// t translates a text.
func (l language) t(text string) string {
	if known, ok := l.words[text]; ok {
		return known
	}
	if l.missed != nil && text != "" {
		l.missed(text)
	}
	return text
}

// answer translates what stands at a status: often the titles and the help of problems.
func (l language) answer(text string) string {
	said := false
	for _, k := range kinds() {
		if english := k.Title + ". " + k.Help; strings.Contains(text, english) {
			text, said = strings.Replace(text, english, l.t(k.Title)+". "+l.t(k.Help), 1), true
		}
	}
	if said {
		return text
	}
	return l.t(text)
}

// docsPage is the OpenAPI document for people: one page made here, which loads nothing and runs
// nothing.
type docsPage struct {
	html   []byte
	policy string // Content-Security-Policy
}

func newDocsPage(doc *huma.OpenAPI, in language, all []language) (docsPage, error) {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"sorted":  func(m map[string]*huma.Response) []string { return slices.Sorted(maps.Keys(m)) },
		"type":    in.typeOf,
		"ref":     refOf,
		"fields":  fieldsOf,
		"curl":    curl,
		"example": exampleOf,
		"about":   aboutHeader,
		"t":       in.t,
		"answer":  in.answer,
	}).Parse(docsHTML)
	if err != nil {
		return docsPage{}, err
	}
	var webhooks []*huma.Operation
	for _, name := range slices.Sorted(maps.Keys(doc.Webhooks)) {
		webhooks = append(webhooks, doc.Webhooks[name].Post)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{
		"Doc": doc, "Language": in.Code, "Languages": all, "Operations": operationsOf(doc), "Webhooks": webhooks, "Receiver": docsReceiver,
		"Schemas": doc.Components.Schemas.Map(), "Kinds": kinds(), "Style": template.CSS(docsCSS),
	}); err != nil {
		return docsPage{}, err
	}
	sum := sha256.Sum256([]byte(docsCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return docsPage{out.Bytes(), policy}, nil
}

// docsHost is the server of the examples, in whose place each reader sees the one that was asked.
const docsHost = "http://127.0.0.1:8080"

var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// of returns the page with the server that a request was sent to in its examples.
func (p docsPage) of(r *http.Request) []byte {
	if !plainHost.MatchString(r.Host) {
		return p.html
	}
	scheme := "http://"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https://"
	}
	return bytes.ReplaceAll(p.html, []byte(docsHost), []byte(scheme+r.Host))
}

// aboutHeader returns what is said of a header of an answer.
func aboutHeader(h *huma.Header) string { return cmp.Or(h.Description, h.Schema.Description) }

// exampleOf returns the example of a body.
func exampleOf(op *huma.Operation) (string, error) {
	body, err := json.MarshalIndent(op.RequestBody.Content["application/json"].Example, "", "  ")
	return string(body), err
}

// operationsOf returns the operations as people read them: by path, what is asked for most first.
func operationsOf(doc *huma.OpenAPI) (all []*huma.Operation) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, op := range []*huma.Operation{doc.Paths[path].Post, doc.Paths[path].Get} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

// docsField is one field of a schema.
type docsField struct {
	Name     string
	Required bool
	*huma.Schema
}

// fieldsOf returns the fields of an object, those first that are required.
func fieldsOf(s *huma.Schema) (all []docsField) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		all = append(all, docsField{name, slices.Contains(s.Required, name), s.Properties[name]})
	}
	slices.SortStableFunc(all, func(a, b docsField) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return all
}

// refOf returns the name of the schema that s, or each part of it, refers to.
func refOf(s *huma.Schema) string {
	if s.Items != nil {
		s = s.Items
	}
	return strings.TrimPrefix(s.Ref, schemaPrefix)
}

// typeOf says what a value may be.
func (l language) typeOf(s *huma.Schema) string {
	words := []string{l.t(s.Type)}
	say := func(format string, args ...any) { words = append(words, fmt.Sprintf(l.t(format), args...)) }
	if s.Format != "" && s.Format != "int64" {
		say(s.Format)
	}
	if len(s.Enum) > 0 {
		words = nil
		say("one of %s", strings.Trim(fmt.Sprint(s.Enum), "[]"))
	}
	if s.Pattern != "" {
		say("matching %s", s.Pattern)
	}
	if s.MaxLength != nil {
		say("of at most %d characters", *s.MaxLength)
	}
	if s.MaxItems != nil {
		say("of at most %d", *s.MaxItems)
	}
	if s.Minimum != nil && s.Maximum != nil {
		say("from %.0f to %.0f", *s.Minimum, *s.Maximum)
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// curl shows how to call an operation.
func curl(op *huma.Operation) (string, error) {
	login := `-H "Authorization: Bearer $TOKEN"`
	if _, forProducers := op.Security[0][schemeProducer]; !forProducers {
		login = `--user "$OPS_USER:$OPS_PASSWORD"`
	}
	key, _ := exampleRequest()["idempotencyKey"].(string)
	lines := []string{"curl " + login, docsHost + strings.ReplaceAll(op.Path, "{key}", key)}
	if op.Method != http.MethodGet {
		lines[0] += " -X " + op.Method
	}
	if op.RequestBody != nil {
		body, err := json.MarshalIndent(op.RequestBody.Content["application/json"].Example, "  ", "  ")
		if err != nil {
			return "", err
		}
		lines = append(lines, `-H "Content-Type: application/json"`, "--data '"+string(body)+"'")
	}
	return strings.Join(lines, " \\\n  "), nil
}
