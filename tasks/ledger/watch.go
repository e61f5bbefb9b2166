package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// noticeEvery is how often a process that lives looks for forgotten writes.
const noticeEvery = 2 * time.Second

// Watch notices every two seconds, until ctx ends; it then returns nil. The writes of this process
// are counted by themselves meanwhile, so that it notices each of its own that is gone, whatever
// others wrote since.
func (l *Ledger) Watch(ctx context.Context) error {
	name := ":" + newID()[:8]
	l.store.call(name)
	defer l.leave(name)
	tick := time.NewTicker(noticeEvery)
	defer tick.Stop()
	signed := ""
	for n := 0; ; n++ {
		var err error
		if n%appearEvery == 0 {
			err = l.appear(ctx, name)
		}
		if err = errors.Join(err, l.Notice(ctx)); err == nil {
			signed, err = l.sign(ctx, signed)
		}
		if err != nil && ctx.Err() == nil {
			l.opts.Logger.DebugContext(ctx, "not looked for forgotten writes; the next look follows", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// serverKey holds the name of the Redis server that all who knew more have looked at.
const serverKey = prefix + "server"

// Arrive is for a process that starts, before it grants anything: Redis may have been restarted or
// replaced a moment ago, and the others not have looked. Then nothing is granted for ten seconds. On
// a cluster, where each node has a name of its own, it does nothing.
func (l *Ledger) Arrive(ctx context.Context) error {
	if l.opts.Servers == nil || l.clustered() {
		return nil
	}
	known, err := l.rdb.Get(ctx, serverKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("ledger: arrive: %w", err)
	}
	l.opts.Servers.arrive(ctx, known)
	return nil
}

// sign says that those who know more have had their time at the server that there is now. It returns
// the name of what was signed.
func (l *Ledger) sign(ctx context.Context, signed string) (string, error) {
	name := l.opts.Servers.settled()
	if name == "" || name == signed || l.clustered() {
		return signed, nil
	}
	if err := l.rdb.Set(ctx, serverKey, name, 0).Err(); err != nil {
		return signed, fmt.Errorf("ledger: sign: %w", err)
	}
	return name, nil
}

// Notice looks whether Redis has forgotten writes of which this process was told, and raises the
// epoch where it has. Every write looks for itself; this is for a process that writes seldom, and
// for calls that change nothing.
func (l *Ledger) Notice(ctx context.Context) error {
	known, _ := l.store.heardOf() // before Redis is read: it only grows
	states, err := l.states(ctx)
	if err != nil {
		return fmt.Errorf("ledger: look for forgotten writes: %w", err)
	}
	for shard, s := range states {
		k := known[shard]
		if s.count >= k.count && s.epoch >= k.epoch && (s.own >= k.own || s.epoch > k.epoch) {
			l.store.learn(shard, shardState{count: s.count, epoch: s.epoch, since: s.since})
			continue
		}
		if err := l.store.notice(ctx, shard); err != nil {
			return fmt.Errorf("ledger: raise the epoch of shard %d: %w", shard, err)
		}
	}
	return l.spread(ctx, states)
}

// spreadWithin is how far apart the epochs of shards begin that belong to one loss.
const spreadWithin = time.Minute

// spread raises the epoch of the other shards, too, where one was found to have forgotten writes:
// one Redis holds them all, and of some perhaps only processes knew that have died. The nodes of a
// cluster forget each for itself.
func (l *Ledger) spread(ctx context.Context, states [shards]storedState) error {
	last := int64(0)
	for _, s := range states {
		last = max(last, s.since)
	}
	var behind []int
	for shard, s := range states {
		if s.since < last-millis(spreadWithin) {
			behind = append(behind, shard)
		}
	}
	if len(behind) == 0 || l.clustered() {
		return nil
	}
	now, err := l.rdb.Time(ctx).Result()
	if err == nil {
		_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { raise(ctx, p, behind, now); return nil })
	}
	if err != nil {
		return fmt.Errorf("ledger: raise the epochs of shards %v: %w", behind, err)
	}
	return nil
}

// watchersKey holds the names of the processes that watch, by when they appeared last.
const watchersKey = prefix + "watchers"

const (
	appearEvery = 30             // looks
	goneAfter   = 24 * time.Hour // a process that has not appeared for so long is dead
)

// appear says that this process lives, and takes away what was counted under the names of those that
// died: a worker that crashes again and again must not fill Redis.
func (l *Ledger) appear(ctx context.Context, name string) error {
	now, err := l.store.moment(ctx, 0) // by the clock of Redis
	if err != nil {
		return fmt.Errorf("ledger: appear: %w", err)
	}
	var gone *redis.StringSliceCmd
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, watchersKey, redis.Z{Score: float64(now.Now), Member: name})
		gone = p.ZRangeByScore(ctx, watchersKey, &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(now.Now-millis(goneAfter), 10), Count: 1000})
		return nil
	})
	if err == nil && len(gone.Val()) > 0 {
		err = l.forgetNames(ctx, gone.Val()...)
	}
	if err != nil {
		return fmt.Errorf("ledger: appear: %w", err)
	}
	return nil
}

// leave ends the counting of this process's writes by themselves.
func (l *Ledger) leave(name string) {
	l.store.call("")
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := l.forgetNames(ctx, name); err != nil {
		l.opts.Logger.DebugContext(ctx, "the counts of this process stay in Redis for a day", "error", err)
	}
}

// forgetNames takes away what was counted under names of processes.
func (l *Ledger) forgetNames(ctx context.Context, names ...string) error {
	fields, members := make([]string, len(names)), make([]any, len(names))
	for i, name := range names {
		fields[i], members[i] = "w"+name, name
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			p.HDel(ctx, shardStateKey(i), fields...)
		}
		p.ZRem(ctx, watchersKey, members...)
		return nil
	})
	return err
}
