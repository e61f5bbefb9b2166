package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// What a caller decides on.
var (
	ErrNotFound      = errors.New("no such cancellation")
	ErrConflict      = errors.New("the idempotency key was used before with other parameters")
	ErrFull          = errors.New("the transaction has as many cancellations as the gateway has rounds")
	ErrNotReplicated = errors.New("too few Redis replicas hold the write")
	ErrNotDead       = errors.New("not a dead letter")
	ErrEnded         = errors.New("already ended")
	ErrBusy          = errors.New("a request or an inquiry of it is under way")
	ErrStale         = errors.New("another attempt has taken over")
	ErrDamaged       = errors.New("the record cannot be read")
)

// Options of a Ledger. The zero value of each field means its default.
type Options struct {
	Retention    time.Duration    // how long ended cancellations are kept; default 4320h
	Lease        time.Duration    // how long an attempt may hold a transaction; default 60s
	Margin       time.Duration    // how long before the end of its lease a holder stops sending; default a quarter of it
	VerifyAfter  time.Duration    // how long after the end of a lost attempt it is inquired after; default 60s
	WaitReplicas int              // replicas that must hold an acceptance or an intent; default 0
	WaitTimeout  time.Duration    // how long to wait for them; default 2s
	Now          func() time.Time // for tests; default is the clock of Redis
}

// Ledger is the record of all cancellations in one Redis. It is safe for concurrent use.
type Ledger struct {
	rdb  redis.UniversalClient
	opts Options
}

// New returns a ledger on rdb, which the caller closes.
func New(rdb redis.UniversalClient, o Options) *Ledger {
	defaults := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	defaults(&o.Retention, 4320*time.Hour)
	defaults(&o.Lease, time.Minute)
	defaults(&o.Margin, o.Lease/4)
	defaults(&o.VerifyAfter, time.Minute)
	defaults(&o.WaitTimeout, 2*time.Second)
	return &Ledger{rdb: rdb, opts: o}
}

// Lease returns how long an attempt may hold a transaction.
func (l *Ledger) Lease() time.Duration { return l.opts.Lease }

// Get returns the record of a key, or ErrNotFound.
func (l *Ledger) Get(ctx context.Context, key string) (Record, error) {
	p, err := l.find(ctx, key)
	if err != nil {
		return Record{}, err
	}
	records, err := l.read(ctx, []place{p})
	if err != nil {
		return Record{}, fmt.Errorf("ledger: read %s: %w", key, err)
	}
	if len(records) == 0 {
		return Record{}, fmt.Errorf("ledger: %q: %w", key, ErrNotFound)
	}
	return records[0], nil
}

func (l *Ledger) find(ctx context.Context, key string) (place, error) {
	txn, err := l.rdb.Get(ctx, indexKey(key)).Result()
	if errors.Is(err, redis.Nil) {
		return place{}, fmt.Errorf("ledger: %q: %w", key, ErrNotFound)
	}
	if err != nil {
		return place{}, fmt.Errorf("ledger: look up %s: %w", key, err)
	}
	return placeOf(key, txn), nil
}

// read returns the records at places, without those that are not there. Where some cannot be read
// it answers the others, and an ErrDamaged that names them.
func (l *Ledger) read(ctx context.Context, places []place) ([]Record, error) {
	cmds := make([]*redis.StringCmd, len(places))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, at := range places {
			cmds[i] = p.Get(ctx, at.txnKey())
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	var records []Record
	var damaged []error
	for i, cmd := range cmds {
		raw, err := cmd.Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r, ok, err := decodeTransaction(places[i], raw)
		if err != nil {
			damaged = append(damaged, err)
		} else if ok {
			records = append(records, r)
		}
	}
	return records, errors.Join(damaged...)
}

// now returns what the scripts take for the time: 0 lets them ask Redis.
func (l *Ledger) now() int64 {
	if l.opts.Now == nil {
		return 0
	}
	return l.opts.Now().UnixMilli()
}

func newToken() string { return rand.Text()[:16] }
