package deadletter

import (
	"context"
	"errors"

	"settlecancel/tasks/ledger"
)

// Decisions is what became of decisions on many dead letters.
type Decisions struct {
	Done   int // decided
	Moved  int // somebody else had decided meanwhile
	Failed int
	Left   int // not tried any more
}

// failuresInARow say that Redis is away, and that more will not help.
const failuresInARow = 5

// DecideAll decides on one after the other, until ctx ends or too many in a row have failed. decide
// answers as tasks.Client.Retry and Ledger.Resolve do; failed is told of each error that no other
// person's decision explains.
func DecideAll(ctx context.Context, keys []string, decide func(context.Context, string) (ledger.Record, error),
	failed func(key string, err error)) (d Decisions) {
	inARow := 0
	for i, key := range keys {
		if ctx.Err() != nil || inARow == failuresInARow {
			d.Left = len(keys) - i
			break
		}
		r, err := decide(ctx, key)
		inARow++
		switch {
		case overtaken(err):
			d.Moved++
			inARow = 0
		case err == nil, r.Key != "" && r.Open(): // decided; what could not be queued the sweeper will queue
			d.Done++
			inARow = 0
		default:
			d.Failed++
			failed(key, err)
		}
	}
	return d
}

// overtaken reports whether an error says that somebody else has decided already, and that it is
// worked at, or has ended.
func overtaken(err error) bool {
	return errors.Is(err, ledger.ErrNotDead) || errors.Is(err, ledger.ErrEnded) || errors.Is(err, ledger.ErrBusy) ||
		errors.Is(err, ledger.ErrNotFound)
}
