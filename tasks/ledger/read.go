package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Get returns the record of a key, or ErrNotFound.
func (l *Ledger) Get(ctx context.Context, key string) (Record, error) {
	at, err := l.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	records, err := l.read(ctx, []place{at})
	if err != nil {
		return Record{}, fmt.Errorf("ledger: read %s: %w", key, err)
	}
	if len(records) == 0 {
		return Record{}, fmt.Errorf("ledger: %q: %w", key, ErrNotFound)
	}
	return records[0], nil
}

func (l *Ledger) find(ctx context.Context, key string) (place, error) {
	name, err := l.rdb.Get(ctx, indexKey(key)).Result()
	if errors.Is(err, redis.Nil) {
		return place{}, fmt.Errorf("ledger: %q: %w", key, ErrNotFound)
	}
	if err != nil {
		return place{}, fmt.Errorf("ledger: look up %s: %w", key, err)
	}
	return placeOf(key, name), nil
}

// Transaction returns all cancellations of a payment that the ledger keeps, in the order in which
// they were accepted, and none where it knows none.
func (l *Ledger) Transaction(ctx context.Context, mchtID, orgTrdNo string) ([]Record, error) {
	at := locate("", mchtID, orgTrdNo)
	p, err := l.store.load(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("ledger: read payment %s: %w", at.name(), err)
	}
	if p == nil {
		return nil, nil
	}
	return l.records(p, at), nil
}

// records returns every cancellation of p.
func (l *Ledger) records(p *Payment, at place) []Record {
	records := make([]Record, len(p.Cancellations))
	for i, c := range p.Cancellations {
		records[i] = p.record(c, l.store.known(at.shard), l.rules)
	}
	return records
}

// known returns the epoch of a shard as this process knows it, for what is only shown.
func (s *store) known(shard int) Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Moment{Epoch: s.shards[shard].epoch, EpochAt: s.shards[shard].since}
}

// payments returns the payments at places, nil where there is none. Where some cannot be read it
// returns the others, and an ErrDamaged that names them.
func (l *Ledger) payments(ctx context.Context, places []place) ([]*Payment, error) {
	if len(places) == 0 {
		return nil, nil
	}
	cmds := make([]*redis.StringCmd, len(places))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, at := range places {
			cmds[i] = p.Get(ctx, at.paymentKey())
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	payments := make([]*Payment, len(places))
	var damaged []error
	for i, cmd := range cmds {
		raw, err := cmd.Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if payments[i], err = decodePayment(places[i], raw); err != nil {
			payments[i] = nil
			if places[i].key != "" {
				err = fmt.Errorf("%s: %w", places[i].key, err)
			}
			damaged = append(damaged, err)
		}
	}
	return payments, errors.Join(damaged...)
}

// read returns the records at places, without those that are not there. Where some cannot be read
// it returns the others, and an ErrDamaged that names them.
func (l *Ledger) read(ctx context.Context, places []place) ([]Record, error) {
	payments, err := l.payments(ctx, places)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, err
	}
	var records []Record
	for i, p := range payments {
		if p == nil {
			continue
		}
		if c := p.Find(places[i].key); c != nil {
			records = append(records, p.record(c, l.store.known(places[i].shard), l.rules))
		}
	}
	return records, err
}
