package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// The Korean page says everything in Korean.
func TestDocsKorean(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	all, err := languages()
	if err != nil {
		t.Fatal(err)
	}
	korean := all[1]
	missed := map[string]string{}
	korean.missed = func(text string) { missed[text] = "" }
	if _, err := newDocsPage(d.api.huma.OpenAPI(), korean, all); err != nil {
		t.Fatal(err)
	}
	if len(missed) > 0 {
		list, _ := json.MarshalIndent(missed, "", "  ")
		t.Errorf("docs.ko.json lacks %s", list)
	}
	for text, words := range korean.words {
		if words == "" || strings.Count(text, "%") != strings.Count(words, "%") {
			t.Errorf("%q stands as %q", text, words)
		}
	}
	page := string(d.want(get("/docs/ko"), http.StatusOK).body)
	if !strings.Contains(page, `<html lang="ko">`) || !strings.Contains(page, `href="/docs"`) {
		t.Errorf("the page is %.300s", page)
	}
}

// The examples name the server that the page came from, and nothing that a header smuggles in.
func TestDocsHost(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for _, c := range []struct{ host, proto, want string }{
		{"pay.example:8443", "https", "https://pay.example:8443/v1/cancellations"},
		{"127.0.0.1:18080", "", "http://127.0.0.1:18080/v1/cancellations"},
		{"[::1]:80", "", "http://[::1]:80/v1/cancellations"},
		{"x\"><script>", "", docsHost + "/v1/cancellations"},
	} {
		r := httptest.NewRequest("GET", "/docs", nil)
		r.Host = c.host
		r.Header.Set("X-Forwarded-Proto", c.proto)
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "<script") {
			t.Errorf("%s: no %s", c.host, c.want)
		}
	}
}

// The page for people loads nothing, runs nothing, and tells everything.
func TestDocs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	res := d.want(get("/docs"), http.StatusOK)
	page := string(res.body)
	if got := res.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	policy := res.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "http") {
		t.Errorf("policy %q", policy)
	}
	for _, forbidden := range []string{"<script", "src=", "@import", "url(", "style=", "<link", "javascript:"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	if handlers := regexp.MustCompile(`<[^>]*\son[a-z]+=`).FindString(page); handlers != "" {
		t.Errorf("the page holds %q", handlers)
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %s stands twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if target, inside := strings.CutPrefix(m[1], "#"); inside && !ids[target] || !inside && m[1] != "/openapi.json" && m[1] != "/docs" && m[1] != "/docs/ko" {
			t.Errorf("the page leads to %s", m[1])
		}
	}
	for _, k := range kinds() {
		if !ids[k.Name] {
			t.Errorf("problem %s is not explained", k.Name)
		}
	}
	for _, op := range d.api.ops {
		if !ids[op.id] || !strings.Contains(page, "<b>"+op.method+"</b> "+op.path) {
			t.Errorf("operation %s is not described", op.id)
		}
	}
	if strings.Contains(page, "&lt;nil&gt;") || strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "[]") {
		t.Error("the page shows something raw")
	}
}
