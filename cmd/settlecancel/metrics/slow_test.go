package metrics

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// TestStateSlow: what a look has not seen in time is left out, and said to be.
func TestStateSlow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(sample("dead"), ledger.Review)
	b.put(sample("open"), ledger.Queued)
	slow := redis.NewClient(b.rdb.Options())
	t.Cleanup(func() { _ = slow.Close() })
	var patience atomic.Int64
	slow.AddHook(tiring{&patience})
	s := newSurvey(Options{Client: tasks.NewClient(slow, tasks.ClientOptions{}), Redis: slow, Logger: b.metrics.log}, b.metrics.labels)
	var seen []string
	for n := range int64(100) {
		patience.Store(n)
		st := s.look(t.Context())
		what := fmt.Sprintf("up %v, complete %v", st.up, st.complete)
		if st.up {
			what += fmt.Sprintf(", %d of %d dead, %d of %d open", st.by[ledger.Review].count, st.dead, st.by[ledger.Queued].count, st.open)
		}
		if len(seen) == 0 || seen[len(seen)-1] != what {
			seen = append(seen, what)
		}
	}
	want := []string{
		"up false, complete false",
		"up true, complete false, 0 of 1 dead, 0 of 1 open",
		"up true, complete false, 1 of 1 dead, 0 of 1 open",
		"up true, complete true, 1 of 1 dead, 1 of 1 open",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("the longer it looks (-want +got):\n%s", diff)
	}
}

// tiring lets so many commands through, and answers the others as if the time were up.
type tiring struct{ patience *atomic.Int64 }

func (h tiring) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h tiring) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if h.patience.Add(-1) < 0 {
			cmd.SetErr(context.DeadlineExceeded)
			return context.DeadlineExceeded
		}
		return next(ctx, cmd)
	}
}

func (h tiring) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.patience.Add(-1) < 0 {
			for _, cmd := range cmds {
				cmd.SetErr(context.DeadlineExceeded)
			}
			return context.DeadlineExceeded
		}
		return next(ctx, cmds)
	}
}
