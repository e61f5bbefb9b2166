package metrics

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger/redistest"
)

// hooked returns a client of a Redis of its own whose failures are counted, and that Redis.
func hooked(t *testing.T, o redis.Options, args ...string) (*bench, *redis.Client, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t, redistest.Options{Args: args})
	o.Addr = server.Addr()
	rdb := redis.NewClient(&o)
	t.Cleanup(func() { _ = rdb.Close() })
	b := newBench(t)
	rdb.AddHook(b.metrics.RedisHook())
	return b, rdb, server
}

func (b *bench) redisErrors(want map[string]float64) {
	b.Helper()
	if diff := cmp.Diff(want, moved(b.values("settlecancel_redis_errors_total", "command", "reason"))); diff != "" {
		b.Errorf("Redis errors (-want +got):\n%s", diff)
	}
}

func TestRedisHookOK(t *testing.T) {
	t.Parallel()
	b, rdb, _ := hooked(t, redis.Options{})
	ctx := t.Context()
	if err := rdb.Get(ctx, "nothing").Err(); !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	if err := rdb.EvalSha(ctx, "0000000000000000000000000000000000000000", nil).Err(); !redis.HasErrorPrefix(err, "NOSCRIPT") {
		t.Fatal(err)
	}
	if _, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, "nothing")
		p.Set(ctx, "something", "1", 0)
		return nil
	}); !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	if err := rdb.XGroupCreateMkStream(ctx, "stream", "group", "$").Err(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.XGroupCreateMkStream(ctx, "stream", "group", "$").Err(); !redis.HasErrorPrefix(err, "BUSYGROUP") {
		t.Fatal(err)
	}
	left, leave := context.WithCancel(ctx)
	leave()
	if err := rdb.Get(left, "something").Err(); !errors.Is(err, context.Canceled) && err != nil {
		t.Fatal(err)
	}
	b.redisErrors(map[string]float64{})
}

func TestRedisHookErrAnswers(t *testing.T) {
	t.Parallel()
	b, rdb, _ := hooked(t, redis.Options{}, "--maxmemory-policy", "noeviction")
	ctx := t.Context()
	fail := func(err error) {
		t.Helper()
		if err == nil {
			t.Fatal("it succeeds")
		}
	}
	if err := rdb.Set(ctx, "text", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	fail(rdb.LPush(ctx, "text", "x").Err())
	fail(rdb.ZCard(ctx, "text").Err())
	fail(rdb.Eval(ctx, "return redis.call('LPUSH', KEYS[1], 'x')", []string{"text"}).Err())
	fail(rdb.Do(ctx, "no-such-command").Err())
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, "nothing") // the first error is none
		p.LPush(ctx, "text", "x")
		p.LPush(ctx, "text", "x")
		return nil
	})
	fail(err)
	if err := rdb.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	fail(rdb.Set(ctx, "more", "x", 0).Err())
	fail(rdb.Eval(ctx, "return redis.call('SET', KEYS[1], 'x')", []string{"more"}).Err())
	b.redisErrors(map[string]float64{"write answer": 1, "read answer": 1, "script answer": 1, "other answer": 1, "pipeline answer": 1,
		"write oom": 1, "script oom": 1})
}

func TestRedisHookErrReadOnly(t *testing.T) {
	t.Parallel()
	b, rdb, _ := hooked(t, redis.Options{MaxRetries: -1})
	if err := rdb.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); !redis.HasErrorPrefix(err, "READONLY") {
		t.Fatal(err)
	}
	b.redisErrors(map[string]float64{"write readonly": 1})
}

func TestRedisHookErrAway(t *testing.T) {
	t.Parallel()
	b, rdb, server := hooked(t, redis.Options{MaxRetries: -1, DialerRetries: 1})
	server.Kill()
	if err := rdb.Get(t.Context(), "k").Err(); err == nil {
		t.Fatal("a dead Redis answers")
	}
	b.redisErrors(map[string]float64{"connect connection": 1, "read connection": 1})
}

func TestRedisHookErrTimeout(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	rdb := redis.NewClient(&redis.Options{Addr: l.Addr().String(), ReadTimeout: 10 * time.Millisecond, MaxRetries: -1, DialerRetries: 1})
	defer rdb.Close()
	b := newBench(t)
	rdb.AddHook(b.metrics.RedisHook())
	if err := rdb.Incr(t.Context(), "k").Err(); err == nil {
		t.Fatal("a Redis that hangs answers")
	}
	b.redisErrors(map[string]float64{"connect timeout": 1, "write timeout": 1}) // the greeting, and what was to follow it
}
