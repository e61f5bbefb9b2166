package dashboard

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

//go:embed html/*.html html/*.css html/*.js
var pageFiles embed.FS

// loadPages reads each page together with what all pages share.
func loadPages() (map[string]*template.Template, error) {
	shared, err := template.ParseFS(pageFiles, "html/base.html", "html/parts.html")
	if err != nil {
		return nil, fmt.Errorf("dashboard: pages: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, name := range []string{"overview", "list", "search", "story", "decide", "bulk", "message"} {
		page, err := shared.Clone()
		if err == nil {
			page, err = page.ParseFS(pageFiles, "html/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("dashboard: page %s: %w", name, err)
		}
		pages[name] = page
	}
	return pages, nil
}

// loadStyles reads our stylesheets, of our pages and what we add to asynqmon's, and our script.
func loadStyles() (map[string]asset, error) {
	styles := map[string]asset{}
	for _, name := range []string{"style.css", "queues.css", "console.js"} {
		body, err := pageFiles.ReadFile("html/" + name)
		if err != nil {
			return nil, fmt.Errorf("dashboard: %w", err)
		}
		styles[name] = newAsset(name, body)
	}
	return styles, nil
}

// page is what every page is made from.
type page struct {
	Lang     string
	Title    string
	Section  string // the entry of the navigation that it belongs to
	Query    string // what stands in the search field
	Who      string
	ReadOnly bool
	Facts    []fact // how things stand
	Live     bool   // it refreshes itself
	Said     string // what the form before has done
	Faults   []string
	Body     any

	text map[string]string
	now  time.Time
	self *url.URL
}

// page begins an answer. Its title is the text of that key.
func (d *Dashboard) page(w http.ResponseWriter, r *http.Request, title string) *page {
	lang := d.language(w, r)
	p := &page{Lang: lang, Who: who(r), ReadOnly: d.readOnly(r), text: d.texts.of(lang), now: d.opts.Now(), self: r.URL}
	p.Title = p.T(title)
	return p
}

// render writes a page. Nothing is written before all of it is made.
func (d *Dashboard) render(w http.ResponseWriter, r *http.Request, status int, name string, p *page) {
	if p.Facts == nil {
		p.Facts = p.facts(d.stand(r.Context()))
	}
	if f, ok := d.said(w, r); ok {
		p.Said = p.T(f.Text, f.Args...)
	}
	var out bytes.Buffer
	if err := d.pages[name].ExecuteTemplate(&out, "page", p); err != nil {
		d.log.ErrorContext(r.Context(), "page not made", "page", name, "error", err)
		http.Error(w, "this page could not be made; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", p.Lang)
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// refuse returns with a page that says one thing.
func (d *Dashboard) refuse(w http.ResponseWriter, r *http.Request, status int, text string, args ...any) {
	p := d.page(w, r, "message.title")
	p.Body = p.T(text, args...)
	d.render(w, r, status, "message", p)
}

// fail returns a request that broke on the way to the ledger.
func (d *Dashboard) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		d.refuse(w, r, http.StatusNotFound, "message.unknown_key")
	case errors.Is(err, ledger.ErrDamaged):
		d.log.ErrorContext(r.Context(), "record damaged", "error", err)
		d.refuse(w, r, http.StatusInternalServerError, "message.damaged", cut(clean(err.Error()), 500))
	case r.Method == http.MethodPost:
		d.log.ErrorContext(r.Context(), "decision may not be stored", "error", err)
		d.refuse(w, r, http.StatusServiceUnavailable, "message.redis_post")
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil: // nobody is there any more
	default:
		d.log.ErrorContext(r.Context(), "ledger not read", "error", err)
		d.refuse(w, r, http.StatusServiceUnavailable, "message.redis")
	}
}

// notFound returns for what has no page.
func (d *Dashboard) notFound(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		d.refuse(w, r, http.StatusMethodNotAllowed, "message.no_page")
		return
	}
	d.refuse(w, r, http.StatusNotFound, "message.no_page")
}

// T returns the text of a key, with args in it.
func (p *page) T(key string, args ...any) string {
	text, ok := p.text[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Word returns the text for a value that may be one we have no text for: then it stands for itself.
func (p *page) Word(group, value string) string {
	return cmp.Or(p.text[group+"."+value], clean(value))
}

// Money writes an amount, see money.
func (p *page) Money(amount int64, currency string) string { return money(amount, currency, p.Lang) }

// N writes a whole number.
func (p *page) N(n int) string { return grouped(int64(n)) }

// N64 writes a whole number.
func (p *page) N64(n int64) string { return grouped(n) }

// Join writes a list of words.
func (p *page) Join(words []string) string { return strings.Join(words, ", ") }

// Clock writes a time in Korea.
func (p *page) Clock(t time.Time) string { return clock(t) }

// Short writes a time in Korea without its year.
func (p *page) Short(t time.Time) string { return t.In(settlebank.KST).Format("01-02 15:04") }

// Day writes a date that the vendor writes as yyyyMMdd.
func (p *page) Day(text string) string {
	if t, err := time.Parse("20060102", text); err == nil {
		return t.Format(time.DateOnly)
	}
	return text
}

// Stamp writes a time for machines.
func (p *page) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Ago writes how long ago t was, or how far away it is.
func (p *page) Ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := p.now.Sub(t)
	switch {
	case d < 0 && d > -time.Second, d >= 0 && d < 10*time.Second:
		return p.T("time.now")
	case d < 0:
		return p.T("time.in", p.Span(-d))
	}
	return p.T("time.ago", p.Span(d))
}

// Span writes a duration by its largest unit.
func (p *page) Span(d time.Duration) string {
	switch {
	case d < time.Second:
		return p.T("time.ms", d.Milliseconds())
	case d < 2*time.Minute:
		return p.T("time.s", int64(d.Seconds()))
	case d < 2*time.Hour:
		return p.T("time.min", int64(d.Minutes()))
	case d < 48*time.Hour:
		return p.T("time.h", int64(d.Hours()))
	default:
		return p.T("time.d", int64(d.Hours()/24))
	}
}

// Here returns this page's own address in another language.
func (p *page) Here(lang string) string {
	q := p.self.Query()
	q.Set("lang", lang)
	return p.self.Path + "?" + q.Encode()
}

// Made says when the page was made.
func (p *page) Made() string { return p.now.In(settlebank.KST).Format("15:04:05") }

// Within says how fast the gateway answered of late.
func (p *page) Within(g pulse.Gateway) string {
	if bound, known := g.Within(); known {
		return p.T("gateway.within", p.Span(bound))
	}
	return p.T("gateway.slow")
}

// column is the head of a column that a list can be sorted by.
type column struct{ Name, Text, URL, Sorted string }

// Column returns the head of a column.
func (p *page) Column(f filter, name, text string) column {
	return column{name, p.T(text), f.By(name), f.Sorted(name)}
}

// part is what a template that several pages share is made from.
type part struct {
	Page *page
	It   any
}

// With hands something to a shared template, together with the page.
func (p *page) With(it any) part { return part{p, it} }
