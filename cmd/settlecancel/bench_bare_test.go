package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
)

// bareEnv makes this test program run as the worker that one would write without us, and says for
// which gateway.
const bareEnv = "BENCH_BARE"

// runBare is that worker: the same signature, the same POST, and no thought of what could go wrong.
func runBare(gateway string) error {
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	servers, err := strconv.Atoi(os.Getenv("BENCH_SERVERS"))
	if err != nil {
		return err
	}
	rdb := redis.NewClient(opts)
	defer rdb.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = benchConcurrency
	client := &http.Client{Transport: transport}
	handler := asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		var x tasks.Cancellation
		if err := json.Unmarshal(task.Payload(), &x); err != nil {
			return err
		}
		return post(ctx, client, gateway, x)
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	for range servers {
		s := asynq.NewServerFromRedisClient(rdb, asynq.Config{Concurrency: benchConcurrency / servers,
			Queues: tasks.Queues(), LogLevel: asynq.FatalLevel})
		if err := s.Start(handler); err != nil {
			return err
		}
		all.Go(func() { <-ctx.Done(); s.Shutdown() })
	}
	<-ctx.Done()
	return nil
}

func post(ctx context.Context, client *http.Client, url string, x tasks.Cancellation) error {
	body, err := json.Marshal(map[string]string{"mchtId": x.MchtID, "orgTrdNo": x.OrgTrdNo, "orgMchtTrdNo": x.OrgMchtTrdNo,
		"orgTrdDt": x.OrgTrdDt, "canAmt": fmt.Sprint(x.CanAmt), "pktHash": flatHash(x)})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/spay/APICancel.do", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ ResultCode string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.ResultCode != "0000" {
		return fmt.Errorf("refused: %s", answer.ResultCode)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func flatHash(x tasks.Cancellation) string {
	sum := sha256.Sum256([]byte(x.OrgTrdNo + x.OrgMchtTrdNo + x.OrgTrdDt + fmt.Sprint(x.CanAmt) + settlebank.TestbedHashKey))
	return hex.EncodeToString(sum[:])
}
