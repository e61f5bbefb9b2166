package tasks_test

import (
	"testing"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger/redistest"
)

// On a Redis Cluster a pipeline goes to several nodes, each of which has to learn the scripts.
func TestEnqueueManyCluster(t *testing.T) {
	t.Parallel()
	rdb, _ := redistest.StartCluster(t, 2, 0)
	client := tasks.NewClient(rdb, tasks.ClientOptions{})
	all := partials(120)
	for i := range all {
		all[i].Queue = []string{tasks.QueueUrgent, tasks.QueueDefault, tasks.QueueBulk}[i%3]
	}
	for _, replayed := range []bool{false, true} {
		for i, o := range client.EnqueueMany(t.Context(), all) {
			if o.Err != nil || o.Receipt.Replayed != replayed {
				t.Fatalf("%d: %+v", i, o)
			}
		}
	}
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	for queue := range tasks.Queues() {
		if info, err := inspector.GetQueueInfo(queue); err != nil || info.Pending != len(all)/3 {
			t.Errorf("queue %s: %+v, %v", queue, info, err)
		}
	}
	if queues, err := inspector.Queues(); err != nil || len(queues) != 3 {
		t.Errorf("queues %q, %v", queues, err)
	}
}
