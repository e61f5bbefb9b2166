package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"

	"settlecancel/tasks/ledger/redistest"
)

// BenchmarkDrain empties a queue with our worker and with a bare asynq handler that makes the same
// POST, by turns, and reports our throughput as a ratio of the bare one's. Both run at a
// concurrency of 200 with the same queues and retention.
func BenchmarkDrain(b *testing.B) {
	for _, fsync := range []string{"everysec", "always"} {
		for _, latency := range []time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond} {
			b.Run(fmt.Sprintf("fsync=%s/gateway=%v", fsync, latency), func(b *testing.B) { benchmarkDrain(b, fsync, latency) })
		}
	}
}

const (
	drainConcurrency = 200
	drainTurns       = 5
)

func benchmarkDrain(b *testing.B, fsync string, latency time.Duration) {
	count := 4000
	if latency > 100*time.Millisecond {
		count = 2000
	}
	var ours, bare []float64
	for b.Loop() {
		for range drainTurns {
			bare = append(bare, drain(b, fsync, latency, count, startBare))
			ours = append(ours, drain(b, fsync, latency, count, startOurs))
		}
	}
	slices.Sort(ours)
	slices.Sort(bare)
	o, a := ours[len(ours)/2], bare[len(bare)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(o, "ours/s")
	b.ReportMetric(a, "bare/s")
	b.ReportMetric(o/a, "ratio")
}

// plant is what a drain runs against.
type plant struct {
	rdb    *redis.Client // for the worker
	client *tasks.Client
	url    string
	done   func() // told at each cancellation that the gateway has carried out
}

// drain enqueues count cancellations, starts a worker, and answers how many it carried out a
// second.
func drain(b *testing.B, fsync string, latency time.Duration, count int, start func(testing.TB, plant) (stop func())) float64 {
	server := redistest.Start(b, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", fsync}})
	defer server.Kill()
	var left atomic.Int64
	left.Store(int64(count))
	finished := make(chan struct{})
	sim, err := simulator.New(simulator.Options{AutoAmount: 1000, Latency: latency})
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(sim)
	defer web.Close()
	p := plant{rdb: server.Client(b), client: tasks.NewClient(server.Client(b), tasks.ClientOptions{}), url: web.URL, done: func() {
		if left.Add(-1) == 0 {
			close(finished)
		}
	}}
	fill(b, p.client, count)
	begin := time.Now()
	stop := start(b, p)
	<-finished
	took := time.Since(begin)
	stop()
	return float64(count) / took.Seconds()
}

func fill(b *testing.B, c *tasks.Client, count int) {
	var all sync.WaitGroup
	for part := range 16 {
		all.Go(func() {
			for i := part; i < count; i += 16 {
				if _, err := c.Enqueue(context.Background(), sample(i), tasks.EnqueueOptions{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func sample(i int) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: fmt.Sprintf("refund-20231215-%06d", i), MchtID: "nxca_jt_bi",
		OrgTrdNo: fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810M1%06d", i), OrgMchtTrdNo: fmt.Sprintf("ORDER2023121514%06d", i),
		OrgTrdDt: "20231215", CanAmt: 1000, OrgTrdAmt: 1000, Method: "CA"}
}

// counting tells of each cancellation that ended.
type counting struct {
	Gateway
	done func()
}

func (c counting) Cancel(ctx context.Context, r gateway.CancelRequest) gateway.Outcome {
	o := c.Gateway.Cancel(ctx, r)
	if o.Class != gateway.OK {
		panic(fmt.Sprintf("bench: %+v", o))
	}
	c.done()
	return o
}

func startOurs(t testing.TB, p plant) func() {
	gw, err := gateway.New(gateway.Options{BaseURL: p.url, Merchants: []gateway.Merchant{{ID: "nxca_jt_bi",
		HashKey: "ST1009281328226982205", AESKey: "pgSettle30y739r82jtd709yOfZ2yK5K"}}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Options{Redis: p.rdb, Client: p.client, Gateway: counting{gw, p.done}, Concurrency: drainConcurrency,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return func() { w.Shutdown(); gw.Close() }
}

// startBare is what one would write without us: the same signature, the same POST, and no thought
// of what could go wrong.
func startBare(t testing.TB, p plant) func() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = drainConcurrency
	client := &http.Client{Transport: transport}
	handler := asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		var x tasks.Cancellation
		if err := json.Unmarshal(task.Payload(), &x); err != nil {
			return err
		}
		if err := post(ctx, client, p.url, x); err != nil {
			t.Error(err)
			return err
		}
		p.done()
		return nil
	})
	s := asynq.NewServerFromRedisClient(p.rdb, asynq.Config{Concurrency: drainConcurrency, Queues: tasks.Queues(), LogLevel: asynq.FatalLevel})
	if err := s.Start(handler); err != nil {
		t.Fatal(err)
	}
	return func() { s.Shutdown(); transport.CloseIdleConnections() }
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
	sum := sha256.Sum256([]byte(x.OrgTrdNo + x.OrgMchtTrdNo + x.OrgTrdDt + fmt.Sprint(x.CanAmt) + "ST1009281328226982205"))
	return hex.EncodeToString(sum[:])
}
