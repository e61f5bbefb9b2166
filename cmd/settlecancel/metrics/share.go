package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Every worker tells the same state, and each scrape of each of them would walk the whole ledger
// for it. So whoever has looked leaves its findings in Redis for a moment, and the others tell
// those: however many workers there are, Redis is asked for one look a moment. Two that are scraped
// at once may both look, which does no harm.

// sharedLife is how long the findings of one worker serve the others. With stateLife, it bounds how
// old a told state can be.
const sharedLife = 10 * time.Second

// findings are what a look at the state found, as Prometheus is told of it. The zero value says
// that Redis is away.
type findings struct {
	up     bool
	at     time.Time // by the clock of Redis
	points []point

	read time.Time     // when this process came by them
	old  time.Duration // how old they were then
}

// point is the value of one series.
type point struct {
	Name   string   `json:"n"`
	Value  float64  `json:"v"`
	Labels []string `json:"l,omitempty"` // values, in the order of the gauge's labels
}

// left is how findings lie in Redis.
type left struct {
	At     time.Time `json:"at"`
	Points []point   `json:"points"`
}

func (f findings) age() time.Duration { return f.old + time.Since(f.read) }

// findings returns the state as it is told.
func (st state) findings() findings {
	if !st.up {
		return findings{}
	}
	f := findings{up: true, at: st.at, read: time.Now(), old: st.took}
	st.tell(func(g gauge, v float64, labels ...string) { f.points = append(f.points, point{g.name, v, labels}) })
	return f
}

// shared returns what some worker found a moment ago, or else looks, and leaves what it found to
// the others.
func (s *survey) shared(ctx context.Context) findings {
	if f, ok := s.others(ctx); ok {
		return f
	}
	f := s.look(ctx).findings()
	if !f.up {
		return f
	}
	if raw, err := json.Marshal(left{f.at, f.points}); err == nil {
		_ = s.redis.Set(ctx, s.sharedKey, raw, sharedLife).Err() // without it, the others look for themselves
	}
	return f
}

// others returns what another worker left.
func (s *survey) others(ctx context.Context) (findings, bool) {
	raw, err := s.redis.Get(ctx, s.sharedKey).Bytes()
	if err != nil {
		return findings{}, false
	}
	var l left
	now, err := s.clock(ctx)
	if err != nil || json.Unmarshal(raw, &l) != nil || len(l.Points) == 0 {
		return findings{}, false
	}
	return findings{up: true, at: l.At, points: l.Points, read: time.Now(), old: max(0, now.Sub(l.At))}, true
}

// sharedKeyOf names where findings are left. Workers of other versions, or with other merchants,
// tell other series.
func sharedKeyOf(o Options) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q %q", o.Version, slices.Sorted(slices.Values(o.Merchants)))
	return fmt.Sprintf("settlecancel:state:%x", h.Sum64())
}
