package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// claimLife bounds the life of an index entry whose producer died before the cancellation was
// stored.
const claimLife = 24 * time.Hour

// Entry is a cancellation as the producer asked for it. Two with the same key are the same where
// all but Queue and By agree.
type Entry struct {
	Key      string // idempotency key; no space
	MchtID   string // no colon
	OrgTrdNo string
	Amount   int64           // smallest unit of the currency; below 10^14
	Full     bool            // cancels the whole payment
	Params   json.RawMessage // the other parameters, a JSON object of texts and numbers of at most 14 digits
	Queue    string
	By       string
	Sealed   string // account numbers, unreadable; kept until it has ended, and no part of what makes two the same
}

// digits is how many of a number's digits Redis's JSON keeps.
const digits = 14

// fault returns what of an entry the ledger could store, but not find or compare again.
func (e Entry) fault() error {
	var faults []error
	wrong := func(is bool, what string) {
		if is {
			faults = append(faults, errors.New(what))
		}
	}
	wrong(e.Key == "" || strings.Contains(e.Key, " "), "the key is empty or holds a space")
	wrong(strings.Contains(e.MchtID, ":"), "the merchant id holds a colon")
	wrong(e.Amount < 0 || float64(e.Amount) >= math.Pow10(digits), "the amount is negative or above what any payment has")
	var params map[string]any
	wrong(json.Unmarshal(e.Params, &params) != nil || params == nil, "the parameters are no JSON object")
	for name, v := range params {
		switch v := v.(type) {
		case string, bool:
		case float64:
			kept, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
			wrong(kept != v, "parameter "+strconv.Quote(name)+" has too many digits")
		default:
			wrong(true, "parameter "+strconv.Quote(name)+" is neither a text nor a number")
		}
	}
	return errors.Join(faults...)
}

// Accepted is the answer to one Entry.
type Accepted struct {
	Record Record
	Known  bool  // it had been accepted before, with the same parameters; nothing was changed
	Err    error // nothing was stored: ErrConflict, ErrFull, or what is wrong with the entry
}

// Accept stores a cancellation durably, or answers the one that the key names already. It returns
// ErrConflict where the key was used with other parameters, ErrFull, what is wrong with the entry,
// ErrNotReplicated, or what Redis said; after the latter two it may have been stored, and the same
// call may be repeated.
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

// AcceptMany accepts several in two round trips. An error means that none of them is confirmed;
// what befell a single one stands in its answer.
func (l *Ledger) AcceptMany(ctx context.Context, entries []Entry) ([]Accepted, error) {
	answers := make([]Accepted, len(entries))
	calls := make([]*call, 0, len(entries))
	which := make([]int, 0, len(entries))
	for i, e := range entries {
		if answers[i].Err = e.fault(); answers[i].Err != nil {
			continue
		}
		calls = append(calls, l.acceptCall(ctx, e))
		which = append(which, i)
	}
	foreign, err := l.claim(ctx, calls)
	if err != nil {
		return nil, err
	}
	mine := calls[:0:0]
	for n, c := range calls {
		if foreign[n] {
			answers[which[n]].Err = ErrConflict
		} else {
			mine = append(mine, c)
		}
	}
	if len(mine) == 0 {
		return answers, nil
	}
	if err := l.run(ctx, true, mine...); err != nil {
		return nil, err
	}
	for n, c := range calls {
		if !foreign[n] {
			if err := c.accepted(&answers[which[n]]); err != nil {
				return nil, err
			}
		}
	}
	return answers, l.releaseIndex(ctx, mine)
}

func (l *Ledger) acceptCall(ctx context.Context, e Entry) *call {
	p := locate(e.Key, e.MchtID, e.OrgTrdNo)
	return &call{
		script: acceptScript,
		place:  p,
		args:   []any{e.Amount, flag(e.Full), string(e.Params), e.Queue, e.By, l.opts.Retention.Milliseconds(), e.Sealed},
		// Written in any case, so that a WAIT behind it covers it.
		index: func(pipe redis.Pipeliner, key string) { pipe.Set(ctx, key, p.txn, 0) },
	}
}

// claim makes each key lead to its transaction, or finds that it leads to another one.
func (l *Ledger) claim(ctx context.Context, calls []*call) (foreign []bool, err error) {
	if len(calls) == 0 {
		return nil, nil
	}
	claimed := make([]*redis.StringCmd, len(calls))
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, c := range calls {
			p.SetNX(ctx, indexKey(c.place.key), c.place.txn, claimLife)
			claimed[i] = p.Get(ctx, indexKey(c.place.key))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	foreign = make([]bool, len(calls))
	for i, cmd := range claimed {
		foreign[i] = cmd.Val() != calls[i].place.txn
	}
	return foreign, nil
}

// accepted reads the answer of accept.lua.
func (c *call) accepted(a *Accepted) (err error) {
	switch word := c.reply.word(); word {
	case "accepted", "known":
		a.Known = word == "known"
		a.Record, err = c.reply.record(c.place)
	case "conflict":
		a.Err = ErrConflict
	case "full":
		a.Err = ErrFull
	default:
		err = errReply
	}
	return err
}

// releaseIndex lets the entries expire again that were taken for those of new cancellations: of
// what has ended with what it leads to, of what was not stored as any claim.
func (l *Ledger) releaseIndex(ctx context.Context, calls []*call) error {
	lives := make(map[string]time.Duration)
	for _, c := range calls {
		key := indexKey(c.place.key)
		switch c.reply.word() {
		case "full":
			lives[key] = claimLife
		case "known", "conflict":
			if r, err := c.reply.record(c.place); err == nil && r.Ended() {
				lives[key] = l.opts.Retention
			}
		}
	}
	if len(lives) == 0 {
		return nil
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for key, life := range lives {
			p.PExpire(ctx, key, life)
		}
		return nil
	})
	return err
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return ""
}
