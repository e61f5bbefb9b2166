package httpapi

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiters is a token bucket for each of a bounded number of names.
type limiters struct {
	rate  rate.Limit
	burst int
	most  int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newLimiters(r rate.Limit, burst, most int) *limiters {
	return &limiters{rate: r, burst: burst, most: most, of: map[string]*rate.Limiter{}}
}

// take takes one of what a name may have, and answers 0, or how long it takes until there is one
// again.
func (l *limiters) take(name string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.of[name]
	if bucket == nil {
		l.makeRoom(now)
		bucket = rate.NewLimiter(l.rate, l.burst)
		l.of[name] = bucket
	}
	r := bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// left returns 0 while a name may take one, else how long it takes until it may again.
func (l *limiters) left(name string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.of[name]
	if bucket == nil {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.rate) * float64(time.Second))
}

// makeRoom forgets some of those that have all again, or else one of the others.
func (l *limiters) makeRoom(now time.Time) {
	const looks = 64
	seen := 0
	for name, bucket := range l.of {
		if len(l.of) < l.most || seen == looks {
			break
		}
		if seen++; bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.of, name)
		}
	}
	for name := range l.of {
		if len(l.of) < l.most {
			break
		}
		delete(l.of, name)
	}
}
