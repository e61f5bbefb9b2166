package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Set names a set of cancellations that the ledger keeps in order.
type Set int

// The sets.
const (
	// Open are those that the machine still works at, in the order in which they are due. While an
	// attempt holds one it stands where it stood before, though it is due later.
	Open        Set = iota + 1
	DeadLetters     // in the order in which they died
)

func (s Set) key(shard int) string {
	if s == Open {
		return openKey(shard)
	}
	return deadKey(shard)
}

// Counts returns how many cancellations are open and how many are dead letters.
func (l *Ledger) Counts(ctx context.Context) (open, dead int64, err error) {
	var counts [2][shards]*redis.IntCmd
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			counts[0][i] = p.ZCard(ctx, openKey(i))
			counts[1][i] = p.ZCard(ctx, deadKey(i))
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("ledger: count: %w", err)
	}
	for i := range shards {
		open += counts[0][i].Val()
		dead += counts[1][i].Val()
	}
	return open, dead, nil
}

// Listing says which part of a set to list.
type Listing struct {
	Newest bool      // the latest first; else the earliest first
	Since  time.Time // only what is due, or has died, then or later; zero is no bound
	Until  time.Time // only what was due, or had died, by then, and what an attempt holds; zero is no bound
	Cursor string    // where an earlier page ended; "" is the start
	Limit  int       // records a page; 0 is 100
}

// List returns one page of a set and the cursor of the next one, "" at the end. What enters or
// leaves the set meanwhile may be missed or not; nothing else is skipped or shown twice. A Cursor
// that List did not answer is an error. With ErrDamaged, which names what cannot be read, records
// and cursor are valid nevertheless.
func (l *Ledger) List(ctx context.Context, set Set, o Listing) ([]Record, string, error) {
	if o.Limit <= 0 {
		o.Limit = 100
	}
	after, err := parseCursor(o.Cursor)
	if err != nil {
		return nil, "", err
	}
	members, err := l.page(ctx, set, o, after)
	if err != nil {
		return nil, "", fmt.Errorf("ledger: list: %w", err)
	}
	next := ""
	if len(members) > o.Limit {
		members = members[:o.Limit]
		next = members[o.Limit-1].cursor()
	}
	places := make([]place, 0, len(members))
	for _, m := range members {
		if p, ok := placeOfMember(m.name); ok {
			places = append(places, p)
		}
	}
	if len(places) == 0 {
		return nil, next, nil
	}
	records, err := l.read(ctx, places)
	if errors.Is(err, ErrDamaged) {
		return records, next, fmt.Errorf("ledger: list: %w", err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("ledger: list: %w", err)
	}
	return records, next, nil
}

// All walks a whole set, page by page. After an ErrDamaged, which names what cannot be read, it
// goes on with the others.
func (l *Ledger) All(ctx context.Context, set Set, o Listing) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			records, next, err := l.List(ctx, set, o)
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
			if err != nil && (!yield(Record{}, err) || !errors.Is(err, ErrDamaged)) {
				return
			}
			if next == "" {
				return
			}
			o.Cursor = next
		}
	}
}

// member is one entry of a sorted set.
type member struct {
	score float64
	name  string
}

func (m member) cursor() string { return strconv.FormatFloat(m.score, 'f', 0, 64) + " " + m.name }

func parseCursor(s string) (*member, error) {
	if s == "" {
		return nil, nil
	}
	score, name, ok := strings.Cut(s, " ")
	ms, err := strconv.ParseInt(score, 10, 64)
	m := &member{score: float64(ms), name: name}
	if !ok || err != nil || m.cursor() != s {
		return nil, ErrCursor
	}
	return m, nil
}

// page returns the next limit members of all shards together, and one more where there is one.
func (l *Ledger) page(ctx context.Context, set Set, o Listing, after *member) ([]member, error) {
	order := func(a, b member) int {
		n := cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.name, b.name))
		if o.Newest {
			return -n
		}
		return n
	}
	var all []member
	for shard, n := range l.first(ctx, set, o, after) {
		if n.err != nil {
			return nil, n.err
		}
		some := n.members
		// Many members may share the cursor's score: read more until enough of them lie behind it,
		// from the start each time, because what leaves the set meanwhile would move the others
		// past an offset.
		for count := o.Limit + 1; len(some) == count && len(behind(some, after, order)) <= o.Limit; {
			count *= 2
			more, err := l.byScore(ctx, l.rdb, set.key(shard), o, after, int64(count)).Result()
			if err != nil {
				return nil, err
			}
			some = membersOf(more)
		}
		all = append(all, behind(some, after, order)...)
	}
	slices.SortFunc(all, order)
	return all[:min(len(all), o.Limit+1)], nil
}

type firstPage struct {
	members []member
	err     error
}

// first asks every shard in one round trip.
func (l *Ledger) first(ctx context.Context, set Set, o Listing, after *member) []firstPage {
	cmds := make([]*redis.ZSliceCmd, shards)
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			cmds[i] = l.byScore(ctx, p, set.key(i), o, after, int64(o.Limit)+1)
		}
		return nil
	})
	pages := make([]firstPage, shards)
	for i, cmd := range cmds {
		pages[i] = firstPage{membersOf(cmd.Val()), err}
	}
	return pages
}

func (l *Ledger) byScore(ctx context.Context, r redis.Cmdable, key string, o Listing, after *member, count int64) *redis.ZSliceCmd {
	low, high := "-inf", "+inf"
	if !o.Since.IsZero() {
		low = strconv.FormatInt(o.Since.UnixMilli(), 10)
	}
	if !o.Until.IsZero() {
		high = strconv.FormatInt(o.Until.UnixMilli(), 10)
	}
	if after != nil {
		if at := strconv.FormatFloat(after.score, 'f', 0, 64); o.Newest {
			high = at
		} else {
			low = at
		}
	}
	if o.Newest {
		low, high = high, low
	}
	return r.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{Key: key, Start: low, Stop: high, ByScore: true, Rev: o.Newest, Count: count})
}

func membersOf(zs []redis.Z) []member {
	out := make([]member, len(zs))
	for i, z := range zs {
		name, _ := z.Member.(string)
		out[i] = member{score: z.Score, name: name}
	}
	return out
}

func behind(all []member, after *member, order func(a, b member) int) []member {
	if after == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(m member) bool { return order(m, *after) <= 0 })
}
