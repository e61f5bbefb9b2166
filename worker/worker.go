// Package worker carries cancellations out. Its path reads downhill: asynq hands a task to handle,
// the ledger grants a step, the gateway is asked, the policy decides what follows, and the ledger
// keeps it.
//
// asynq decides only when a task runs. What a run may do is decided by the ledger, so that a task
// may run twice, late, or in two workers at once.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-redis/redis_rate/v10"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/policy"
)

// Gateway is the part of gateway.Client that a worker needs.
type Gateway interface {
	Cancel(context.Context, gateway.CancelRequest) gateway.Outcome
	Inquire(context.Context, gateway.InquiryRequest) gateway.Inquiry
}

// Options of a Worker. Redis, Client and Gateway are required; the zero value of every other field
// means its default.
type Options struct {
	Redis   redis.UniversalClient // for asynq, and what runs beside it
	Client  *tasks.Client         // its ledger is the worker's
	Gateway Gateway

	Concurrency   int                      // cancellations at a time; default 64
	Servers       int                      // asynq servers in this process, each of which dequeues in one goroutine; default 16
	Rounds        func(mchtID string) bool // this merchant's protocol numbers cancellations; default none does
	DefaultMchtID string                   // merchant of a payload that names none
	RetryMax      int                      // retries after the first attempt; default 30, negative for none
	RetryInitial  time.Duration            // default 5s
	RetryCap      time.Duration            // default 1h
	VerifyAfter   time.Duration            // default 60s; the same as the ledger's
	HoldFor       time.Duration            // how long a merchant whose requests fail is held between two probes; default 15s
	IdlePoll      time.Duration            // how often an idle worker looks for a task, on average, by one of its servers; default 25ms
	DelayedPoll   time.Duration            // how often asynq looks for tasks that are due again; default 1s
	SweepEvery    time.Duration            // how often open cancellations without a task are looked for; default 5s
	SweepAfter    time.Duration            // how long overdue they must be; default 15s
	Rate          int                      // requests a second per merchant over all workers; 0 is no limit
	EventsKeep    int64                    // about how many events the stream keeps, the last ones; default 10000
	RelayEvery    time.Duration            // how often the ledger's outbox is looked into; default 200ms
	Webhook       *Webhook                 // whom events are told to besides; default nobody
	// Closed tells until when, and why, a request must not be sent; a time that is past means now.
	// Default: never.
	Closed   func(gateway.CancelRequest, time.Time) (until time.Time, why string)
	Observer Observer             // default: nobody
	Tracing  trace.TracerProvider // default: nobody
	Logger   *slog.Logger         // default slog.Default
	Now      func() time.Time
}

// Worker runs asynq servers. Use New, then Start and Shutdown, or Run.
type Worker struct {
	opts    Options
	ledger  *ledger.Ledger
	gateway Gateway
	policy  policy.Policy
	tracer  trace.Tracer
	gate    *gate
	log     *slog.Logger
	servers []*asynq.Server

	requests, inquiries *breakers // a dead inquiry must not hold up requests

	inspector  *asynq.Inspector
	unreadable *seldom // tells of account numbers

	stop       context.CancelFunc // of what runs beside the servers
	background sync.WaitGroup
}

