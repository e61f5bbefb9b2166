// Package pulse lets each worker say in Redis, every few seconds, what it alone knows: that it
// lives, which merchants' traffic it holds and after which answer, and how the gateway answered it
// of late. Whoever looks at the installation reads it there.
//
// A pulse is a hint for people. No decision about money is taken from it.
package pulse

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// key holds the pulses: a hash from a worker's name to its last one.
const key = "settlecancel:pulse"

const (
	every   = 5 * time.Second  // how often a worker says it
	fresh   = 20 * time.Second // how long a pulse counts
	buried  = 5 * time.Minute  // after which another worker removes it
	minutes = 10               // of the gateway's answers
)

// A Pulse is what one worker says of itself.
type Pulse struct {
	Worker  string    `json:"worker"` // host and process
	At      time.Time `json:"at"`     // by the clock of Redis
	Held    []Held    `json:"held,omitempty"`
	Gateway Gateway   `json:"gateway"`
}

// Held is a merchant whose traffic a worker holds, because its requests fail one like the other.
type Held struct {
	MchtID  string    `json:"mchtId"`
	Since   time.Time `json:"since"`
	Code    string    `json:"code,omitempty"` // of the last answer that failed; "" where none came
	Message string    `json:"message,omitempty"`
}

// Gateway is how the gateway answered one worker within the last ten minutes.
type Gateway struct {
	Calls   int          `json:"calls"`
	Failed  int          `json:"failed"`  // no usable answer, or one that blames the gateway, the keys or the address
	Latency [buckets]int `json:"latency"` // calls by how long they took, see bounds
}

const buckets = 10

// bounds are the upper bounds of Gateway.Latency; the last bucket has none.
var bounds = [buckets - 1]time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}

// Add adds what another worker says.
func (g Gateway) Add(o Gateway) Gateway {
	g.Calls += o.Calls
	g.Failed += o.Failed
	for i, n := range o.Latency {
		g.Latency[i] += n
	}
	return g
}

// Within returns a bound that 95 of 100 calls kept to. It reports false where there were none, or
// where the bound is beyond all that are known.
func (g Gateway) Within() (time.Duration, bool) {
	total := 0
	for _, n := range g.Latency {
		total += n
	}
	seen := 0
	for i, bound := range bounds {
		seen += g.Latency[i]
		if total > 0 && seen*100 >= total*95 {
			return bound, true
		}
	}
	return 0, false
}

// Read returns the pulses of the workers that live.
func Read(ctx context.Context, rdb redis.UniversalClient) ([]Pulse, error) {
	now, all, err := read(ctx, rdb)
	if err != nil {
		return nil, fmt.Errorf("read the workers' pulses: %w", err)
	}
	var living []Pulse
	for _, raw := range all {
		var p Pulse
		if json.Unmarshal([]byte(raw), &p) == nil && now.Sub(p.At) < fresh {
			living = append(living, p)
		}
	}
	return living, nil
}

func read(ctx context.Context, rdb redis.UniversalClient) (time.Time, map[string]string, error) {
	now, err := rdb.Time(ctx).Result()
	if err != nil {
		return now, nil, err
	}
	all, err := rdb.HGetAll(ctx, key).Result()
	return now, all, err
}
