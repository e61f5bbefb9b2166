package doctor

import (
	"context"
	"time"
)

const (
	skewNoted, skewDangerous = time.Second, 5 * time.Second

	mendClock = "let a time service (chrony, systemd-timesyncd) run on both machines"
)

// redisClock compares this machine's clock with that of each node, which the ledger goes by.
func (x *examiner) redisClock(_ context.Context, s *sheet) {
	x.survey.each(func(n node) {
		if n.time.IsZero() {
			s.note("let the Redis user run TIME", "the clock of %s cannot be read", n.addr)
			return
		}
		s.clock("Redis at "+n.addr, skew(n.time, time.Microsecond, n.sent, n.came),
			"leases, due times and what the queues take for dead are off by as much")
	})
}

// clock tells how far a clock is off, at least.
func (s *sheet) clock(whose string, off time.Duration, effect string) {
	if off.Abs() <= skewNoted {
		s.ok("this machine's clock agrees with that of %s", whose)
		return
	}
	tell := s.note
	if off.Abs() > skewDangerous {
		tell = s.danger
	}
	direction := "behind"
	if off < 0 {
		direction = "ahead of"
	}
	tell(mendClock, "this machine's clock is %v %s that of %s: %s", off.Abs().Round(100*time.Millisecond), direction, whose, effect)
}

// skew returns by how much a foreign clock is ahead of ours, at least: it showed told, cut to a
// step of precision, at some moment between sent and came by ours. 0: they may agree.
func skew(told time.Time, precision time.Duration, sent, came time.Time) time.Duration {
	if ahead := told.Sub(came); ahead > 0 {
		return ahead
	}
	if behind := told.Add(precision).Sub(sent); behind < 0 {
		return behind
	}
	return 0
}
