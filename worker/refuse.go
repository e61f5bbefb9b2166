package worker

import (
	"context"

	"github.com/hibiken/asynq"
)

// refusal tells asynq to archive a task that can never be carried out as it is.
type refusal struct{ why error }

func (r *refusal) Error() string   { return oneLine(r.why.Error()) }
func (r *refusal) Unwrap() []error { return []error{r.why, asynq.SkipRetry} }

// refuse gives a task up that no cancellation of the ledger stands behind: a plain asynq client put
// it in the queue, which learns nothing of what is wrong with it. Hence people are told.
func (w *Worker) refuse(ctx context.Context, why error) error {
	id, _ := asynq.GetTaskID(ctx)
	queue, _ := asynq.GetQueueName(ctx)
	w.log.ErrorContext(ctx, "task refused; it stands in asynq's archive", "task", oneLine(id), "queue", queue, "error", why)
	w.opts.Observer.Refused()
	return &refusal{why}
}
