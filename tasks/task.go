package tasks

import (
	"math"
	"time"

	"github.com/hibiken/asynq"
)

// TypeCancel is the type of the asynq task that carries one cancellation; its payload is Cancellation.Payload.
const TypeCancel = "settlebank:cancel"

// The queues, from the one that is served most to the one that is served least.
const (
	QueueUrgent  = "urgent"
	QueueDefault = "default"
	QueueBulk    = "bulk"
)

// Queues answers the weight of each queue: of ten tasks that wait in all three, six are urgent.
func Queues() map[string]int {
	return map[string]int{QueueUrgent: 6, QueueDefault: 3, QueueBulk: 1}
}

const (
	// maxRetry keeps asynq from giving a task up: the ledger counts the attempts.
	maxRetry = math.MaxInt32
	// taskTimeout lies far above any gateway time-out, because asynq runs a second copy of a task that exceeds it.
	taskTimeout = 30 * time.Minute
	// taskRetention is how long the dashboard shows a task that is done.
	taskRetention = 24 * time.Hour
)

// taskOptions are set at every enqueueing. MaxRetry, Timeout and Retention are part of the message, so they hold wherever the
// task is carried out.
func taskOptions(id, queue string) []asynq.Option {
	return []asynq.Option{asynq.TaskID(id), asynq.Queue(queue), asynq.MaxRetry(maxRetry),
		asynq.Timeout(taskTimeout), asynq.Retention(taskRetention)}
}
