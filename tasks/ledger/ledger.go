package ledger

import (
	"context"
	"crypto/rand"
	"encoding/json"
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

// New answers a ledger on rdb, which the caller closes.
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

// Lease answers how long an attempt may hold a transaction.
func (l *Ledger) Lease() time.Duration { return l.opts.Lease }

// claimLife bounds the life of an index entry whose producer died before the cancellation was stored.
const claimLife = 24 * time.Hour

// Entry is a cancellation as the producer asked for it. Two with the same key are the same where all but Queue and By agree.
type Entry struct {
	Key      string // idempotency key; no space
	MchtID   string // no colon
	OrgTrdNo string
	Amount   int64           // smallest unit of the currency
	Full     bool            // cancels the whole payment
	Params   json.RawMessage // the other parameters, a JSON object of texts and numbers below 2^53
	Queue    string
	By       string
}

// Accepted is the answer to one Entry.
type Accepted struct {
	Record Record
	Known  bool  // it had been accepted before, with the same parameters; nothing was changed
	Err    error // ErrConflict or ErrFull: nothing was stored
}

// Accept stores a cancellation durably, or answers the one that the key names already. It returns ErrConflict where the key
// was used with other parameters, ErrFull, ErrNotReplicated, or what Redis said; after the latter two it may have been stored,
// and the same call may be repeated.
func (l *Ledger) Accept(ctx context.Context, e Entry) (Record, bool, error) {
	answers, err := l.AcceptMany(ctx, []Entry{e})
	if err != nil {
		return Record{}, false, fmt.Errorf("ledger: accept %s: %w", e.Key, err)
	}
	a := answers[0]
	if a.Err != nil {
		return Record{}, false, fmt.Errorf("ledger: accept %s: %w", e.Key, a.Err)
	}
	return a.Record, a.Known, nil
}

// AcceptMany accepts several in two round trips. An error means that none of them is confirmed; what befell a
// single one stands in its answer.
func (l *Ledger) AcceptMany(ctx context.Context, entries []Entry) ([]Accepted, error) {
	answers := make([]Accepted, len(entries))
	places := make([]place, len(entries))
	for i, e := range entries {
		places[i] = locate(e.Key, e.MchtID, e.OrgTrdNo)
	}
	if err := l.claim(ctx, places, answers); err != nil {
		return nil, err
	}
	calls := make([]*call, 0, len(entries))
	which := make([]int, 0, len(entries))
	for i, e := range entries {
		if answers[i].Err == nil {
			calls = append(calls, &call{script: acceptScript, place: places[i], args: []any{
				e.Amount, flag(e.Full), string(e.Params), e.Queue, e.By, l.opts.Retention.Milliseconds()}})
			which = append(which, i)
		}
	}
	if len(calls) == 0 {
		return answers, nil
	}
	err := l.run(ctx, true, func(p redis.Pipeliner) {
		for _, c := range calls {
			p.Persist(ctx, indexKey(c.place.key))
		}
	}, calls...)
	if err != nil {
		return nil, err
	}
	for n, c := range calls {
		a := &answers[which[n]]
		switch c.reply.word() {
		case "accepted", "known":
			a.Known = c.reply.word() == "known"
			if a.Record, err = c.reply.record(c.place); err != nil {
				return nil, err
			}
		case "conflict":
			a.Err = ErrConflict
		case "full":
			a.Err = ErrFull
		default:
			return nil, errReply
		}
	}
	return answers, nil
}

// claim makes each key lead to its transaction, or finds that it leads to another one.
func (l *Ledger) claim(ctx context.Context, places []place, answers []Accepted) error {
	claimed := make([]*redis.StringCmd, len(places))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, at := range places {
			p.SetNX(ctx, indexKey(at.key), at.txn, claimLife)
			claimed[i] = p.Get(ctx, indexKey(at.key))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, cmd := range claimed {
		if cmd.Val() != places[i].txn {
			answers[i].Err = ErrConflict
		}
	}
	return nil
}

// Get answers the record of a key, or ErrNotFound.
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

// read answers the records at places, without those that are not there.
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
	for i, cmd := range cmds {
		raw, err := cmd.Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var doc document
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("transaction of %s is damaged: %w", places[i].key, err)
		}
		s, ok := doc.C[places[i].key]
		if !ok {
			continue
		}
		r, err := s.record(places[i], doc.Sum, doc.Round)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// now answers what the scripts take for the time: 0 lets them ask Redis.
func (l *Ledger) now() int64 {
	if l.opts.Now == nil {
		return 0
	}
	return l.opts.Now().UnixMilli()
}

func newToken() string { return rand.Text()[:16] }

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}
