package dashboard

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// ui is what asynqmon's browser application is made of: one page, whatever the path, and the files
// that it names.
type ui struct {
	page   string // with the marks below
	assets map[string]asset
}

// What a page gets anew for every answer.
const (
	markNonce = "[[nonce]]"
	markLink  = "[[link]]"
)

// uiPolicy lets nothing run but the scripts that carry this answer's nonce. Its style library hands
// the nonce on.
const uiPolicy = "default-src 'none'; script-src 'nonce-%[1]s'; style-src 'self' 'nonce-%[1]s'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

var (
	foreignLink = regexp.MustCompile(`<link[^>]*href="https?:[^>]*>`)
	// shortID is where asynqmon's script cuts a task's id at its first hyphen. That fits random ids; of
	// ours, which are idempotency keys, it leaves "refund" in every row.
	shortID      = regexp.MustCompile(`function (\w+)\(e\)\{var t=e\.indexOf\("-"\);return-1===t\?e:e\.substr\(0,t\)\}`)
	manifestLink = regexp.MustCompile(`<link[^>]*rel="manifest"[^>]*>`)
	assetLink    = regexp.MustCompile(`(?:src|href)="(` + queues + `[^"]+)"`)
)

// newUI reads page and files from asynqmon's own handler.
func newUI(asynqmon http.Handler) (ui, error) {
	raw, err := fetch(asynqmon, queues)
	if err != nil {
		return ui{}, err
	}
	page := manifestLink.ReplaceAllString(foreignLink.ReplaceAllString(string(raw), ""), "")
	u, whole := ui{assets: map[string]asset{}}, false
	for _, found := range assetLink.FindAllStringSubmatch(page, -1) {
		body, err := fetch(asynqmon, found[1])
		if err != nil {
			return ui{}, err
		}
		if shortID.Match(body) {
			body, whole = shortID.ReplaceAll(body, []byte("function $1(e){return e}")), true
		}
		u.assets[found[1]] = newAsset(found[1], body)
	}
	var missing []error
	if !whole {
		missing = append(missing, errors.New("dashboard: asynqmon's script does not shorten ids any more where it did"))
	}
	for _, change := range [][2]string{
		{"<script", `<script nonce="` + markNonce + `"`},
		{"</head>", `<meta property="csp-nonce" content="` + markNonce + `"/><link rel="stylesheet" href="` + cancellations + `queues.css"/></head>`},
		{`<div id="root">`, markLink + `<div id="root">`},
	} {
		if !strings.Contains(page, change[0]) {
			missing = append(missing, fmt.Errorf("dashboard: asynqmon's page holds no %s any more", change[0]))
		}
		page = strings.ReplaceAll(page, change[0], change[1])
	}
	if strings.Contains(page, `="http`) {
		missing = append(missing, errors.New("dashboard: asynqmon's page names a foreign host"))
	}
	u.page = page
	return u, errors.Join(missing...)
}

// serve returns a file, or the page: its script reads the path.
func (u ui) serve(w http.ResponseWriter, r *http.Request, t map[string]string) {
	if file, ok := u.assets[r.URL.Path]; ok {
		file.serve(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, queues+"static/") {
		plain(w, http.StatusNotFound, "no such file")
		return
	}
	nonce := rand.Text()
	link := `<a class="to-ours" href="` + root + `">` + html.EscapeString(t["nav.ours"]) + `</a>`
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(uiPolicy, nonce))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = strings.NewReplacer(markNonce, nonce, markLink, link).WriteString(w, u.page)
}

// asset is a file that does not change while the process lives.
type asset struct {
	body        []byte
	contentType string
	tag         string
}

func newAsset(name string, body []byte) asset {
	sum := sha256.Sum256(body)
	contentType := mime.TypeByExtension(path.Ext(name))
	if path.Ext(name) == ".ico" || contentType == "" {
		contentType = http.DetectContentType(body)
	}
	return asset{body: body, contentType: contentType, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "private, no-cache") // asked for again each time, sent again only where it has changed
	h.Set("ETag", a.tag)
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(a.body)
}

// memory is a response that is kept.
type memory struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }
func (m *memory) WriteHeader(status int)      { m.status = status }

func fetch(h http.Handler, path string) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("dashboard: asynqmon: %w", err)
	}
	m := &memory{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(m, r)
	if m.status != http.StatusOK || m.body.Len() == 0 {
		return nil, fmt.Errorf("dashboard: asynqmon answers %d with %d bytes to %s", m.status, m.body.Len(), path)
	}
	return m.body.Bytes(), nil
}
