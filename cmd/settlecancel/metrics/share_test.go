package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// walks counts the looks of a worker by their pages of the ledger.
type walks struct{ n atomic.Int64 }

func (h *walks) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *walks) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (h *walks) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Name() == "zrange" }) {
			h.n.Add(1)
		}
		return next(ctx, cmds)
	}
}

// another returns the collector of one more worker on the bench's Redis, which keeps nothing for
// its own next scrape, and its looks.
func (b *bench) another(o Options) (*collector, *walks) {
	b.Helper()
	rdb := redis.NewClient(b.rdb.Options())
	b.Cleanup(func() { _ = rdb.Close() })
	counted := &walks{}
	rdb.AddHook(counted)
	o.Redis, o.Client, o.Logger = rdb, tasks.NewClient(rdb, tasks.ClientOptions{}), slog.New(slog.DiscardHandler)
	c := newCollector(newSurvey(o, newLabels(o.Merchants)))
	c.life, c.wait = 0, time.Minute
	return c, counted
}

// told returns what a collector tells, without ages.
func told(t *testing.T, c *collector) []string {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		if !strings.HasSuffix(f.GetName(), "_seconds") {
			all = append(all, fmt.Sprint(f.GetName(), f.GetMetric()))
		}
	}
	return all
}

// TestShared: of ten workers that are scraped, one looks, and all tell the same; how old that is,
// too.
func TestShared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(sample("q"), ledger.Queued)
	b.put(sample("r"), ledger.Review)
	o := Options{Merchants: []string{shop, "nxca_jt_il"}, Version: "v1"}
	first, looks := b.another(o)
	want := told(t, first)
	if looks.n.Load() == 0 || len(want) < 15 {
		t.Fatalf("%d looks at %q", looks.n.Load(), want)
	}
	b.put(sample("later"), ledger.Queued)
	for range 9 {
		c, looks := b.another(Options{Merchants: []string{"nxca_jt_il", shop}, Version: "v1"})
		if diff := cmp.Diff(want, told(t, c)); diff != "" || looks.n.Load() != 0 {
			t.Errorf("%d looks; (-first +this):\n%s", looks.n.Load(), diff)
		}
		if f := c.state(); f.age() <= 0 || f.age() > time.Minute || !f.up {
			t.Errorf("up %v, of %v ago", f.up, f.age())
		}
	}
	if life := b.rdb.PTTL(t.Context(), sharedKeyOf(o)).Val(); life <= 0 || life > sharedLife {
		t.Errorf("the findings serve for another %v", life)
	}
	for name, o := range map[string]Options{"version": {Merchants: o.Merchants, Version: "v2"}, "merchants": {Merchants: []string{shop}, Version: "v1"}} {
		if c, looks := b.another(o); len(told(t, c)) == 0 || looks.n.Load() == 0 {
			t.Errorf("other %s: told what another sort of worker found", name)
		}
	}
	b.rdb.Del(t.Context(), sharedKeyOf(o))
	if diff := cmp.Diff(want, told(t, first)); diff == "" {
		t.Error("the findings of a moment ago are told for ever")
	}
}

// TestSharedAge: whoever tells old findings says how old they are.
func TestSharedAge(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := Options{Version: "v1"}
	now, err := b.rdb.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	foreign := []point{{Name: "open_cancellations", Value: 7}, {Name: "unheard_of"}, {Name: "cancellations", Labels: []string{"too", "many"}}}
	raw, err := json.Marshal(left{At: now.Add(-time.Hour), Points: foreign})
	if err != nil {
		t.Fatal(err)
	}
	b.rdb.Set(t.Context(), sharedKeyOf(o), raw, 0)
	c, _ := b.another(o)
	if f := c.state(); f.age() < time.Hour || f.age() > time.Hour+time.Minute {
		t.Errorf("findings of an hour ago are said to be of %v ago", f.age())
	}
	if got := told(t, c); len(got) != 2 || !strings.Contains(got[0], "value:7") {
		t.Errorf("told %q", got)
	}
}

// TestSharedErr: what is no findings, and a Redis that takes none, make a worker look for itself.
func TestSharedErr(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*bench, string) error{
		"text": func(b *bench, key string) error { return b.rdb.Set(b.Context(), key, "{", 0).Err() },
		"empty": func(b *bench, key string) error {
			return b.rdb.Set(b.Context(), key, `{"at":"2026-01-05T00:00:00Z"}`, 0).Err()
		},
		"type": func(b *bench, key string) error { return b.rdb.HSet(b.Context(), key, "a", "b").Err() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.put(sample("q"), ledger.Queued)
			o := Options{Version: "v1"}
			if err := spoil(b, sharedKeyOf(o)); err != nil {
				t.Fatal(err)
			}
			c, looks := b.another(o)
			if got := told(t, c); looks.n.Load() == 0 || !strings.Contains(fmt.Sprint(got), "open_cancellations[gauge:{value:1}]") {
				t.Errorf("%d looks, %q", looks.n.Load(), got)
			}
		})
	}
}

// TestSharedScrape: the metrics that New answers share, and tell a worker's findings as that worker
// does.
func TestSharedScrape(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(sample("r"), ledger.Rejected)
	scrape := func() map[string]bool {
		m, err := New(Options{Client: b.client, Redis: b.rdb, Merchants: []string{shop}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		text, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "settlecancel_") && !strings.Contains(line, "_seconds") {
				names[strings.TrimSpace(line)] = true
			}
		}
		return names
	}
	first := scrape()
	b.put(sample("later"), ledger.Rejected)
	if again := scrape(); !maps.Equal(first, again) || !again["settlecancel_dead_letters 1"] {
		t.Errorf("first  %v\nagain %v", first, again)
	}
}