// New returns a worker that does not run yet.
func New(o Options) (*Worker, error) {
	if o.Redis == nil || o.Client == nil || o.Gateway == nil {
		return nil, errors.New("worker: Redis, Client and Gateway are required")
	}
	o = withDefaults(o)
	queue, err := queueClient(o.Redis)
	if err != nil {
		return nil, err
	}
	tracer := o.Tracing.Tracer("settlecancel/worker")
	w := &Worker{
		opts: o, ledger: o.Client.Ledger(), gateway: tracedGateway{o.Gateway, tracer}, tracer: tracer, log: o.Logger,
		requests:   newBreakers("requests", o.HoldFor, o.Logger, o.Observer.Breaker),
		inquiries:  newBreakers("inquiries", o.HoldFor, o.Logger, func(string, string) {}),
		inspector:  asynq.NewInspectorFromRedisClient(o.Redis),
		unreadable: &seldom{every: time.Minute, now: o.Now},
		gate: &gate{closed: o.Closed, now: o.Now, redis: o.Redis,
			pacers: &pacers{rate: o.Rate, limiter: redis_rate.NewLimiter(o.Redis)}},
		policy: policy.Policy{RetryMax: o.RetryMax, RetryInitial: o.RetryInitial, RetryCap: o.RetryCap,
			VerifyAfter: o.VerifyAfter, HoldFor: o.HoldFor,
			Rounds: func(r ledger.Record) bool { return o.Rounds != nil && o.Rounds(r.MchtID) }},
	}
	for i := range o.Servers {
		share := o.Concurrency / o.Servers
		if i < o.Concurrency%o.Servers {
			share++
		}
		w.servers = append(w.servers, asynq.NewServerFromRedisClient(queue, w.serverConfig(i, share)))
	}
	if o.Webhook != nil {
		w.servers = append(w.servers, asynq.NewServerFromRedisClient(queue, w.webhookConfig()))
	}
	return w, nil
}

func withDefaults(o Options) Options {
	number := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	number(&o.Concurrency, 64)
	number(&o.Servers, 16)
	o.Servers = min(o.Servers, o.Concurrency)
	number(&o.RetryMax, 30)
	o.RetryMax = max(o.RetryMax, 0)
	duration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	duration(&o.RetryInitial, 5*time.Second)
	duration(&o.RetryCap, time.Hour)
	duration(&o.VerifyAfter, time.Minute)
	duration(&o.HoldFor, 15*time.Second)
	duration(&o.IdlePoll, 25*time.Millisecond)
	duration(&o.DelayedPoll, time.Second)
	duration(&o.SweepEvery, 5*time.Second)
	duration(&o.SweepAfter, 15*time.Second)
	duration(&o.RelayEvery, 200*time.Millisecond)
	if o.EventsKeep <= 0 {
		o.EventsKeep = 10_000
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	if o.Tracing == nil {
		o.Tracing = noop.NewTracerProvider()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Start begins to take tasks, once it knows what is paused and whether Redis may have forgotten writes
// that others know of.
func (w *Worker) Start() error {
	if err := errors.Join(w.ledger.Arrive(context.Background()), w.gate.refreshPauses(context.Background())); err != nil {
		return fmt.Errorf("worker: start: %w", err)
	}
	for i, s := range w.servers {
		if err := s.Start(asynq.HandlerFunc(w.route)); err != nil {
			for _, started := range w.servers[:i] {
				started.Shutdown()
			}
			return fmt.Errorf("worker: start: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	w.background.Go(func() { w.newSweeper().run(ctx) })
	w.background.Go(func() { w.newRelay().run(ctx) })
	w.background.Go(func() { w.gate.watch(ctx) })
	w.background.Go(func() { _ = w.ledger.Watch(ctx) })
	return nil
}

// Shutdown stops taking tasks, lets requests on the wire end and writes their outcomes. It takes at
// most as long as one step of the ledger can take (ledger.Longest).
func (w *Worker) Shutdown() {
	var all sync.WaitGroup
	for _, s := range w.servers {
		all.Go(s.Shutdown)
	}
	all.Wait()
	w.stop() // only now: what still waits for its turn must see a pause, and the last outcomes are told
	w.background.Wait()
}

// Run is Start, then Shutdown once ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	w.log.InfoContext(ctx, "shutting down: no new tasks, requests on the wire may end")
	w.Shutdown()
	return nil
}

func (w *Worker) route(ctx context.Context, t *asynq.Task) error {
	switch t.Type() {
	case tasks.TypeCancel:
		err := traced(ctx, w.tracer, t, w.handle)
		if p := (*postponed)(nil); errors.As(err, &p) {
			w.opts.Observer.Postponed(p.reason, p.after)
		}
		return err
	case events.TypeWebhook:
		return w.deliverWebhook(ctx, t)
	}
	return w.refuse(ctx, fmt.Errorf("no task type of ours: %s", oneLine(t.Type())))
}

// oneLine cuts a text for a place where it is kept and shown: one line, 200 characters.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if r := []rune(s); len(r) > 200 {
		return string(r[:199]) + "…"
	}
	return s
}
