package worker

import (
	"sync"
	"time"
)

// seldom lets a thing be said once in a while, however often there is reason to.
type seldom struct {
	every time.Duration
	now   func() time.Time

	mu   sync.Mutex
	last time.Time
}

// due reports whether it is to be said now.
func (s *seldom) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.last.IsZero() && now.Sub(s.last) < s.every {
		return false
	}
	s.last = now
	return true
}
