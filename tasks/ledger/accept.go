package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Accepted is the answer to one Entry.
type Accepted struct {
	Record Record
	Known  bool  // it had been accepted before, with the same parameters; nothing was changed
	Err    error // nothing was stored: ErrConflict, ErrAmount, ErrFull, ErrPrecondition, or what is wrong with the entry or Redis
}

// Accept stores a cancellation durably, or returns the one that the key names already. It returns
// ErrConflict where the key was used with other parameters, ErrAmount, ErrFull, ErrPrecondition,
// what is wrong with the entry, ErrNotReplicated, or what Redis said; after the latter two it may
// have been stored, and the same call may be repeated. It takes one round trip for an unknown
// payment.
func (l *Ledger) Accept(ctx context.Context, e Entry) (Record, bool, error) {
	a := l.AcceptMany(ctx, []Entry{e})[0]
	return a.Record, a.Known, a.Err
}

// accepting bounds how many payments AcceptMany writes at a time.
const accepting = 64

// AcceptMany accepts several; what befell each stands at its place. Those of one payment are
// written together, in their order.
func (l *Ledger) AcceptMany(ctx context.Context, entries []Entry) []Accepted {
	answers := make([]Accepted, len(entries))
	for i, e := range entries {
		if err := e.fault(); err != nil {
			answers[i].Err = fmt.Errorf("ledger: accept %s: %w", e.Key, err)
		}
	}
	var all sync.WaitGroup
	free := make(chan struct{}, accepting)
	for _, group := range groups(entries, answers) {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			l.acceptGroup(ctx, entries, group, answers)
		})
	}
	all.Wait()
	return answers
}

// groups returns the places of what is to be accepted together: all of one payment, in their order.
// A key that comes twice is in a group once; its repeat comes after.
func groups(entries []Entry, answers []Accepted) [][]int {
	var all [][]int
	at := map[string]int{}
	for i, e := range entries {
		if answers[i].Err != nil {
			continue
		}
		name := e.MchtID + ":" + e.OrgTrdNo
		g, ok := at[name]
		if !ok {
			g = len(all)
			at[name], all = g, append(all, nil)
		}
		all[g] = append(all[g], i)
	}
	return all
}

// acceptGroup accepts entries of one payment. Each has a key of its own to claim in the index, so
// that only the first of them goes along with the write of all.
func (l *Ledger) acceptGroup(ctx context.Context, entries []Entry, group []int, answers []Accepted) {
	for len(group) > 0 {
		n := 1
		if l.clustered() {
			n = len(group) // their keys are claimed one by one in any case
		}
		l.acceptSome(ctx, entries, group[:n], answers)
		group = group[n:]
	}
}

func (l *Ledger) acceptSome(ctx context.Context, entries []Entry, group []int, answers []Accepted) {
	fail := func(err error) {
		for _, i := range group {
			if answers[i].Err == nil {
				answers[i].Err = fmt.Errorf("ledger: accept %s: %w", entries[i].Key, err)
			}
		}
	}
	if l.clustered() {
		foreign, err := l.claim(ctx, entries, group)
		if err != nil {
			fail(err)
			return
		}
		for n, i := range group {
			if foreign[n] {
				answers[i].Err = fmt.Errorf("ledger: accept %s: %w", entries[i].Key, ErrConflict)
			}
		}
	}
	first := entries[group[0]]
	c := &change{at: locate(first.Key, first.MchtID, first.OrgTrdNo), read: true, durable: true, claim: true}
	for _, i := range group[1:] {
		c.others = append(c.others, entries[i].Key)
	}
	var known []bool
	var refused []error
	c.rule = func(p *Payment, at Moment) error {
		known, refused = make([]bool, len(group)), make([]error, len(group))
		for n, i := range group {
			if answers[i].Err == nil {
				known[n], refused[n] = p.Accept(at, entries[i])
			}
		}
		if !p.changed() && l.opts.WaitReplicas > 0 {
			p.dirty = true // written again, so that a WAIT behind it covers what is known
		}
		return nil
	}
	p, err := l.store.apply(ctx, c)
	if err == nil && l.clustered() && slices.Contains(known, true) {
		err = l.store.indexAgain(ctx, c, p) // that may have failed when it was accepted
	}
	if err != nil {
		fail(err)
		return
	}
	for n, i := range group {
		switch {
		case answers[i].Err != nil:
		case refused[n] != nil:
			answers[i].Err = fmt.Errorf("ledger: accept %s: %w", entries[i].Key, refused[n])
		default:
			answers[i].Record, answers[i].Known = p.record(p.Find(entries[i].Key), c.moment, l.rules), known[n]
		}
	}
}

func (l *Ledger) clustered() bool {
	_, is := l.rdb.(*redis.ClusterClient)
	return is
}

// claimLife bounds the life of an index entry whose producer died before the cancellation was
// stored.
const claimLife = 24 * time.Hour

// claim makes each key lead to its payment, or finds that it leads to another one. On a cluster the
// two lie on different nodes.
func (l *Ledger) claim(ctx context.Context, entries []Entry, group []int) ([]bool, error) {
	led := make([]*redis.StringCmd, len(group))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n, i := range group {
			key, to := indexKey(entries[i].Key), entries[i].MchtID+":"+entries[i].OrgTrdNo
			p.SetNX(ctx, key, to, claimLife)
			led[n] = p.Get(ctx, key)
		}
		return nil
	})
	foreign := make([]bool, len(group))
	for n, i := range group {
		foreign[n] = err == nil && led[n].Val() != entries[i].MchtID+":"+entries[i].OrgTrdNo
	}
	return foreign, err
}
