package worker

import (
	"context"
	"slices"
	"strings"

	"github.com/hibiken/asynq"

	"settlecancel/tasks/ledger"
)

// refusal tells asynq to archive a task that can never be carried out as it is.
type refusal struct{ why error }

// refusedMark begins what asynq keeps of the error of a task that was refused, and told of.
const refusedMark = "refused: "

func (r *refusal) Error() string   { return oneLine(refusedMark + r.why.Error()) }
func (r *refusal) Unwrap() []error { return []error{r.why, asynq.SkipRetry} }

// decided reports whether a handler gave an archived task up, or had its cancellation in the
// ledger, by the error that asynq keeps of it. Any other got into the archive without a word: by
// its producer's MaxRetry(0), say, with a deadline that had passed or while its merchant was
// paused.
func decided(lastErr string) bool {
	if strings.HasPrefix(lastErr, refusedMark) {
		return true
	}
	word, _, _ := strings.Cut(lastErr, " ")
	return slices.Contains(ledger.Statuses(), ledger.Status(strings.TrimSuffix(word, ":")))
}

// refuse gives a task up that no cancellation of the ledger stands behind: a plain asynq client put
// it in the queue, which learns nothing of what is wrong with it. Hence people are told.
func (w *Worker) refuse(ctx context.Context, why error) error {
	id, _ := asynq.GetTaskID(ctx)
	queue, _ := asynq.GetQueueName(ctx)
	w.log.ErrorContext(ctx, "task refused; it stands in asynq's archive", "task", oneLine(id), "queue", queue, "error", why)
	w.opts.Observer.Refused()
	return &refusal{why}
}
