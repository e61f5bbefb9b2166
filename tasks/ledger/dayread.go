package ledger

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// dayReader reads the index of a day, the newest entry of all shards first. It keeps what it has read
// ahead of each shard: reading the day page by page from where the last one ended would read each
// entry as often as there are shards.
type dayReader struct {
	ledger *Ledger
	day    string
	batch  int                // entries of a shard that are read at once
	ahead  [shards][]dayEntry // read, and not returned yet
	last   [shards]string     // id of the last one that was read
	done   [shards]bool       // there are no more
}

// readAhead is the usual batch.
const readAhead = 250

// page returns the next entries, at most count, and where they lead; none at the end.
func (d *dayReader) page(ctx context.Context, count int) ([]dayEntry, error) {
	var page []dayEntry
	for len(page) < count {
		if err := d.fill(ctx); err != nil {
			return nil, err
		}
		newest := -1
		for i, a := range d.ahead {
			if len(a) > 0 && (newest < 0 || a[0].before(d.ahead[newest][0]) < 0) {
				newest = i
			}
		}
		if newest < 0 {
			break
		}
		page = append(page, d.ahead[newest][0])
		d.ahead[newest] = d.ahead[newest][1:]
	}
	return page, d.ledger.locateAll(ctx, page)
}

// fill reads on where nothing is left of a shard that has more, and then of others with little left,
// too: one way to Redis serves all.
func (d *dayReader) fill(ctx context.Context) error {
	short := false
	for i := range shards {
		short = short || len(d.ahead[i]) == 0 && !d.done[i]
	}
	if !short {
		return nil
	}
	var read [shards]*redis.XMessageSliceCmd
	_, err := d.ledger.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range shards {
			if d.done[i] || len(d.ahead[i]) > d.batch/2 {
				continue
			}
			end := "+"
			if d.last[i] != "" {
				end = "(" + d.last[i]
			}
			read[i] = p.XRevRangeN(ctx, dayKey(i, d.day), end, "-", int64(d.batch))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, cmd := range read {
		if cmd == nil {
			continue
		}
		for _, m := range cmd.Val() {
			key, _ := m.Values["k"].(string)
			d.ahead[i] = append(d.ahead[i], dayEntry{d.day, i, m.ID, place{key: key}})
			d.last[i] = m.ID
		}
		d.done[i] = len(cmd.Val()) < d.batch
	}
	return nil
}
