package dashboard

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"settlecancel/tasks/ledger"
)

// everyKind is one address of each kind of answer.
var everyKind = []string{
	"/dashboard/", "/dashboard/queues/", "/dashboard/queues/queues/default", "/dashboard/queues/api/queues", "/dashboard/queues/api/redis_info", "/dashboard/queues/favicon.ico",
	root, cancellations + "list", cancellations + "search?q=x", cancellations + "show?key=refund-x", cancellations + "show?key=nobody", cancellations + "decide?key=refund-x&as=retry",
	cancellations + "bulk?code=1002", cancellations + "style.css", cancellations + "queues.css", cancellations + "nowhere",
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("x"), ledger.Rejected)
	for _, path := range everyKind {
		got := b.see(path)
		policy := got.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: no %s in %q", path, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("%s: loose policy %q", path, policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.Header.Get(name), want)
			}
		}
		cache := got.Header.Get("Cache-Control")
		if file := strings.HasSuffix(path, ".css") || strings.HasSuffix(path, ".ico"); file != (cache == "private, no-cache") || !file && cache != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s is set", path, name)
			}
		}
		if got.Header.Get("Content-Type") == "" {
			t.Errorf("%s: no Content-Type", path)
		}
	}
}

func TestAsynqmonPage(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	script := regexp.MustCompile(`<script nonce="([A-Z2-7]+)"`)
	seen := map[string]bool{}
	for _, path := range []string{"/dashboard/queues/", "/dashboard/queues/servers", "/dashboard/queues/queues/default/tasks/x.js"} {
		got := b.see(path)
		nonces := script.FindAllStringSubmatch(got.text, -1)
		if len(nonces) != strings.Count(got.text, "<script") || len(nonces) < 3 {
			t.Fatalf("%s: %d of %d scripts carry a nonce", path, len(nonces), strings.Count(got.text, "<script"))
		}
		for _, n := range nonces {
			if n[1] != nonces[0][1] || !strings.Contains(got.Header.Get("Content-Security-Policy"), "'nonce-"+n[1]+"'") {
				t.Errorf("%s: nonce %s does not stand in the policy", path, n[1])
			}
		}
		if seen[nonces[0][1]] {
			t.Errorf("%s: the nonce was used before", path)
		}
		seen[nonces[0][1]] = true
		for _, foreign := range []string{"http://", "https://", "[[", "manifest"} {
			if strings.Contains(got.text, foreign) {
				t.Errorf("%s: holds %s", path, foreign)
			}
		}
		if !strings.Contains(got.text, `href="`+root+`"`) {
			t.Errorf("%s: no way to our pages", path)
		}
	}
	for _, file := range regexp.MustCompile(`(?:src|href)="(/dashboard/[^"]+\.[a-z]+)"`).FindAllStringSubmatch(b.see("/dashboard/queues/").text, -1) {
		got := b.see(file[1])
		if got.StatusCode != http.StatusOK || strings.HasPrefix(got.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", file[1], got.StatusCode, got.Header.Get("Content-Type"))
		}
		again := b.do(http.DefaultClient, "GET", file[1], "", "If-None-Match", got.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || again.text != "" {
			t.Errorf("%s: sent twice", file[1])
		}
	}
}

func TestForeignPages(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	x := b.put(sample("x"), ledger.Rejected)
	form := hidden(b.see(cancellations + "decide?key=refund-x&as=retry").text).Encode()
	own := "http://" + strings.TrimPrefix(b.url, "http://")
	for _, c := range []struct {
		name   string
		header []string
		ok     bool
	}{
		{"ErrCrossSite", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"ErrSameSite", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"ErrForeignOrigin", []string{"Origin", "https://evil.example"}, false},
		{"ErrNullOrigin", []string{"Origin", "null"}, false},
		{"OKOwnOrigin", []string{"Origin", own}, true},
		{"OKSameOrigin", []string{"Sec-Fetch-Site", "same-origin", "Origin", own}, true},
		{"OKNoBrowser", nil, true},
	} {
		before := b.snapshot()
		for _, path := range []string{cancellations + "decide", cancellations + "bulk", "/dashboard/queues/api/queues/default:pause", "/dashboard/queues/api/queues/default/archived_tasks/refund-x:run"} {
			if c.ok {
				break
			}
			if got := b.do(http.DefaultClient, "POST", path, form, c.header...); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %s: %d %s", c.name, path, got.StatusCode, got.text)
			}
		}
		if c.ok {
			got := b.do(http.DefaultClient, "POST", "/dashboard/queues/api/queues/default:resume", "", c.header...)
			if got.StatusCode == http.StatusForbidden {
				t.Errorf("%s: %d %s", c.name, got.StatusCode, got.text)
			}
			continue
		}
		if after := b.snapshot(); len(after) != len(before) || b.get(x.IdempotencyKey).Status != ledger.Rejected {
			t.Errorf("%s: something changed", c.name)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	asked := newFixture(t, func(o *Options) {
		o.Who = askPassword
	})
	for _, path := range everyKind {
		got := asked.see(path)
		if got.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s without credentials: %d", path, got.StatusCode)
		}
	}
	b := asked
	b.put(sample("x"), ledger.Rejected)
	basic := []string{"Authorization", "Basic a2ltOnNlY3JldA=="} // kim:secret
	page := b.do(http.DefaultClient, "GET", cancellations+"decide?key=refund-x&as=retry", "", basic...)
	if !strings.Contains(page.text, "You are kim.") {
		t.Errorf("the page does not say who asks: %d", page.StatusCode)
	}
	if got := b.do(http.DefaultClient, "POST", cancellations+"decide", hidden(page.text).Encode(), "Authorization", "Basic a2ltOndyb25n"); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", got.StatusCode)
	}
	b.do(http.DefaultClient, "POST", cancellations+"decide", hidden(page.text).Encode(), basic...)
	if r := b.get("refund-x"); len(r.Acts) != 1 || r.Acts[0].Who != "kim" {
		t.Errorf("acts %+v", r.Acts)
	}
	if got := b.do(http.DefaultClient, "GET", root, "", append(basic, "Host", "ops.example")...); got.StatusCode != http.StatusOK {
		t.Errorf("with credentials under another name: %d", got.StatusCode)
	}
}

