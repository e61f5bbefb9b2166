package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger/redistest"
)

// An order system enqueues after its own commit, and repeats until the cancellation is accepted.
func ExampleClient_Enqueue() {
	server, stop := startRedis()
	defer stop()
	ctx, rdb := context.Background(), redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer rdb.Close()

	client := tasks.NewClient(rdb, tasks.ClientOptions{})
	receipt, err := client.Enqueue(ctx, tasks.Cancellation{
		IdempotencyKey: "refund-go-1", MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCA_GO_1", OrgMchtTrdNo: "ORDER-GO-1",
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA",
	}, tasks.EnqueueOptions{})

	var invalid *tasks.InvalidError
	switch {
	case errors.As(err, &invalid), errors.Is(err, tasks.ErrConflict):
		fmt.Println("mend it:", err)
	case err != nil:
		fmt.Println("repeat it:", err)
	default:
		fmt.Println(receipt.Record.Status)
	}
	// Output: queued
}

func ExampleParse() {
	_, err := tasks.Parse([]byte(`{"idempotencyKey":"refund 1","orgTrdNo":"STFP_1","canAmt":-500}`), tasks.ParseOptions{DefaultMchtID: "nxca_jt_bi"})
	var invalid *tasks.InvalidError
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Faults {
			fmt.Println(fault.Field)
		}
	}
	// Output:
	// idempotencyKey
	// orgMchtTrdNo
	// orgTrdDt
	// canAmt
}

func startRedis() (server *redistest.Server, stop func()) {
	dir, err := os.MkdirTemp("", "redistest")
	if err == nil {
		server, err = redistest.Run(dir, redistest.Options{})
	}
	if err != nil {
		panic(err)
	}
	return server, func() { server.Kill(); _ = os.RemoveAll(dir) }
}
