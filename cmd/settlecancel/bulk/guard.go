package bulk

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"settlecancel/tasks"
)

// ErrSameRefund is returned for what may be the same refund under another key, where nobody can be
// asked. Nothing of it was stored.
var ErrSameRefund = errors.New("it may be the same refund")

// Guard returns enqueue for lines that come by a pipe, and can be looked at once only: what may be
// the same refund as another is refused, one by one.
func (c Checker) Guard(enqueue func(context.Context, []tasks.Submission) []tasks.Outcome) func(context.Context, []tasks.Submission) []tasks.Outcome {
	c.Settled = func(int) {}
	f := &forecasting{Checker: c, seed: maphash.MakeSeed(), seen: map[uint64]same{}}
	return func(ctx context.Context, submissions []tasks.Submission) []tasks.Outcome {
		outcomes := make([]tasks.Outcome, len(submissions))
		lines := make([]tasks.Line, len(submissions))
		for i, s := range submissions {
			lines[i] = tasks.Line{Number: i + 1, Cancellation: s.Cancellation}
		}
		f.Forecast = Forecast{}
		if err := f.look(ctx, lines); err != nil {
			for i := range outcomes {
				outcomes[i].Err = err
			}
			return outcomes
		}
		var free []tasks.Submission
		var which []int
		for i, s := range submissions {
			if twin := f.twins[i+1]; twin != nil {
				twin.OtherLine = 0 // it counts within the batch
				outcomes[i].Err = fmt.Errorf("%w: %s; give --yes where both are meant", ErrSameRefund, twin)
				continue
			}
			free, which = append(free, s), append(which, i)
		}
		if len(free) > 0 {
			for n, o := range enqueue(ctx, free) {
				outcomes[which[n]] = o
			}
		}
		return outcomes
	}
}
