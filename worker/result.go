package worker

import (
	"context"
	_ "embed"
	"encoding/json"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/ledger"
)

//go:embed result.lua
var resultLua string

// result notes on the task how its cancellation ended, where the dashboard shows it. asynq's own
// ResultWriter would do the same with a round trip of its own; so the note goes along with what the
// ledger writes.
func result(ctx context.Context, status ledger.Status, canTrdNo string) func(redis.Pipeliner) {
	id, isTask := asynq.GetTaskID(ctx)
	queue, inQueue := asynq.GetQueueName(ctx)
	note, err := json.Marshal(map[string]string{"status": string(status), "canTrdNo": canTrdNo})
	if !isTask || !inQueue || err != nil {
		return func(redis.Pipeliner) {}
	}
	return func(p redis.Pipeliner) {
		p.Eval(context.WithoutCancel(ctx), resultLua, []string{"asynq:{" + queue + "}:t:" + id}, note)
	}
}
