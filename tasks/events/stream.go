package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger"
)

// Stream is the Redis Stream that every Event is added to. An entry has the fields "id" and
// "event", the Event as JSON.
const Stream = "settlecancel:events"

const (
	pageSize = 500
	// followPause is how long a follower's read waits for the next event; its end is noticed in
	// between.
	followPause = 500 * time.Millisecond
	// clockSlack is how far the clocks of a Redis Cluster may be apart.
	clockSlack = time.Minute
)

// Append adds events to Stream, all of them or none, and lets it keep about the last
// keep.
func Append(ctx context.Context, rdb redis.UniversalClient, events []Event, keep int64) error {
	_, err := rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range events {
			raw, err := json.Marshal(e)
			if err != nil {
				return err
			}
			p.XAdd(ctx, &redis.XAddArgs{Stream: Stream, MaxLen: keep, Approx: true, Values: []any{"id", e.ID, "event", raw}})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add %d events to %s: %w", len(events), Stream, err)
	}
	return nil
}

// Read returns the events of Stream whose time is since or later, and, where until is not
// zero, before until; each once, however often it was told. An error ends it, save one of a damaged
// entry (ledger.ErrDamaged), which the others follow.
func Read(ctx context.Context, rdb redis.UniversalClient, since, until time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		seen := map[string]bool{}
		from := strconv.FormatInt(max(0, since.Add(-clockSlack).UnixMilli()), 10)
		for {
			page, err := rdb.XRangeN(ctx, Stream, from, "+", pageSize).Result()
			if err != nil {
				yield(Event{}, fmt.Errorf("read %s: %w", Stream, err))
				return
			}
			for _, m := range page {
				e, err := readEvent(m)
				if err == nil && (seen[e.ID] || e.Timestamp.Before(since) || (!until.IsZero() && !e.Timestamp.Before(until))) {
					continue
				}
				seen[e.ID] = true
				if !yield(e, err) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			from = "(" + page[len(page)-1].ID
		}
	}
}

// Follow returns the events that are added to Stream from now on, or all that it holds
// and then those, until ctx ends. Errors are as with Read.
func Follow(ctx context.Context, rdb redis.UniversalClient, fromStart bool) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		last := "0"
		if !fromStart {
			newest, err := rdb.XRevRangeN(ctx, Stream, "+", "-", 1).Result()
			if err != nil {
				yield(Event{}, fmt.Errorf("read %s: %w", Stream, err))
				return
			}
			if len(newest) == 1 {
				last = newest[0].ID
			}
		}
		for ctx.Err() == nil {
			read, err := rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{Stream, last}, Count: pageSize, Block: followPause}).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				if ctx.Err() == nil {
					yield(Event{}, fmt.Errorf("read %s: %w", Stream, err))
				}
				return
			}
			for _, stream := range read {
				for _, m := range stream.Messages {
					last = m.ID
					if !yield(readEvent(m)) {
						return
					}
				}
			}
		}
	}
}

func readEvent(m redis.XMessage) (Event, error) {
	var e Event
	raw, _ := m.Values["event"].(string)
	if err := json.Unmarshal([]byte(raw), &e); err != nil || e.ID == "" {
		return Event{}, fmt.Errorf("%w: entry %s of %s is no event", ledger.ErrDamaged, m.ID, Stream)
	}
	return e, nil
}
