package ledger

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// What a process keeps at most of what it was told is stored, the last of it.
const (
	rememberedPayments = 20_000
	rememberedBytes    = 32 << 20
)

// memory keeps, for a while, the payments that this process was told are stored. Where Redis
// forgets them, they are said again.
type memory struct {
	life time.Duration // below 0: nothing is kept

	mu     sync.Mutex
	byName map[string]*list.Element
	oldest *list.List // of kept
	bytes  int
}

// kept is a payment as this process was told that it is stored.
type kept struct {
	at   place
	doc  []byte
	told time.Time
}

func newMemory(life time.Duration) *memory {
	return &memory{life: life, byName: map[string]*list.Element{}, oldest: list.New()}
}

// keep keeps a payment in the place of what was known of it.
func (m *memory) keep(at place, doc []byte, now time.Time) {
	if m.life < 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byName[at.name()]; e != nil {
		m.drop(e)
	}
	m.byName[at.name()] = m.oldest.PushBack(kept{at, doc, now})
	m.bytes += len(doc)
	for e := m.oldest.Front(); e != nil; e = m.oldest.Front() {
		if m.bytes <= rememberedBytes && m.oldest.Len() <= rememberedPayments && now.Sub(e.Value.(kept).told) <= m.life {
			return
		}
		m.drop(e)
	}
}

func (m *memory) drop(e *list.Element) {
	s := m.oldest.Remove(e).(kept)
	delete(m.byName, s.at.name())
	m.bytes -= len(s.doc)
}

// of returns what is kept of a shard, or of one payment of it where name is not "".
func (m *memory) of(shard int, name string, now time.Time) (all []kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	take := func(e *list.Element) {
		if s := e.Value.(kept); s.at.shard == shard && now.Sub(s.told) <= m.life {
			all = append(all, s)
		}
	}
	if name != "" {
		if e := m.byName[name]; e != nil {
			take(e)
		}
		return all
	}
	for e := m.oldest.Front(); e != nil; e = e.Next() {
		take(e)
	}
	return all
}

// sayAgain restores what Redis has forgotten of a shard, for as long as this process would have
// kept it.
func (s *store) sayAgain(shard int, known []kept) {
	defer s.saying.Done()
	ctx, cancel := context.WithTimeout(context.Background(), max(s.memory.life, time.Second))
	defer cancel()
	restored := 0
	for pause := 50 * time.Millisecond; len(known) > 0; pause = min(2*pause, 2*time.Second) {
		var again []kept
		for _, k := range known {
			n, err := s.restore(ctx, k)
			if restored += n; err != nil && ctx.Err() == nil {
				again = append(again, k)
			}
		}
		if known = again; len(known) == 0 {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			s.opts.Logger.WarnContext(ctx, "not everything that Redis has forgotten was said again", "shard", shard, "payments", len(known))
			return
		}
	}
	if restored > 0 {
		s.opts.Logger.WarnContext(ctx, "said again what Redis had forgotten", "shard", shard, "cancellations", restored)
	}
}

// restore says a payment again, each cancellation with a write of its own, since each has a key to
// claim. It returns how many Redis had forgotten.
func (s *store) restore(ctx context.Context, k kept) (int, error) {
	was, err := decodePayment(k.at, k.doc)
	if err != nil {
		return 0, err
	}
	restored := 0
	var failed error
	for _, c := range was.Cancellations {
		changed := false
		ch := &change{at: k.at, durable: true, claim: true, restores: true, rule: func(p *Payment, at Moment) error {
			if p.Write == was.Write {
				return nil
			}
			err := p.Restore(at, s.rules, was, c.Key)
			changed = p.changed()
			return err
		}}
		ch.at.key = c.Key
		_, err := s.apply(ctx, ch)
		switch {
		case errors.Is(err, ErrConflict): // the key was used for another payment since
		case err != nil:
			failed = errors.Join(failed, err)
		case changed:
			restored++
		}
	}
	return restored, failed
}

// recall restores, on the way of a call, the payment that it is about: an outcome finds its intent
// again.
func (s *store) recall(ctx context.Context, at place) {
	for _, k := range s.memory.of(at.shard, at.name(), time.Now()) {
		_, _ = s.restore(ctx, k) // else it follows with the others of the shard
	}
}
