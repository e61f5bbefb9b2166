package ledger

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed setaside.lua
var setAsideLua string

var setAsideScript = redis.NewScript(setAsideLua)

// Event says that a cancellation has ended or become a dead letter. It is stored in the same step
// as that state.
type Event struct {
	ID     string // of the entry; what names the event to others is the record's key with Seq
	Seq    int    // counts the events of one cancellation, from 1
	Record Record // as it was then, without its attempts and acts
	Damage error  // why it cannot be read, an ErrDamaged; then ID alone is set besides

	shard int
	entry string
}

// Outbox returns events that have not been acknowledged, at most limit of each shard. Those of one
// cancellation come in their order. Those that cannot be read are among them: who cannot tell them
// must set them aside, or they take the others' places.
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
	for shard, page := range pages {
		for _, m := range page.Val() {
			events = append(events, newEvent(shard, m))
		}
	}
	return events, nil
}

func newEvent(shard int, m redis.XMessage) Event {
	e := Event{ID: strconv.Itoa(shard) + "-" + m.ID, shard: shard, entry: m.ID}
	text := func(field string) string { s, _ := m.Values[field].(string); return s }
	mchtID, orgTrdNo, ok := strings.Cut(text("p"), ":")
	seq, err := strconv.Atoi(text("n"))
	c := &Cancellation{}
	if err == nil {
		err = json.Unmarshal([]byte(text("c")), c)
	}
	if err != nil || !ok || !slices.Contains(Statuses(), c.Status) {
		e.Damage = fmt.Errorf("%w: entry %s of %s", ErrDamaged, m.ID, outboxKey(shard))
		return e
	}
	p := &Payment{MchtID: mchtID, OrgTrdNo: orgTrdNo}
	e.Seq, e.Record = seq, p.record(c, Moment{}, Rules{})
	return e
}

// Ack removes events that have been told from the outbox.
func (l *Ledger) Ack(ctx context.Context, events []Event) error {
	by := map[int][]string{}
	for _, e := range events {
		by[e.shard] = append(by[e.shard], e.entry)
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for shard, entries := range by {
			p.XDel(ctx, outboxKey(shard), entries...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: acknowledge events: %w", err)
	}
	return nil
}

// keptDamaged is how many events that cannot be read are kept of each shard, the last ones.
const keptDamaged = 1000

// SetAside moves events that cannot be told out of the way of the others, to where a person can look
// at them. Of each shard the last 1000 are kept. It returns those that it has moved, also with an
// error, which may be of one shard alone.
func (l *Ledger) SetAside(ctx context.Context, events []Event) (moved []Event, failed error) {
	if len(events) == 0 {
		return nil, nil
	}
	runs := make([]*redis.Cmd, len(events))
	_, _ = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each tells its own error
		for i, e := range events {
			runs[i] = setAsideScript.Eval(ctx, p, []string{outboxKey(e.shard), damagedKey(e.shard)}, keptDamaged, e.entry)
		}
		return nil
	})
	for i, e := range events {
		if err := runs[i].Err(); err != nil {
			failed = cmp.Or(failed, fmt.Errorf("ledger: set event %s aside: %w", e.ID, err))
			continue
		}
		moved = append(moved, e)
	}
	return moved, failed
}

// Backlog is what has not been told.
type Backlog struct {
	Waiting int64     // events in the outbox
	Oldest  time.Time // since when the oldest of them has waited, by the clock of Redis; zero where none waits
	Damaged int64     // events that were set aside
}

// Backlog returns how much has not been told. It reads one event of each shard and takes one round
// trip.
func (l *Ledger) Backlog(ctx context.Context) (Backlog, error) {
	var waiting, damaged [shards]*redis.IntCmd
	var first [shards]*redis.XMessageSliceCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			waiting[i], damaged[i] = p.XLen(ctx, outboxKey(i)), p.XLen(ctx, damagedKey(i))
			first[i] = p.XRangeN(ctx, outboxKey(i), "-", "+", 1)
		}
		return nil
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("ledger: measure the outbox: %w", err)
	}
	var b Backlog
	for i := range shards {
		b.Waiting += waiting[i].Val()
		b.Damaged += damaged[i].Val()
		for _, m := range first[i].Val() {
			text, _, _ := strings.Cut(m.ID, "-")
			ms, _ := strconv.ParseInt(text, 10, 64) // Redis made it
			if since := time.UnixMilli(ms); b.Oldest.IsZero() || since.Before(b.Oldest) {
				b.Oldest = since
			}
		}
	}
	return b, nil
}
