package tasks_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger/redistest"
)

// BenchmarkEnqueueMany lets one producer hand the same cancellations to EnqueueMany and, bare, to
// asynq's own client one by one, by turns against one Redis, and reports our throughput as a ratio
// of the bare one's. With the redis.conf that ships, what is accepted is on disk. The others show
// what a Redis costs that may lose it, over the loopback interface, where a round trip is nearly
// free: there the ratio says how much more Redis does for a cancellation than for a bare task.
func BenchmarkEnqueueMany(b *testing.B) {
	for _, config := range []struct {
		name string
		redistest.Options
	}{
		{"redis.conf", redistest.Options{Config: "../config/redis.conf"}},
		{"everysec", redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}}},
		{"memory", redistest.Options{}},
	} {
		b.Run(config.name, func(b *testing.B) { benchmarkEnqueueMany(b, config.Options) })
	}
}

const (
	enqueueTurns = 7
	enqueueCount = 2000
)

func benchmarkEnqueueMany(b *testing.B, options redistest.Options) {
	server := redistest.Start(b, options)
	rdb := server.Client(b)
	client := tasks.NewClient(rdb, tasks.ClientOptions{})
	queue := asynq.NewClientFromRedisClient(rdb)

	bare := func(all []tasks.Submission) error {
		for _, s := range all {
			payload, err := s.Payload()
			if err != nil {
				return err
			}
			if _, err := queue.Enqueue(asynq.NewTask(tasks.TypeCancel, payload), asynq.TaskID(s.IdempotencyKey),
				asynq.Queue(tasks.QueueDefault), asynq.Retention(24*time.Hour)); err != nil {
				return err
			}
		}
		return nil
	}
	ours := func(all []tasks.Submission) error {
		for _, o := range client.EnqueueMany(context.Background(), all) {
			if o.Err != nil || o.Receipt.Replayed {
				return fmt.Errorf("not accepted: %+v", o)
			}
		}
		return nil
	}
	var perBare, perOurs []float64
	for b.Loop() {
		for range enqueueTurns {
			perBare = append(perBare, rate(b, server, bare))
			perOurs = append(perOurs, rate(b, server, ours))
		}
	}
	slices.Sort(perBare)
	slices.Sort(perOurs)
	o, a := perOurs[len(perOurs)/2], perBare[len(perBare)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(o, "ours/s")
	b.ReportMetric(a, "bare/s")
	b.ReportMetric(o/a, "ratio")
}

// rate returns how many cancellations a second an empty Redis is given.
func rate(b *testing.B, server *redistest.Server, enqueue func([]tasks.Submission) error) float64 {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	rdb := server.Client(b)
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		b.Fatal(err)
	}
	all := make([]tasks.Submission, enqueueCount)
	for i := range all {
		all[i].Cancellation = tasks.Cancellation{IdempotencyKey: fmt.Sprintf("refund-%d", i), MchtID: "nxca_jt_bi",
			OrgTrdNo: fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810M%d", i), OrgMchtTrdNo: fmt.Sprintf("ORDER%d", i),
			OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA", Reason: "returned by the customer"}
	}
	start := time.Now()
	if err := enqueue(all); err != nil {
		b.Fatal(err)
	}
	return float64(len(all)) / time.Since(start).Seconds()
}
