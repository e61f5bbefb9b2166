package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Epochs reports whether Redis has forgotten confirmed writes.
type Epochs struct {
	Raised    int64     // how often that was found, or said by Recover, over all shards
	Since     time.Time // when it was last; zero for never
	Forgotten int64     // how many writes were found missing, at least
	Cautious  bool      // sums that the ledger cannot explain are for people still
}

// Epochs returns what was found of forgotten writes.
func (l *Ledger) Epochs(ctx context.Context) (Epochs, error) {
	states, err := l.states(ctx)
	if err != nil {
		return Epochs{}, fmt.Errorf("ledger: read the epochs: %w", err)
	}
	now, err := l.Now(ctx)
	if err != nil {
		return Epochs{}, fmt.Errorf("ledger: read the epochs: %w", err)
	}
	var all Epochs
	for shard, s := range states {
		l.store.learn(shard, shardState{epoch: s.epoch, since: s.since})
		all.Raised += s.epoch
		all.Forgotten += s.missing
		if at := fromMillis(s.since); at.After(all.Since) {
			all.Since = at
		}
		all.Cautious = all.Cautious || l.rules.Cautious(Moment{Now: now.UnixMilli(), EpochAt: s.since})
	}
	return all, nil
}

// storedState is the state of a shard as Redis has it: see store.lua.
type storedState struct{ count, epoch, since, missing, own int64 }

func (l *Ledger) states(ctx context.Context) (all [shards]storedState, err error) {
	var read [shards]*redis.SliceCmd
	_, name := l.store.heardOf()
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			read[i] = p.HMGet(ctx, shardStateKey(i), "w", "e", "t", "f", "w"+name)
		}
		return nil
	})
	if err != nil {
		return all, err
	}
	for shard, s := range read {
		number := func(i int) int64 {
			text, _ := s.Val()[i].(string)
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		}
		all[shard] = storedState{number(0), number(1), number(2), number(3), number(4)}
	}
	return all, nil
}

// raise raises the epoch of shards.
func raise(ctx context.Context, p redis.Pipeliner, which []int, now time.Time) {
	for _, i := range which {
		p.HIncrBy(ctx, shardStateKey(i), "e", 1)
		p.HSet(ctx, shardStateKey(i), "t", now.UnixMilli())
		p.HIncrBy(ctx, shardStateKey(i), "w", farAhead)
	}
}

// recoveredKey holds who said last that an old copy of Redis was put in place.
const recoveredKey = prefix + "recovered"

// Recover says by hand that Redis may have forgotten confirmed writes: an old copy of it was put in
// place. It raises the epoch of every shard.
func (l *Ledger) Recover(ctx context.Context, d Decision) error {
	if d.Note == "" {
		return errors.New("ledger: recover: a note must say what was put in place, and why")
	}
	now, err := l.Now(ctx)
	if err != nil {
		return fmt.Errorf("ledger: recover: %w", err)
	}
	all := make([]int, shards)
	for i := range all {
		all[i] = i
	}
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		raise(ctx, p, all, now)
		p.HSet(ctx, recoveredKey, "by", d.Who, "note", d.Note, "at", now.UnixMilli())
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: recover: repeat the call: %w", err)
	}
	return nil
}

// farAhead is how far the count of a shard is moved on, so that nobody who remembers a higher one
// than the old copy has finds the same loss again. store.lua moves it as far.
const farAhead = 1 << 20
