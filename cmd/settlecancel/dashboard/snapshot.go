package dashboard

import (
	"context"
	"errors"
	"sync"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// sum is how many cancellations of a kind there are, and how much money they mean.
type sum struct {
	Count  int
	KRW    int64 // won
	USD    int64 // cents
	Oldest time.Time

	Verifies int // how many of them a retry asks the gateway about before anything is sent
}

func (s *sum) add(i item) {
	s.Count++
	if i.Verifies {
		s.Verifies++
	}
	if i.Currency == tasks.CurrencyUSD {
		s.USD += i.Amount
	} else {
		s.KRW += i.Amount
	}
	if s.Oldest.IsZero() || i.Since.Before(s.Oldest) {
		s.Oldest = i.Since
	}
}

// snapshot is what is open and what is dead, as far as was looked.
type snapshot struct {
	Open, Dead       int64  // all of them
	open, dead       []item // in the ledger's order: due first, dead longest first
	OpenCut, DeadCut bool   // there are more than were looked at
	Damaged          bool   // there are some that cannot be read
}

// of returns what a list of open ones, or of dead letters, is made from.
func (s snapshot) of(set string) found {
	if set == listOpen {
		return found{items: s.open, cut: s.OpenCut, damaged: s.Damaged}
	}
	return found{items: s.dead, cut: s.DeadCut, damaged: s.Damaged}
}

// found is what was looked at for a list.
type found struct {
	items   []item
	cut     bool // there are more than were looked at
	damaged bool // there are some that cannot be read
}

// kept is a value that is looked up at most once a moment, so that many who look do not walk the
// ledger each for themselves.
type kept[T any] struct {
	life  time.Duration
	mu    sync.Mutex
	known T
	at    time.Time
}

// forget makes the next look a fresh one: somebody has just changed something.
func (k *kept[T]) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = time.Time{}
}

// get returns the value of now, or of a moment ago.
func (k *kept[T]) get(look func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && time.Since(k.at) < k.life {
		return k.known, nil
	}
	v, err := look()
	if err == nil {
		k.known, k.at = v, time.Now()
	}
	return v, err
}

// forget makes the next answer look at everything anew.
func (d *Dashboard) forget() {
	d.seen.forget()
	d.facts.forget()
}

// look returns what is open and dead now, or was a moment ago.
func (d *Dashboard) look(ctx context.Context) (snapshot, error) {
	return d.seen.get(func() (snapshot, error) { return d.lookAfresh(ctx) })
}

func (d *Dashboard) lookAfresh(ctx context.Context) (s snapshot, err error) {
	if s.Open, s.Dead, err = d.ledger.Counts(ctx); err != nil {
		return s, err
	}
	for _, part := range []struct {
		set   ledger.Set
		items *[]item
		cut   *bool
	}{{ledger.DeadLetters, &s.dead, &s.DeadCut}, {ledger.Open, &s.open, &s.OpenCut}} {
		walked, err := d.each(ctx, part.set, func(r ledger.Record) {
			i, _ := newItem(r)
			*part.items = append(*part.items, i)
		})
		if err != nil {
			return s, err
		}
		*part.cut, s.Damaged = walked.cut, s.Damaged || walked.damaged
	}
	return s, nil
}

// walked is how far a walk came.
type walked struct {
	records int
	damaged bool // some cannot be read
	cut     bool // there were more
}

const (
	walkTimeout = 20 * time.Second
	walkPage    = 1000
)

// each looks at the records of a set, the earliest first, but at no more than d.walk of them. What
// moved on while it was read is left out.
func (d *Dashboard) each(ctx context.Context, set ledger.Set, look func(ledger.Record)) (walked, error) {
	ctx, cancel := context.WithTimeout(ctx, walkTimeout)
	defer cancel()
	var w walked
	for r, err := range d.ledger.All(ctx, set, ledger.Listing{Limit: min(walkPage, d.walk+1)}) {
		switch {
		case errors.Is(err, ledger.ErrDamaged):
			w.damaged = true
			d.log.ErrorContext(ctx, "record damaged", "error", err)
		case err != nil:
			return w, err
		case w.records == d.walk:
			w.cut = true
			return w, nil
		case set == ledger.Open && r.Open(), set == ledger.DeadLetters && r.Dead():
			w.records++
			look(r)
		}
	}
	return w, nil
}
