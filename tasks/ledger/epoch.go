package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Epochs says whether Redis has forgotten confirmed writes.
type Epochs struct {
	Raised    int64     // how often that was found, or said by Recover, over all shards
	Since     time.Time // when it was last; zero for never
	Forgotten int64     // how many writes were found missing, at least
	Cautious  bool      // sums that the ledger cannot explain are for people still
}

// Epochs returns what was found of forgotten writes.
func (l *Ledger) Epochs(ctx context.Context) (Epochs, error) {
	var states [shards]*redis.SliceCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			states[i] = p.HMGet(ctx, shardStateKey(i), "e", "t", "f")
		}
		return nil
	})
	if err != nil {
		return Epochs{}, fmt.Errorf("ledger: read the epochs: %w", err)
	}
	now, err := l.Now(ctx)
	if err != nil {
		return Epochs{}, fmt.Errorf("ledger: read the epochs: %w", err)
	}
	var all Epochs
	for shard, state := range states {
		number := func(i int) int64 {
			text, _ := state.Val()[i].(string)
			n, _ := strconv.ParseInt(text, 10, 64)
			return n
		}
		epoch, since := number(0), number(1)
		l.store.learn(shard, shardState{epoch: epoch, since: since})
		all.Raised += epoch
		all.Forgotten += number(2)
		if at := fromMillis(since); at.After(all.Since) {
			all.Since = at
		}
		all.Cautious = all.Cautious || l.rules.Cautious(Moment{Now: now.UnixMilli(), EpochAt: since})
	}
	return all, nil
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
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			p.HIncrBy(ctx, shardStateKey(i), "e", 1)
			p.HSet(ctx, shardStateKey(i), "t", now.UnixMilli())
			p.HIncrBy(ctx, shardStateKey(i), "w", farAhead)
		}
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
