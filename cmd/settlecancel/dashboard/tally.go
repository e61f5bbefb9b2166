package dashboard

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

// sum is how many cancellations of a kind there are, and how much money they mean.
type sum struct {
	Count  int
	KRW    int64 // won
	USD    int64 // cents
	Oldest time.Time
}

func (s *sum) add(i item) {
	s.Count++
	if i.Currency == tasks.CurrencyUSD {
		s.USD += i.Amount
	} else {
		s.KRW += i.Amount
	}
	if s.Oldest.IsZero() || i.Since.Before(s.Oldest) {
		s.Oldest = i.Since
	}
}

// codeSum is the sum of the dead letters of one result code.
type codeSum struct {
	Code string // "" is none
	sum
}

// tally is what waits and what lies, as far as was looked.
type tally struct {
	Open, Dead       int64 // all of them
	By               map[ledger.Status]sum
	OpenCut, DeadCut bool     // there are more than were looked at
	Paused           []string // queues that nothing is taken from
	Hooks            hooks
	Damaged          bool // there are some that cannot be read
	Doubtful         []item
	Newest           []item
	Codes            []codeSum // the most frequent first
}

// How much of it the overview shows.
const (
	doubtfulShown = 10
	newestShown   = 10
	codesShown    = 10
)

// tallyCache keeps the last tally for a moment, so that many who look do not walk the ledger each
// for themselves.
type tallyCache struct {
	life  time.Duration
	mu    sync.Mutex
	known tally
	at    time.Time
}

// forget makes the next look a fresh one: somebody has just changed something.
func (c *tallyCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

// count returns the tally of now, or of a moment ago.
func (d *Dashboard) count(ctx context.Context) (tally, error) {
	d.tally.mu.Lock()
	defer d.tally.mu.Unlock()
	if !d.tally.at.IsZero() && time.Since(d.tally.at) < d.tally.life {
		return d.tally.known, nil
	}
	t, err := d.countAll(ctx)
	if err == nil {
		d.tally.known, d.tally.at = t, time.Now()
	}
	return t, err
}

func (d *Dashboard) countAll(ctx context.Context) (t tally, err error) {
	if t.Open, t.Dead, err = d.ledger.Counts(ctx); err != nil {
		return t, err
	}
	t.By = map[ledger.Status]sum{}
	add := func(i item) {
		s := t.By[i.Status]
		s.add(i)
		t.By[i.Status] = s
	}
	walked, err := d.each(ctx, ledger.Open, func(r ledger.Record) {
		i, _ := newItem(r)
		add(i)
		if r.Status == ledger.Unknown {
			t.Doubtful = append(t.Doubtful, i)
		}
	})
	t.OpenCut, t.Damaged = walked.cut, walked.damaged
	if err != nil {
		return t, err
	}
	codes := map[string]*codeSum{}
	walked, err = d.each(ctx, ledger.DeadLetters, func(r ledger.Record) {
		i, _ := newItem(r)
		add(i)
		if r.Status == ledger.Review {
			t.Doubtful = append(t.Doubtful, i)
		}
		if codes[r.Code] == nil {
			codes[r.Code] = &codeSum{Code: r.Code}
		}
		codes[r.Code].add(i)
	})
	t.DeadCut, t.Damaged = walked.cut, t.Damaged || walked.damaged
	if err != nil {
		return t, err
	}
	t.sort(codes)
	d.queues(&t)
	newest, _, err := d.ledger.List(ctx, ledger.DeadLetters, ledger.Listing{Newest: true, Limit: newestShown})
	if errors.Is(err, ledger.ErrDamaged) {
		err = nil // counted above
	}
	for _, r := range newest {
		i, _ := newItem(r)
		t.Newest = append(t.Newest, i)
	}
	return t, err
}

// queues tells which queues somebody has paused, and what the receiver of webhooks has not been
// told. Both are hints: where asynq cannot tell, the rest is shown all the same.
func (d *Dashboard) queues(t *tally) {
	for _, name := range append(slices.Sorted(maps.Keys(tasks.Queues())), events.QueueWebhooks) {
		q, err := d.inspector.GetQueueInfo(name)
		if err != nil {
			continue
		}
		if q.Paused {
			t.Paused = append(t.Paused, name)
		}
		if name == events.QueueWebhooks {
			t.Hooks = d.hooks(q)
		}
	}
}

// sort puts first what needs a person first: of the doubtful those for review, then the oldest.
func (t *tally) sort(codes map[string]*codeSum) {
	byAge := func(a, b item) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Key, b.Key)) }
	slices.SortFunc(t.Doubtful, func(a, b item) int {
		if a.Status != b.Status {
			if a.Status == ledger.Review {
				return -1
			}
			return 1
		}
		return byAge(a, b)
	})
	t.Doubtful = slices.Clone(t.Doubtful[:min(len(t.Doubtful), doubtfulShown)])
	for _, c := range codes {
		t.Codes = append(t.Codes, *c)
	}
	slices.SortFunc(t.Codes, func(a, b codeSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	t.Codes = t.Codes[:min(len(t.Codes), codesShown)]
}

// walked is how far a walk came.
type walked struct {
	records int
	damaged bool // some cannot be read
	cut     bool // there were more
}

// each looks at the records of a set, the earliest first, but at no more than d.walk of them.
func (d *Dashboard) each(ctx context.Context, set ledger.Set, look func(ledger.Record)) (walked, error) {
	ctx, cancel := context.WithTimeout(ctx, walkTimeout)
	defer cancel()
	var w walked
	for r, err := range d.ledger.All(ctx, set, ledger.Listing{Limit: 500}) {
		switch {
		case errors.Is(err, ledger.ErrDamaged):
			w.damaged = true
			d.log.ErrorContext(ctx, "record damaged", "error", err)
		case err != nil:
			return w, err
		case w.records == d.walk:
			w.cut = true
			return w, nil
		default:
			w.records++
			look(r)
		}
	}
	return w, nil
}

const walkTimeout = 20 * time.Second
