package tasks

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

// EventStream is the Redis Stream that every Event is added to. An entry has the fields "id" and
// "event", the Event as JSON.
const EventStream = "settlecancel:events"

const (
	eventPage = 500
	// followPause is how long a follower's read waits for the next event; its end is noticed in
	// between.
	followPause = 500 * time.Millisecond
	// clockSlack is how far the clocks of a Redis Cluster may be apart.
	clockSlack = time.Minute
)

// AppendEvents adds events to EventStream, all of them or none, and lets it keep about the last
// keep.
func (c *Client) AppendEvents(ctx context.Context, events []Event, keep int64) error {
	_, err := c.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range events {
			raw, err := json.Marshal(e)
			if err != nil {
				return err
			}
			p.XAdd(ctx, &redis.XAddArgs{Stream: EventStream, MaxLen: keep, Approx: true, Values: []any{"id", e.ID, "event", raw}})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add %d events to %s: %w", len(events), EventStream, err)
	}
	return nil
}

// Events returns the events of EventStream whose time is since or later, and, where until is not
// zero, before until; each once, however often it was told. An error ends it, save one of a damaged
// entry (ledger.ErrDamaged), which the others follow.
func (c *Client) Events(ctx context.Context, since, until time.Time) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		seen := map[string]bool{}
		from := strconv.FormatInt(max(0, since.Add(-clockSlack).UnixMilli()), 10)
		for {
			page, err := c.rdb.XRangeN(ctx, EventStream, from, "+", eventPage).Result()
			if err != nil {
				yield(Event{}, fmt.Errorf("read %s: %w", EventStream, err))
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
			if len(page) < eventPage {
				return
			}
			from = "(" + page[len(page)-1].ID
		}
	}
}

// FollowEvents returns the events that are added to EventStream from now on, or all that it holds
// and then those, until ctx ends. Errors are as with Events.
func (c *Client) FollowEvents(ctx context.Context, fromStart bool) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		last := "0"
		if !fromStart {
			newest, err := c.rdb.XRevRangeN(ctx, EventStream, "+", "-", 1).Result()
			if err != nil {
				yield(Event{}, fmt.Errorf("read %s: %w", EventStream, err))
				return
			}
			if len(newest) == 1 {
				last = newest[0].ID
			}
		}
		for ctx.Err() == nil {
			read, err := c.rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{EventStream, last}, Count: eventPage, Block: followPause}).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				if ctx.Err() == nil {
					yield(Event{}, fmt.Errorf("read %s: %w", EventStream, err))
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
		return Event{}, fmt.Errorf("%w: entry %s of %s is no event", ledger.ErrDamaged, m.ID, EventStream)
	}
	return e, nil
}
