package worker

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// turnScript makes a worker the one that has a turn.
//
//	KEYS  1 turn
//	ARGV  1 who asks  2 how long the turn lasts from now, ms
//	Returns 1 if it is theirs, 0 while it is another's
var turnScript = redis.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

// leaveScript ends a turn before its time.
//
//	KEYS  1 turn
//	ARGV  1 whose it is
//	Returns 1 if it was theirs
var leaveScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

// takeTurn makes me the one worker that does what key names, until it has not asked for so long.
func (w *Worker) takeTurn(ctx context.Context, key, me string, life time.Duration) (bool, error) {
	return turnScript.Run(ctx, w.opts.Redis, []string{key}, me, life.Milliseconds()).Bool()
}

// leaveTurn lets another worker go on at once.
func (w *Worker) leaveTurn(ctx context.Context, key, me string) error {
	return leaveScript.Run(ctx, w.opts.Redis, []string{key}, me).Err()
}
