// Package dashboard is what ops look at: what is wrong now, the cancellations as the ledger knows
// them, the dead letters that people retry and resolve, and the queues as asynqmon shows them.
//
//	/dashboard/                  our overview
//	/dashboard/cancellations/    our other pages, made on the server
//	/dashboard/queues/           asynqmon: queues, tasks, servers. Looking, pausing and running one task are let through.
//
// asynqmon has no login, no defence against foreign pages and commands that lose tasks. It stands
// behind a wrapper that lets through what it lists (monitor.go) and keeps every browser at home
// (guard.go). A dead letter that is run from asynqmon is retried by the rules of the ledger.
package dashboard

import (
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Where the pages are.
const (
	root          = "/dashboard/"
	cancellations = root + "cancellations/"
	queues        = root + "queues/" // asynqmon's
)

// Options of a Dashboard. The zero value of each field but the first two means its default.
type Options struct {
	Redis  redis.UniversalClient // what asynqmon looks at; the caller closes it
	Client *tasks.Client         // on the same Redis

	// Who returns the person who asks, or false where it has refused the request itself. Where it
	// is nil nobody is asked, the name is "ops", and only requests to a loopback host name are
	// answered.
	Who func(http.ResponseWriter, *http.Request) (p Person, ok bool)

	Merchants []string // ids that payments are searched at, beside those of what is open or dead

	ReadOnly bool             // nothing can be changed, only seen
	Now      func() time.Time // for tests: what ages are reckoned from; default time.Now
	Logger   *slog.Logger     // default slog.Default()
}

// Person is who looks at a page.
type Person struct {
	Name      string // for the record
	LooksOnly bool   // may change nothing
}

// Dashboard is an http.Handler for everything below /dashboard/. It is safe for concurrent use.
type Dashboard struct {
	opts      Options
	log       *slog.Logger
	client    *tasks.Client
	ledger    *ledger.Ledger
	history   history
	inspector *asynq.Inspector
	texts     texts
	pages     map[string]*template.Template
	styles    map[string]asset
	seen      kept[snapshot]
	facts     kept[standing]
	walk      int // how many records of a set are looked at for one answer
	bulk      int // how many dead letters are decided on at once

	numberTime time.Duration // how long a search by number looks through days

	handler http.Handler
}

// New returns a dashboard.
func New(o Options) (*Dashboard, error) {
	var missing []error
	if o.Redis == nil {
		missing = append(missing, errors.New("dashboard: Options.Redis is missing"))
	}
	if o.Client == nil {
		missing = append(missing, errors.New("dashboard: Options.Client is missing"))
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	d := &Dashboard{opts: o, log: o.Logger, client: o.Client, ledger: o.Client.Ledger(), history: o.Client.Ledger(),
		inspector: asynq.NewInspectorFromRedisClient(o.Redis), walk: 20_000, bulk: 1_000, numberTime: numberTime}
	d.seen.life, d.facts.life = 3*time.Second, 2*time.Second
	var err error
	if d.texts, err = loadTexts(); err != nil {
		return nil, err
	}
	if d.pages, err = loadPages(); err != nil {
		return nil, err
	}
	if d.styles, err = loadStyles(); err != nil {
		return nil, err
	}
	monitor, err := newMonitor(d)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(queues, monitor)
	d.route(mux)
	d.handler = secure(sameOrigin(d.identify(mux)))
	return d, nil
}

// ServeHTTP returns one request.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// route puts our own pages in their places.
func (d *Dashboard) route(mux *http.ServeMux) {
	mux.HandleFunc(root, d.notFound)
	mux.HandleFunc("GET "+root+"{$}", d.overview)
	mux.Handle("GET "+cancellations+"{$}", http.RedirectHandler(root, http.StatusFound))
	mux.HandleFunc("GET "+cancellations+"list", d.list)
	mux.HandleFunc("GET "+cancellations+"list.csv", d.download)
	mux.HandleFunc("GET "+cancellations+"search", d.search)
	mux.HandleFunc("GET "+cancellations+"show", d.show)
	mux.HandleFunc("GET "+cancellations+"decide", d.write(d.askDecision))
	mux.HandleFunc("POST "+cancellations+"decide", d.write(d.decide))
	mux.HandleFunc("GET "+cancellations+"bulk", d.write(d.askBulk))
	mux.HandleFunc("POST "+cancellations+"bulk", d.write(d.decideBulk))
	mux.HandleFunc("POST "+cancellations+"ticked", d.write(d.askTicked))
	mux.HandleFunc("POST "+cancellations+"webhooks", d.write(d.tellAllAgain))
	for name, style := range d.styles {
		mux.HandleFunc("GET "+cancellations+name, style.serve)
	}
}

// readOnly reports whether whoever asks may change nothing.
func (d *Dashboard) readOnly(r *http.Request) bool { return d.opts.ReadOnly || person(r).LooksOnly }

// write lets a page through that changes something, unless nothing may be changed.
func (d *Dashboard) write(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if d.readOnly(r) {
			d.refuse(w, r, http.StatusForbidden, "refused.readonly")
			return
		}
		page(w, r)
	}
}
