package httpapi

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

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
		if target, inside := strings.CutPrefix(m[1], "#"); inside && !ids[target] || !inside && m[1] != "/openapi.json" {
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
