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

	"settlecancel/gateway/settlebank"

	"github.com/redis/go-redis/v9"
)

// dayEntry is one entry of the index of a day: a cancellation that was accepted, or ended, on it.
type dayEntry struct {
	day   string
	shard int
	id    string // of the stream's entry
	place place
}

// before reports whether a comes before b in a listing: later days, later entries, lower shards
// first.
func (a dayEntry) before(b dayEntry) int {
	return cmp.Or(cmp.Compare(b.day, a.day), compareIDs(b.id, a.id), cmp.Compare(a.shard, b.shard))
}

// compareIDs compares two ids of streams: ms, then a number.
func compareIDs(a, b string) int {
	split := func(id string) (int64, int64) {
		ms, seq, _ := strings.Cut(id, "-")
		m, _ := strconv.ParseInt(ms, 10, 64)
		n, _ := strconv.ParseInt(seq, 10, 64)
		return m, n
	}
	am, an := split(a)
	bm, bn := split(b)
	return cmp.Or(cmp.Compare(am, bm), cmp.Compare(an, bn))
}

func (a dayEntry) cursor() string { return a.day + " " + a.id + " " + strconv.Itoa(a.shard) }

// ErrCursor is returned for a cursor that no listing answered.
var ErrCursor = errors.New("ledger: the cursor is not one that a list answered")

func parseDayCursor(s string) (*dayEntry, error) {
	if s == "" {
		return nil, nil
	}
	var e dayEntry
	if n, err := fmt.Sscanf(s, "%s %s %d", &e.day, &e.id, &e.shard); err != nil || n != 3 || e.cursor() != s {
		return nil, ErrCursor
	}
	if _, err := time.ParseInLocation(dayLayout, e.day, settlebank.KST); err != nil || !strings.Contains(e.id, "-") {
		return nil, ErrCursor
	}
	return &e, nil
}

// ofDays walks the index from the newest day that q asks for to the oldest.
func (l *Ledger) ofDays(ctx context.Context, q Query) ([]Record, string, error) {
	after, err := parseDayCursor(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	now, err := l.Now(ctx)
	if err != nil {
		return nil, "", err
	}
	newest, oldest := now.Add(24*time.Hour), now.Add(-l.opts.Retention-48*time.Hour)
	if !q.Before.IsZero() && q.Before.Before(newest) {
		newest = q.Before.Add(-time.Nanosecond) // at midnight, that day itself is not asked for
	}
	if q.From.After(oldest) {
		oldest = q.From
	}
	day := newest.In(settlebank.KST).Format(dayLayout)
	if after != nil && after.day < day {
		day = after.day
	}
	var records []Record
	var damaged error
	work := 0
	for day >= oldest.In(settlebank.KST).Format(dayLayout) {
		page, err := l.dayPage(ctx, day, after, int64(min(q.Limit+1, 500)))
		if err != nil {
			return nil, "", err
		}
		found, taken, err := l.take(ctx, q, page, q.Limit-len(records))
		if err != nil && !errors.Is(err, ErrDamaged) {
			return nil, "", err
		}
		damaged = errors.Join(damaged, err)
		records = append(records, found...)
		if taken > 0 {
			after = &page[taken-1]
		}
		if work += taken; taken > 0 && (len(records) >= q.Limit || work >= searchWork) {
			return records, after.cursor(), damaged
		}
		if len(page) == 0 {
			day, after = dayBefore(day), nil
		}
	}
	return records, "", damaged
}

func dayBefore(day string) string {
	t, _ := time.ParseInLocation(dayLayout, day, settlebank.KST)
	return t.AddDate(0, 0, -1).Format(dayLayout)
}

// dayPage returns the next entries of a day, the newest first, of all shards together.
func (l *Ledger) dayPage(ctx context.Context, day string, after *dayEntry, count int64) ([]dayEntry, error) {
	var pages [shards]*redis.XMessageSliceCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			end := "+"
			if after != nil && after.day == day {
				end = after.id
				if i <= after.shard {
					end = "(" + after.id
				}
			}
			pages[i] = p.XRevRangeN(ctx, dayKey(i, day), end, "-", count)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []dayEntry
	for i, page := range pages {
		for _, m := range page.Val() {
			key, _ := m.Values["k"].(string)
			all = append(all, dayEntry{day, i, m.ID, place{key: key}})
		}
	}
	slices.SortFunc(all, dayEntry.before)
	all = all[:min(len(all), int(count))]
	return all, l.locateAll(ctx, all)
}

// locateAll finds out of which payments the entries are. One whose key leads nowhere has no payment
// any more, and keeps a place where there is none.
func (l *Ledger) locateAll(ctx context.Context, entries []dayEntry) error {
	names := make([]*redis.StringCmd, len(entries))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range entries {
			names[i] = p.Get(ctx, indexKey(e.place.key))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for i, name := range names {
		if err := name.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		entries[i].place = placeOf(entries[i].place.key, name.Val())
	}
	return nil
}

// take returns the records of a page that q asks for, at most limit, and how many entries it took.
func (l *Ledger) take(ctx context.Context, q Query, page []dayEntry, limit int) ([]Record, int, error) {
	places := make([]place, len(page))
	for i, e := range page {
		places[i] = e.place
	}
	payments, err := l.payments(ctx, places)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, 0, err
	}
	var records []Record
	for i, p := range payments {
		if len(records) == limit {
			return records, i, err
		}
		if p == nil {
			continue
		}
		c := p.Find(places[i].key)
		if c == nil || dayOf(c.Accepted) != page[i].day { // it has ended on that day, and stands at its own
			continue
		}
		if r := p.record(c, l.store.known(places[i].shard), l.rules); q.takes(r) {
			records = append(records, r)
		}
	}
	return records, len(page), err
}

// Day walks what was accepted, or ended, or became a dead letter, on a Korean day (yyyyMMdd), the
// newest first. One may come twice. After an ErrDamaged, which names what cannot be read, it goes
// on with the others.
func (l *Ledger) Day(ctx context.Context, day string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for d := (&dayReader{ledger: l, day: day, batch: readAhead}); ; {
			page, err := d.page(ctx, 500)
			if err != nil {
				yield(Record{}, fmt.Errorf("ledger: day %s: %w", day, err))
				return
			}
			if len(page) == 0 {
				return
			}
			places := make([]place, len(page))
			for i, e := range page {
				places[i] = e.place
			}
			records, err := l.read(ctx, places)
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
			if err != nil && (!yield(Record{}, fmt.Errorf("ledger: day %s: %w", day, err)) || !errors.Is(err, ErrDamaged)) {
				return
			}
		}
	}
}

