package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Event says that a cancellation has ended or become a dead letter. It is stored in the same step as that state.
type Event struct {
	ID     string // unique, and the same whenever the event is told again
	Seq    int    // counts the events of one cancellation, from 1
	Record Record // as it was then, without its attempts and acts

	shard int
	entry string
}

// Outbox answers events that have not been crossed out, at most limit of each shard. Those of one cancellation come in
// their order.
func (l *Ledger) Outbox(ctx context.Context, limit int64) ([]Event, error) {
	var pages [shards]*redis.XMessageSliceCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			pages[i] = p.XRangeN(ctx, outboxKey(i), "-", "+", limit)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: read the outbox: %w", err)
	}
	var events []Event
	var damaged []error
	for shard, page := range pages {
		for _, m := range page.Val() {
			e, err := newEvent(shard, m)
			if err != nil {
				damaged = append(damaged, err)
				continue
			}
			events = append(events, e)
		}
	}
	return events, errors.Join(damaged...)
}

func newEvent(shard int, m redis.XMessage) (Event, error) {
	text := func(field string) string { s, _ := m.Values[field].(string); return s }
	p, ok := placeOfMember(text("m"))
	seq, err := strconv.Atoi(text("n"))
	var s stored
	if err == nil {
		err = json.Unmarshal([]byte(text("c")), &s)
	}
	if err != nil || !ok {
		return Event{}, fmt.Errorf("%w: event %s of shard %d", ErrDamaged, m.ID, shard)
	}
	r, err := s.record(p, 0, 0)
	return Event{ID: strconv.Itoa(shard) + "-" + strings.ReplaceAll(m.ID, "-", "."), Seq: seq, Record: r, shard: shard, entry: m.ID}, err
}

// CrossOut removes events that have been told from the outbox.
func (l *Ledger) CrossOut(ctx context.Context, events []Event) error {
	by := map[int][]string{}
	for _, e := range events {
		by[e.shard] = append(by[e.shard], e.entry)
	}
	for shard, entries := range by {
		if err := crossOutScript.Run(ctx, l.rdb, []string{outboxKey(shard)}, entries).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return fmt.Errorf("ledger: cross events out: %w", err)
		}
	}
	return nil
}
