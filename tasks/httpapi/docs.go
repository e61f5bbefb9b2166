package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

// docsPage is the OpenAPI document for people: one page made here, which loads nothing and runs
// nothing.
type docsPage struct {
	html   []byte
	policy string // Content-Security-Policy
}

func newDocsPage(doc *huma.OpenAPI) (docsPage, error) {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"sorted": func(m map[string]*huma.Response) []string { return slices.Sorted(maps.Keys(m)) },
		"type":   typeOf,
		"ref":    refOf,
		"fields": fieldsOf,
		"curl":   curl,
	}).Parse(docsHTML)
	if err != nil {
		return docsPage{}, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, map[string]any{
		"Doc": doc, "Operations": operationsOf(doc), "Schemas": doc.Components.Schemas.Map(), "Kinds": kinds(), "Style": template.CSS(docsCSS),
	}); err != nil {
		return docsPage{}, err
	}
	sum := sha256.Sum256([]byte(docsCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return docsPage{out.Bytes(), policy}, nil
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
func typeOf(s *huma.Schema) string {
	if len(s.AnyOf) > 0 {
		return typeOf(s.AnyOf[0]) + ", or its digits as a string"
	}
	words := []string{s.Type}
	if s.Format != "" && s.Format != "int64" {
		words = append(words, s.Format)
	}
	if len(s.Enum) > 0 {
		words = []string{"one of " + strings.Trim(fmt.Sprint(s.Enum), "[]")}
	}
	if s.Pattern != "" {
		words = append(words, "matching "+s.Pattern)
	}
	if s.MaxLength != nil {
		words = append(words, fmt.Sprintf("of at most %d characters", *s.MaxLength))
	}
	if s.MaxItems != nil {
		words = append(words, fmt.Sprintf("of at most %d", *s.MaxItems))
	}
	if s.Minimum != nil && s.Maximum != nil {
		words = append(words, fmt.Sprintf("from %.0f to %.0f", *s.Minimum, *s.Maximum))
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
	lines := []string{"curl " + login, "http://127.0.0.1:8080" + strings.ReplaceAll(op.Path, "{key}", key)}
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