// Counter is how many cancellations came to one status in one hour.
type Counter struct {
	Hour    time.Time // its start, Korean time
	MchtID  string
	Method  string
	Status  Status
	Code    string
	Count   int64
	Amount  int64 // of those in won
	Foreign int64 // of those in another currency, in its smallest unit
}

// Counters returns what ended, or became a dead letter, from one time to another, by the hour. They
// are kept for 35 days. One that became a dead letter and was retried counts again.
func (l *Ledger) Counters(ctx context.Context, from, before time.Time) ([]Counter, error) {
	var days []string
	for d := from.In(settlebank.KST); d.Before(before) || d.Format(dayLayout) == before.In(settlebank.KST).Format(dayLayout); d = d.AddDate(0, 0, 1) {
		days = append(days, d.Format(dayLayout))
	}
	cmds := make([]*redis.MapStringStringCmd, 0, len(days)*shards)
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, day := range days {
			for i := range shards {
				cmds = append(cmds, p.HGetAll(ctx, countersKey(i, day)))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: read the counters: %w", err)
	}
	sums := map[Counter]*Counter{}
	for i, cmd := range cmds {
		for field, value := range cmd.Val() {
			count(sums, days[i/shards], field, value)
		}
	}
	counters := make([]Counter, 0, len(sums))
	for _, c := range sums {
		if !c.Hour.Before(from.Truncate(time.Hour)) && c.Hour.Before(before) {
			counters = append(counters, *c)
		}
	}
	slices.SortFunc(counters, func(a, b Counter) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.MchtID, b.MchtID), cmp.Compare(a.Method, b.Method),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code))
	})
	return counters, nil
}

// count adds one field of a day's counters: see counterField.
func count(sums map[Counter]*Counter, day, field, value string) {
	name, won := strings.CutPrefix(field, amountField)
	name, foreign := strings.CutPrefix(name, foreignField)
	parts := strings.SplitN(name, "|", 5)
	n, err := strconv.ParseInt(value, 10, 64)
	begin, badDay := time.ParseInLocation(dayLayout, day, settlebank.KST)
	if len(parts) != 5 || err != nil || badDay != nil {
		return
	}
	hour, _ := strconv.Atoi(parts[0])
	c := Counter{Hour: begin.Add(time.Duration(hour) * time.Hour), MchtID: parts[1], Method: parts[2], Status: Status(parts[3]), Code: parts[4]}
	if sums[c] == nil {
		sum := c
		sums[c] = &sum
	}
	switch {
	case won:
		sums[c].Amount += n
	case foreign:
		sums[c].Foreign += n
	default:
		sums[c].Count += n
	}
}
