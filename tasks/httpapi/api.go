package httpapi

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Options of an API. The zero value of each field but Client means its default.
type Options struct {
	Client        *tasks.Client
	DefaultMchtID string   // stands in for an mchtId that was not given; default none
	MchtIDs       []string // merchants that a payment is looked for at, where none is named

	Tokens []Token       // of producers. Without any, whoever reaches the API by a loopback name is one.
	Ops    []Credentials // of ops. Without them, whoever reaches the API by a loopback name is ops.
	Proxy  *Proxy        // signs people in for what Ops guards; default none. The API itself does not believe it.

	RatePerToken float64 // requests a second, for each token; 0 is no limit

	Tracing    trace.TracerProvider // is told of each request, as part of the caller's trace; default nobody
	Version    string               // of this program, for the OpenAPI document; default "dev"
	Logger     *slog.Logger         // default slog.Default()
	Now        func() time.Time     // for tests; default time.Now
	RequestIDs func() string        // ids for requests that bring none; default random
}

// API is an http.Handler for everything but what others serve beside it. It is safe for concurrent
// use.
type API struct {
	client *tasks.Client
	ledger *ledger.Ledger
	parse  tasks.ParseOptions
	shops  []string // merchants
	guard  *guard
	proxy  *Proxy
	rate   *limiters // nil is no limit
	failed *limiters // how often failed logins of one address are logged
	log    *slog.Logger
	now    func() time.Time
	newID  func() string

	mux     *http.ServeMux
	handler http.Handler // mux, compressed, and traced where that is asked for
	huma    huma.API
	ops     map[string]*operation // by id
}

// New returns an API, or an error that names every fault of the options.
func New(o Options) (*API, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	a := &API{client: o.Client, shops: o.MchtIDs, ledger: o.Client.Ledger(), log: o.Logger, now: o.Now, newID: o.RequestIDs, mux: http.NewServeMux(),
		ops: map[string]*operation{}}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.newID == nil {
		a.newID = rand.Text
	}
	a.parse = tasks.ParseOptions{DefaultMchtID: o.DefaultMchtID, Now: a.now}
	a.guard, a.proxy = newGuard(o.Tokens, o.Ops), o.Proxy
	a.guard.proxied = o.Proxy != nil
	a.failed = newLimiters(rate.Every(time.Minute), 1, loginAddresses)
	if o.RatePerToken > 0 {
		burst := max(1, int(math.Ceil(o.RatePerToken)))
		a.rate = newLimiters(rate.Limit(o.RatePerToken), burst, len(o.Tokens)+1)
	}
	a.huma = humago.New(a.mux, description(o.Version))
	a.huma.UseMiddleware(a.enter)
	a.addOperations()
	a.describeWebhook()
	a.completeSchemas()
	compress, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false))
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	a.handler = compress(a.mux)
	if o.Tracing != nil {
		a.handler = otelhttp.NewHandler(a.handler, "api", otelhttp.WithTracerProvider(o.Tracing),
			otelhttp.WithPropagators(propagation.TraceContext{}), otelhttp.WithMeterProvider(noop.NewMeterProvider()))
	}
	return a, a.addDocuments()
}

func (o Options) check() error {
	var faults []error
	if o.Client == nil {
		faults = append(faults, errors.New("no Client"))
	}
	names, tokens := map[string]bool{}, map[string]bool{}
	for i, t := range o.Tokens {
		switch {
		case t.Name == "" || !t.Token.IsSet():
			faults = append(faults, fmt.Errorf("token %d has no name, or is empty", i+1))
		case names[t.Name], tokens[t.Token.Reveal()]:
			faults = append(faults, fmt.Errorf("token %d has the name or the value of an earlier one", i+1))
		}
		names[t.Name], tokens[t.Token.Reveal()] = true, true
	}
	people := map[string]bool{}
	for i, c := range o.Ops {
		if c.User == "" || !c.Password.IsSet() || people[c.User] {
			faults = append(faults, fmt.Errorf("person %d of ops lacks a name or a password, or has the name of an earlier one", i+1))
		}
		people[c.User] = true
	}
	if o.Proxy != nil && (o.Proxy.Header == "" || len(o.Proxy.From) == 0) {
		faults = append(faults, errors.New("the proxy lacks a header or an address"))
	}
	if o.RatePerToken < 0 || math.IsNaN(o.RatePerToken) || math.IsInf(o.RatePerToken, 0) {
		faults = append(faults, fmt.Errorf("RatePerToken is %v", o.RatePerToken))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("httpapi: %w", err)
	}
	return nil
}

// Ops lets ops through to what others serve: whoever carries their credentials, whom a trusted
// proxy has signed in, or, where there is neither, whoever asks by a loopback name. Failed logins
// are limited, and logged once a minute for each address. It answers who it is, or false once it
// has answered the request itself. What it guards must take nothing from pages of other origins: a
// browser sends what a proxy knows it by with every request.
func (a *API) Ops(w http.ResponseWriter, r *http.Request) (Person, bool) {
	if name := a.proxy.said(r); name != "" {
		return Person{Name: name}, true
	}
	c, p := a.guard.identify(r, a.now())
	if p != nil && a.failed.take(address(r), a.now()) == 0 {
		a.log.WarnContext(r.Context(), "failed login", "address", address(r), "status", p.Status)
	}
	if p == nil && a.proxy != nil && len(a.guard.ops) == 0 {
		http.Error(w, "nobody is signed in: ask by way of the proxy that signs people in", http.StatusUnauthorized)
		return Person{}, false
	}
	if p == nil {
		c, p = a.guard.admit(c, r, looker)
	}
	if p == nil {
		return Person{Name: c.name, LooksOnly: c.role == looker}, true
	}
	maps.Copy(w.Header(), p.header)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", basicChallenge) // a person in a browser has no token
	}
	http.Error(w, p.Detail, p.Status)
	return Person{}, false
}
