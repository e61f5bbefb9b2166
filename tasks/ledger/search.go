package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"

	"github.com/redis/go-redis/v9"
)

// Query says which cancellations to look for, of any status. The zero value of each field is no
// bound.
type Query struct {
	Statuses     []Status
	MchtID       string
	OrgMchtTrdNo string
	OrgTrdNo     string
	From, Before time.Time // of acceptance: at From or later, and earlier than Before
	Match        func(Record) bool
	Limit        int      // records a page; default 100
	Cursor       string   // where an earlier page ended; "" is the start
	MchtIDs      []string // merchants that OrgTrdNo is looked for at, where MchtID is not given
}

// searchWork is how many entries of the day index one call looks at, about.
const searchWork = 5000

// Search returns one page of the cancellations that q asks for, the newest acceptance first, and
// the cursor of the next page, "" at the end. None comes twice, and none is left out that is there
// all the while; a page may be short, or empty, before the end. An order number, or the number of a
// payment, leads to its cancellations at once; else the days are walked. With ErrDamaged, which
// names what cannot be read, records and cursor are valid nevertheless.
func (l *Ledger) Search(ctx context.Context, q Query) ([]Record, string, error) {
	q.Limit = cmp.Or(max(q.Limit, 0), 100)
	var records []Record
	var next string
	var err error
	switch {
	case q.OrgTrdNo != "" || q.OrgMchtTrdNo != "":
		var after *member
		if after, err = parseCursor(q.Cursor); err != nil {
			break
		}
		if q.OrgTrdNo != "" {
			records, err = l.ofPayments(ctx, q, l.candidates(q))
		} else {
			records, err = l.ofOrder(ctx, q)
		}
		records, next = pageOf(records, q, after)
	default:
		records, next, err = l.ofDays(ctx, q)
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, "", fmt.Errorf("ledger: search: %w", err)
	}
	return records, next, err
}

// takes reports whether q asks for r.
func (q Query) takes(r Record) bool {
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, r.Status)) &&
		(q.MchtID == "" || q.MchtID == r.MchtID) &&
		(q.OrgTrdNo == "" || q.OrgTrdNo == r.OrgTrdNo) &&
		(q.OrgMchtTrdNo == "" || q.OrgMchtTrdNo == r.OrgMchtTrdNo) &&
		!r.AcceptedAt.Before(q.From) && (q.Before.IsZero() || r.AcceptedAt.Before(q.Before)) &&
		(q.Match == nil || q.Match(r))
}

// candidates returns the payments that a number may be of.
func (l *Ledger) candidates(q Query) (places []place) {
	merchants := q.MchtIDs
	if q.MchtID != "" {
		merchants = []string{q.MchtID}
	}
	for _, id := range merchants {
		places = append(places, locate("", id, q.OrgTrdNo))
	}
	return places
}

func (l *Ledger) ofPayments(ctx context.Context, q Query, places []place) ([]Record, error) {
	payments, err := l.payments(ctx, places)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	var records []Record
	for i, p := range payments {
		if p != nil {
			records = append(records, slices.DeleteFunc(l.records(p, places[i]), func(r Record) bool { return !q.takes(r) })...)
		}
	}
	return records, err
}

// ofOrder looks an order number up in every month that is kept. What is older, and not ended,
// stands in no index any more: it is looked for among the open ones and the dead letters.
func (l *Ledger) ofOrder(ctx context.Context, q Query) ([]Record, error) {
	now, err := l.Now(ctx)
	if err != nil {
		return nil, err
	}
	low, high := "["+orderPrefix(q.OrgMchtTrdNo), "("+strings.TrimSuffix(orderPrefix(q.OrgMchtTrdNo), "|")+"}"
	var found []*redis.StringSliceCmd
	oldest := now.Add(-l.opts.Retention)
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, month := range monthsBetween(oldest.AddDate(0, -1, 0), now) {
			for shard := range shards {
				found = append(found, p.ZRangeByLex(ctx, orderKey(shard, month, q.OrgMchtTrdNo), &redis.ZRangeBy{Min: low, Max: high}))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var places []place
	for _, cmd := range found {
		for _, member := range cmd.Val() {
			_, name, _ := strings.Cut(member, "|")
			places = append(places, placeOf("", name))
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.name(), b.name()) })
	records, err := l.ofPayments(ctx, q, slices.Compact(places))
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	for _, set := range []Set{Open, DeadLetters} {
		for r, damage := range l.All(ctx, set, Listing{Until: oldest, Limit: 1000}) {
			if damage != nil {
				err = errors.Join(err, damage)
			} else if q.takes(r) && r.AcceptedAt.Before(oldest) && !slices.ContainsFunc(records, func(o Record) bool { return o.Key == r.Key }) {
				records = append(records, r)
			}
		}
	}
	return records, err
}

// monthsBetween returns the Korean months from one time to another, both included.
func monthsBetween(from, to time.Time) (months []string) {
	from, to = from.In(settlebank.KST), to.In(settlebank.KST)
	for m := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, settlebank.KST); !m.After(to); m = m.AddDate(0, 1, 0) {
		months = append(months, m.Format(monthLayout))
	}
	return months
}

// pageOf returns the page of records that are all known. The cursor names the last one that was
// shown: others may have come before it meanwhile.
func pageOf(records []Record, q Query, after *member) ([]Record, string) {
	order := func(a, b member) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.name, b.name)) }
	of := func(r Record) member { return member{float64(r.AcceptedAt.UnixMilli()), r.Key} }
	slices.SortFunc(records, func(a, b Record) int { return order(of(a), of(b)) })
	if after != nil {
		records = slices.DeleteFunc(records, func(r Record) bool { return order(of(r), *after) <= 0 })
	}
	if len(records) <= q.Limit {
		return records, ""
	}
	return records[:q.Limit], of(records[q.Limit-1]).cursor()
}

// Now returns the time of Redis.
func (l *Ledger) Now(ctx context.Context) (time.Time, error) {
	if l.opts.Now != nil {
		return l.opts.Now(), nil
	}
	return l.rdb.Time(ctx).Result()
}
