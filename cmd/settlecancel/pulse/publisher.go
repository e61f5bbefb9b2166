package pulse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
	"settlecancel/worker"
)

// Options of a Publisher. The zero value of each field but Redis means its default.
type Options struct {
	Redis    redis.UniversalClient
	Observer worker.Observer  // is told all that the Publisher is told; default nobody
	Logger   *slog.Logger     // default slog.Default()
	Worker   string           // name of this worker; default host and process, as asynq names it
	Now      func() time.Time // for tests; default time.Now. What is published carries the time of Redis.
}

// Publisher is a worker's Observer that publishes what it is told. It is safe for concurrent use.
type Publisher struct {
	worker.Observer
	opts Options

	mu     sync.Mutex
	held   map[string]Held // by merchant
	last   map[string]Held // the last failed answer of each merchant
	calls  [minutes]Gateway
	minute int64 // of the newest of calls
}

// New returns a publisher; Run publishes.
func New(o Options) (*Publisher, error) {
	if o.Redis == nil {
		return nil, errors.New("pulse: Options.Redis is missing")
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown-host"
		}
		o.Worker = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	return &Publisher{Observer: o.Observer, opts: o, held: map[string]Held{}, last: map[string]Held{}}, nil
}

// nobody is the Observer of a worker that nobody else watches.
type nobody struct{}

func (nobody) Attempt(context.Context, ledger.Record, string, ledger.Attempt) {}
func (nobody) Settled(context.Context, ledger.Record, string)                 {}
func (nobody) Breaker(string, string)                                         {}
func (nobody) Postponed(string, time.Duration)                                {}
func (nobody) Refused()                                                       {}

// Attempt notes how the gateway answered.
func (p *Publisher) Attempt(ctx context.Context, r ledger.Record, method string, a ledger.Attempt) {
	p.Observer.Attempt(ctx, r, method, a)
	class := gateway.Class(a.Class)
	if a.Code == gateway.Local || a.Class == "impossible" {
		return // the gateway was not asked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	g := p.bucket(now)
	g.Calls++
	g.Latency[place(a.Duration)]++
	if class == gateway.Misconfigured || class == gateway.Transient || class == gateway.Unknown {
		g.Failed++
		p.last[r.MchtID] = Held{MchtID: r.MchtID, Since: now, Code: a.Code, Message: short(a.Message)}
	}
}

// Breaker notes whose traffic is held. One that is half-open is held but for a probe.
func (p *Publisher) Breaker(mchtID, state string) {
	p.Observer.Breaker(mchtID, state)
	p.mu.Lock()
	defer p.mu.Unlock()
	if state == "closed" {
		delete(p.held, mchtID)
		return
	}
	h, known := p.held[mchtID]
	if !known {
		h = Held{MchtID: mchtID, Since: p.opts.Now()}
	}
	h.Code, h.Message = p.last[mchtID].Code, p.last[mchtID].Message
	p.held[mchtID] = h
}

// bucket returns the minute that now is in, and empties those that have passed.
func (p *Publisher) bucket(now time.Time) *Gateway {
	minute := now.Unix() / 60
	for m := max(p.minute+1, minute-minutes+1); m <= minute; m++ {
		p.calls[m%minutes] = Gateway{}
	}
	p.minute = max(p.minute, minute)
	return &p.calls[p.minute%minutes]
}

func place(d time.Duration) int {
	for i, bound := range bounds {
		if d <= bound {
			return i
		}
	}
	return buckets - 1
}

// short bounds what an answer's text takes up in Redis.
func short(s string) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	return string(r[:min(len(r), 200)])
}

// Run publishes until ctx ends, and then takes back what it said: this worker is gone.
func (p *Publisher) Run(ctx context.Context) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := p.Publish(ctx); err != nil && ctx.Err() == nil {
			p.opts.Logger.WarnContext(ctx, "pulse not published; the next one follows", "error", err)
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = p.opts.Redis.HDel(last, key, p.opts.Worker).Err() // else it goes stale
			return nil
		case <-ticker.C:
		}
	}
}

// Publish says once how things stand with this worker.
func (p *Publisher) Publish(ctx context.Context) error {
	now, all, err := read(ctx, p.opts.Redis)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(p.pulse(now))
	if err != nil {
		return err
	}
	if err := p.opts.Redis.HSet(ctx, key, p.opts.Worker, raw).Err(); err != nil {
		return err
	}
	for name, text := range all {
		var other Pulse
		if json.Unmarshal([]byte(text), &other) != nil || now.Sub(other.At) > buried {
			if err := p.opts.Redis.HDel(ctx, key, name).Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pulse returns what is to be said at the time of Redis.
func (p *Publisher) pulse(at time.Time) Pulse {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := Pulse{Worker: p.opts.Worker, At: at}
	for _, h := range p.held {
		said.Held = append(said.Held, h)
	}
	slices.SortFunc(said.Held, func(a, b Held) int { return strings.Compare(a.MchtID, b.MchtID) })
	p.bucket(p.opts.Now())
	for _, g := range p.calls {
		said.Gateway = said.Gateway.Add(g)
	}
	return said
}
