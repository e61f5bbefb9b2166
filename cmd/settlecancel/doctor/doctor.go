// Package doctor examines whether an installation keeps the one promise: that a cancellation which
// was accepted is never lost and never applied twice. It looks at what the code cannot hold by
// itself: how Redis keeps what it was told, whether the clocks agree, whether SettleBank knows the
// merchants and their keys, and whether what was accepted is being worked at.
//
// First every node of Redis is surveyed. Then all checks run side by side, each with a time-out of
// its own, and none stops the others. They change nothing, but for one key that proves that Redis
// takes writes and expires a second later. What they find holds no secret.
//
//	survey of Redis ──► redis, redis-writes, redis-persistence, redis-memory, redis-replicas, redis-cluster, clock
//	                    gateway (TLS, its clock), keys (golden vectors)
//	                    protocol, merchants (asked to cancel, and what became of, a payment that does not exist)
//	                    workers, open, events, pauses, queues, webhooks, dead-letters, retention, settings
package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks"
)

// Level says how much a finding matters.
type Level string

// The levels, from the best to the worst.
const (
	OK     Level = "ok"
	Note   Level = "note"   // worth knowing; the promise holds
	Danger Level = "danger" // the promise does not hold, or nothing is worked at
)

// Finding is what a check found, in words for people.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`           // what is
	Mend  string `json:"mend,omitempty"` // what to do; never empty of a note or a danger
}

// Gateway is the part of gateway.Client that asks harmless questions.
type Gateway interface {
	Inquire(context.Context, gateway.InquiryRequest) gateway.Inquiry
	Probe(ctx context.Context, mchtID string, p gateway.Protocol, method string) gateway.Probe
}

// Options of an examination. Redis and Client are required.
type Options struct {
	Redis    redis.UniversalClient
	Client   *tasks.Client // on the same Redis; what is open, dead and paused is read through it
	Gateway  Gateway       // nil: nothing is asked in a merchant's name
	Settings Settings

	// Starting is for a worker that is about to start: neither the gateway, nor the server's
	// credentials, nor whether workers are at work and what waits for them is looked at, and the
	// whole takes less than 5 s.
	Starting bool
	// TLS is how the gateway is reached; nil: the system's roots.
	TLS *tls.Config
	// Timeout bounds the survey of Redis, and then each check; 5 s, Starting 1200 ms.
	// GatewayTimeout bounds those that ask the gateway; 10 s.
	Timeout, GatewayTimeout time.Duration
	Now                     func() time.Time // this machine's clock; default time.Now
}

// Run examines an installation. The findings are in the order of the package's list; it never
// fails. Where ctx ends meanwhile there are none: what was not looked at to its end proves nothing.
func Run(ctx context.Context, o Options) []Finding {
	if o.Starting {
		o.Timeout = cmp.Or(o.Timeout, 1200*time.Millisecond)
	}
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.GatewayTimeout = cmp.Or(o.GatewayTimeout, 10*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	x := &examiner{Options: o}
	x.survey = surveyRedis(ctx, o)
	checks := x.checks()
	found := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { found[i] = c.within(ctx) })
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return slices.Concat(found...)
}

// Dangers returns the findings of that level.
func Dangers(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Level != Danger })
}

// LogDangers logs every danger, with what mends it.
func LogDangers(ctx context.Context, log *slog.Logger, findings []Finding) {
	for _, f := range Dangers(findings) {
		log.ErrorContext(ctx, "danger: "+f.Text, "check", f.Check, "mend", f.Mend)
	}
}

// examiner holds what the checks look at. They only read it.
type examiner struct {
	Options
	survey survey
}

// check is one thing to look at.
type check struct {
	name  string
	limit time.Duration
	run   func(context.Context, *sheet)
}

func (x *examiner) checks() []check {
	checks := []check{{"redis", x.Timeout, x.reach}}
	if x.survey.answers() {
		checks = append(checks,
			check{"redis-writes", x.Timeout, x.writes},
			check{"redis-persistence", x.Timeout, x.persistence},
			check{"redis-memory", x.Timeout, x.memory},
			check{"redis-replicas", x.Timeout, x.replicas},
			check{"redis-cluster", x.Timeout, x.cluster},
			check{"clock", x.Timeout, x.redisClock})
	}
	if !x.Starting {
		checks = append(checks, check{"gateway", x.GatewayTimeout, x.reachGateway}, check{"merchants", x.GatewayTimeout, x.merchants})
	}
	checks = append(checks, check{"keys", x.Timeout, x.keys})
	if x.survey.answers() {
		if !x.Starting {
			checks = append(checks, check{"workers", x.Timeout, x.workers}, check{"open", x.Timeout, x.overdue}, check{"events", x.Timeout, x.events})
		}
		checks = append(checks,
			check{"pauses", x.Timeout, x.pauses},
			check{"queues", x.Timeout, x.queues},
			check{"webhooks", x.Timeout, x.webhooks},
			check{"dead-letters", x.Timeout, x.deadLetters},
			check{"forgotten", x.Timeout, x.forgotten},
			check{"retention", x.Timeout, x.retention})
	}
	return append(checks, check{"settings", x.Timeout, x.settings})
}

// within carries a check out. What takes no context is left behind when its time is up.
func (c check) within(ctx context.Context) []Finding {
	s, ok := bounded(ctx, c.limit, func(ctx context.Context) *sheet {
		s := &sheet{check: c.name}
		c.run(ctx, s)
		return s
	})
	if !ok {
		s = &sheet{check: c.name}
		s.danger("run it again; where it stays so, look whether Redis and the network are overloaded", "the check did not end within %v", c.limit)
	}
	return s.findings
}

// grace is how long a check may take to say that its time is up.
const grace = time.Second

// bounded returns what f answers, or false where f is not done in time: shortly after its context
// has ended, so that f may say by itself what it waited for.
func bounded[T any](ctx context.Context, limit time.Duration, f func(context.Context) T) (T, bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v: %w", limit, context.DeadlineExceeded))
	defer cancel()
	done := make(chan T, 1)
	go func() { done <- f(ctx) }()
	late := time.NewTimer(limit + max(limit/4, grace))
	defer late.Stop()
	select {
	case v := <-done:
		return v, true
	case <-late.C:
		var none T
		return none, false
	}
}

// because returns the cause of a context's end, where err is of that.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// sheet is what one check writes its findings on.
type sheet struct {
	check    string
	findings []Finding
}

func (s *sheet) write(level Level, mend, format string, args []any) {
	s.findings = append(s.findings, Finding{Check: s.check, Level: level, Text: fmt.Sprintf(format, args...), Mend: mend})
}

func (s *sheet) ok(format string, args ...any)           { s.write(OK, "", format, args) }
func (s *sheet) note(mend, format string, args ...any)   { s.write(Note, mend, format, args) }
func (s *sheet) danger(mend, format string, args ...any) { s.write(Danger, mend, format, args) }
