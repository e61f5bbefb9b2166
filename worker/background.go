package worker

import (
	"context"
	"crypto/rand"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"
)

// repeat runs f until ctx ends, each time after the pause that f returned before.
func repeat(ctx context.Context, first time.Duration, f func(context.Context) time.Duration) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(f(ctx))
	}
}

//go:embed turn.lua
var turnLua string

var turnScript = redis.NewScript(turnLua)

// turn is work that one worker does at a time, for all.
type turn struct {
	rdb  redis.UniversalClient
	key  string
	me   string
	life time.Duration // how long whoever has it may be silent
}

func newTurn(rdb redis.UniversalClient, key string, life time.Duration) *turn {
	return &turn{rdb: rdb, key: key, me: rand.Text(), life: life}
}

// take makes this worker the one that has the turn, or keeps it so. It reports whether it is.
func (t *turn) take(ctx context.Context) (bool, error) {
	return turnScript.Run(ctx, t.rdb, []string{t.key}, t.me, t.life.Milliseconds()).Bool()
}

// leave lets another worker go on at once; else it waits for the turn to end.
func (t *turn) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return turnScript.Run(ctx, t.rdb, []string{t.key}, t.me, 0).Err()
}
