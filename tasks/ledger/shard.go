package ledger

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// shardState is what this process knows of a shard.
type shardState struct {
	count   int64 // the highest that was answered
	own     int64 // of its own writes
	epoch   int64
	since   int64 // ms, of the epoch
	redis   int64 // ms, the time of Redis …
	local   time.Time
	clocked bool
}

// moment returns the time and the epoch of a shard. The time is Redis's own, as far as this process
// could follow it since the last answer; the next answer corrects it.
func (s *store) moment(ctx context.Context, shard int) (Moment, error) {
	s.mu.Lock()
	state := s.shards[shard]
	s.mu.Unlock()
	if s.opts.Now != nil {
		return Moment{s.opts.Now().UnixMilli(), state.epoch, state.since}, nil
	}
	if !state.clocked || time.Since(state.local) > time.Minute {
		before := time.Now()
		at, err := s.clock(ctx, shard)
		if err != nil {
			return Moment{}, err
		}
		ms := at.UnixMilli()
		s.learn(shard, shardState{redis: ms, local: before, clocked: true})
		return Moment{ms, state.epoch, state.since}, nil
	}
	return Moment{state.redis + time.Since(state.local).Milliseconds(), state.epoch, state.since}, nil
}

// clock asks the Redis that has a shard for its time.
func (s *store) clock(ctx context.Context, shard int) (time.Time, error) {
	cluster, ok := s.rdb.(*redis.ClusterClient)
	if !ok {
		return s.rdb.Time(ctx).Result()
	}
	master, err := cluster.MasterForKey(ctx, shardStateKey(shard))
	if err != nil {
		return time.Time{}, err
	}
	return master.Time(ctx).Result()
}

// learn keeps what an answer told of a shard.
func (s *store) learn(shard int, told shardState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := &s.shards[shard]
	known.count, known.own = max(told.count, known.count), max(told.own, known.own)
	if told.epoch > known.epoch {
		known.own = told.own // it starts anew
		known.epoch, known.since = told.epoch, told.since
		clear(s.expiring) // it may have forgotten that, too
		if all := s.memory.of(shard, "", time.Now()); len(all) > 0 {
			s.saying.Add(1)
			go s.sayAgain(shard, all)
		}
	}
	if told.clocked {
		known.redis, known.local, known.clocked = told.redis, told.local, true
	}
}

// heardOf returns what this process knows of each shard, and its name.
func (s *store) heardOf() ([shards]shardState, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shards, s.name
}

// call gives this process a name, under which its writes are counted from now on; "" takes it away.
func (s *store) call(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
	for i := range s.shards {
		s.shards[i].own = 0
	}
}

// heard keeps what an answer of store.lua told of a shard.
func (s *store) heard(ctx context.Context, shard int, r answer) {
	s.learn(shard, shardState{count: r.count, own: r.own, epoch: r.epoch, since: r.since, redis: r.now, local: time.Now(), clocked: true})
	if r.word == "epoch" && r.since == r.now { // found by this very call
		s.opts.Logger.ErrorContext(ctx, "Redis has forgotten confirmed writes: see RedisForgot in the runbook", "shard", shard, "epoch", r.epoch)
	}
}

// notice runs store.lua for a payment that there is not, so that it only looks at the shard.
func (s *store) notice(ctx context.Context, shard int) error {
	all, name := s.heardOf()
	known, at := all[shard], place{shard: shard}
	r, err := s.run(ctx, &change{at: at}, writing{keys: []string{at.paymentKey(), shardStateKey(shard)},
		args: []any{newID(), newID(), "", 0, known.count, known.epoch, "", name, known.own}})
	if err == nil {
		s.heard(ctx, shard, r)
	}
	return err
}
