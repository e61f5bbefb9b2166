package metrics

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// RedisHook returns a hook that counts the failures of the client it is added to. Not counted is
// what is an answer in its own right: nothing found, a script that has to be sent whole, a slot
// that moved, a caller that left.
func (m *Metrics) RedisHook() redis.Hook { return redisHook{m.redisErrors} }

type redisHook struct{ errors *prometheus.CounterVec }

func (h redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if reason := reasonOfError(err); reason != "" {
			h.errors.WithLabelValues("connect", reason).Inc()
		}
		return conn, err
	}
}

func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if reason := failureOf(cmd, err); reason != "" {
			h.errors.WithLabelValues(commandLabel(cmd.Name()), reason).Inc()
		}
		return err
	}
}

// ProcessPipelineHook counts a pipeline once, however many of its commands failed.
func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds { // err is the first one's, which may be none, such as "nothing found"
			if reason := failureOf(cmd, cmd.Err()); reason != "" {
				h.errors.WithLabelValues("pipeline", reason).Inc()
				break
			}
		}
		return err
	}
}

// failureOf returns why a command failed, "" where it did not. What a Redis does not know of how a
// client introduces itself, an older one, is no failure.
func failureOf(cmd redis.Cmder, err error) string {
	reason := reasonOfError(err)
	if reason == "answer" && commandLabel(cmd.Name()) == "connect" {
		return ""
	}
	return reason
}

var (
	scriptCommands  = strings.Fields("eval evalsha eval_ro evalsha_ro script")
	connectCommands = strings.Fields("auth client cluster hello ping quit select sentinel")
	readCommands    = strings.Fields(`exists get hget hgetall hkeys hlen hmget info lindex llen lrange memory mget pttl scan scard
		sismember smembers sscan time ttl type xinfo xlen xpending xrange xread xreadgroup xrevrange zcard zcount zrange zrangebyscore
		zrank zrevrange zscan zscore`)
	writeCommands = strings.Fields(`blpop brpop del decr expire expireat hdel hincrby hset hsetnx incr incrby lmove lpop lpush lrem ltrim
		persist pexpire pexpireat publish rpop rpoplpush rpush sadd set setex setnx srem unlink wait waitaof xack xadd xclaim xdel xgroup
		xtrim zadd zincrby zrem zremrangebyscore`)
)

func commandLabel(name string) string {
	name = strings.ToLower(name)
	for class, commands := range map[string][]string{"script": scriptCommands, "connect": connectCommands, "read": readCommands, "write": writeCommands} {
		if oneOf(name, commands, "") != "" {
			return class
		}
	}
	return other
}

// refusals are the words that Redis begins a refusal with that says something of its health.
var refusals = strings.Fields("OOM READONLY LOADING CLUSTERDOWN MASTERDOWN NOREPLICAS MISCONF NOAUTH NOPERM WRONGPASS")

// reasonOfError returns why a command failed, "" where it did not.
func reasonOfError(err error) string {
	var timeout net.Error
	var answer redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil), errors.Is(err, redis.TxFailedErr), errors.Is(err, redis.ErrClosed), errors.Is(err, context.Canceled):
		return ""
	case redis.HasErrorPrefix(err, "NOSCRIPT"), redis.HasErrorPrefix(err, "MOVED"), redis.HasErrorPrefix(err, "ASK"),
		redis.HasErrorPrefix(err, "BUSYGROUP"):
		return ""
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return "pool"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	for _, word := range refusals {
		if redis.HasErrorPrefix(err, word) {
			return strings.ToLower(word)
		}
	}
	if errors.As(err, &answer) {
		return "answer"
	}
	return "connection"
}
