package ledger

import (
	"context"
	"sync"
)

// turns lets the callers of this process that got in each other's way write a payment one after the
// other. Else a hundred who write it at once each apply their rule a hundred times. The zero value
// is ready.
type turns struct {
	mu    sync.Mutex
	lines map[string]*turn
}

type turn struct {
	taken   chan struct{}
	callers int
}

// wait waits for its turn at a payment, and returns how to end it.
func (t *turns) wait(ctx context.Context, name string) (end func(), err error) {
	t.mu.Lock()
	if t.lines == nil {
		t.lines = map[string]*turn{}
	}
	line := t.lines[name]
	if line == nil {
		line = &turn{taken: make(chan struct{}, 1)}
		t.lines[name] = line
	}
	line.callers++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if line.callers--; line.callers == 0 {
			delete(t.lines, name)
		}
	}
	select {
	case line.taken <- struct{}{}:
		return func() { <-line.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
