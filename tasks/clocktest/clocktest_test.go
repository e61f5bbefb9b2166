package clocktest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	noon := time.Date(2024, 1, 2, 12, 0, 0, 0, time.UTC)
	c := New(noon)
	if got := c.Now(); !got.Equal(noon) {
		t.Errorf("at first: %v", got)
	}
	c.Advance(time.Hour)
	if got := c.Now(); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("an hour later: %v", got)
	}
	c.Set(noon)
	if got := c.Now(); !got.Equal(noon) {
		t.Errorf("put back: %v", got)
	}
}

// failed is a test that WaitFor may fail.
type failed struct {
	testing.TB
	how string
}

func (f *failed) Fatalf(format string, _ ...any) { f.how = format; panic(f) }

// In the bubble's time patience ends at once.
func TestWaitFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks, began := 0, time.Now()
		WaitFor(t, "the third look", func() bool { looks++; return looks == 3 })
		if looks != 3 {
			t.Errorf("looked %d times", looks)
		}
		f := &failed{TB: t}
		defer func() {
			if r := recover(); r != f || f.how == "" || time.Since(began) < patience {
				t.Errorf("it ends with %v (%q) after %v", r, f.how, time.Since(began))
			}
		}()
		WaitFor(f, "nothing", func() bool { return false })
		t.Error("waited for nothing, and went on")
	})
}