func TestHostNames(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	for host, ok := range map[string]bool{
		"localhost": true, "LocalHost:8080": true, "127.0.0.1:8080": true, "127.9.9.9": true, "[::1]:8080": true, "dev.localhost:1": true, "localhost.": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "192.168.0.7:8080": false, "127.0.0.1.evil.example": false,
	} {
		got := b.do(http.DefaultClient, "GET", root, "", "Host", host)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusMisdirectedRequest}[ok]; got.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, got.StatusCode, want)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	b := newFixture(t, func(o *Options) { o.ReadOnly = true })
	b.archive(b.put(sample("x"), ledger.Rejected))
	before := b.snapshot()
	for _, path := range []string{"GET " + cancellations + "decide?key=refund-x&as=retry", "GET " + cancellations + "bulk?code=1002", "POST " + cancellations + "decide",
		"POST " + cancellations + "bulk", "POST /dashboard/queues/api/queues/default:pause", "POST /dashboard/queues/api/queues/default/archived_tasks/refund-x:run"} {
		method, path, _ := strings.Cut(path, " ")
		if got := b.do(http.DefaultClient, method, path, "key=refund-x&as=retry"); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s %s: %d", method, path, got.StatusCode)
		}
	}
	for _, path := range []string{root, cancellations + "list", cancellations + "list?code=1002", cancellations + "show?key=refund-x"} {
		got := b.see(path)
		if got.StatusCode != http.StatusOK || strings.Contains(got.text, `method="post"`) || strings.Contains(got.text, cancellations+"decide") || strings.Contains(got.text, cancellations+"bulk") {
			t.Errorf("%s offers to change something (%d)", path, got.StatusCode)
		}
	}
	if after := b.snapshot(); !slices.Equal(keysOf(before), keysOf(after)) || b.get("refund-x").Status != ledger.Rejected {
		t.Error("something changed")
	}
}

func TestNewWantsItsParts(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	if err == nil || !strings.Contains(err.Error(), "Redis") || !strings.Contains(err.Error(), "Client") {
		t.Errorf("New answers %v", err)
	}
}

// One who may only look sees everything, is offered nothing, and changes nothing.
func TestLooker(t *testing.T) {
	t.Parallel()
	b := newFixture(t, func(o *Options) { o.Who = askPassword })
	b.archive(b.put(sample("x"), ledger.Rejected))
	guest := []string{"Authorization", "Basic Z3Vlc3Q6c2VjcmV0"} // guest:secret
	for _, path := range []string{root, cancellations + "list", cancellations + "show?key=refund-x"} {
		got := b.do(http.DefaultClient, "GET", path, "", guest...)
		if got.StatusCode != http.StatusOK || strings.Contains(got.text, `method="post"`) || strings.Contains(got.text, cancellations+"decide") {
			t.Errorf("%s offers to change something (%d)", path, got.StatusCode)
		}
		b.want(got, "You are guest.", "Read only.")
	}
	for _, path := range []string{cancellations + "decide", cancellations + "bulk", cancellations + "ticked", "/dashboard/queues/api/queues/default:pause",
		"/dashboard/queues/api/queues/default/archived_tasks/refund-x:run"} {
		if got := b.do(http.DefaultClient, "POST", path, "key=refund-x&as=retry", guest...); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	if r := b.get("refund-x"); r.Status != ledger.Rejected || len(r.Acts) != 0 {
		t.Errorf("it is %s, acts %+v", r.Status, r.Acts)
	}
}
