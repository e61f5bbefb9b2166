package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
)

// Two hundred producers repeat each request three times, and the server is killed in the middle:
// each key is accepted once, and none is lost that got a 202.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	p := newPlant(t, simulator.Options{}, "HTTP_ADDR="+addr)
	server := p.start("server")

	const producers, repeats = 200, 3
	var accepted, replayed atomic.Int64
	var all sync.WaitGroup
	for i := range producers {
		all.Go(func() {
			for range repeats {
				resp := p.post(addr, i)
				if accepted.Add(1); resp.Header.Get("Idempotent-Replayed") == "true" {
					replayed.Add(1)
				}
			}
		})
	}
	p.until("half of them are accepted", time.Minute, func() bool { return accepted.Load() > producers*repeats/2 })
	server.kill()
	p.start("server")
	all.Wait()

	open, dead, err := p.client.Ledger().Counts(t.Context())
	if err != nil || open != producers || dead != 0 {
		t.Errorf("the ledger holds %d open and %d dead ones, %v; want %d", open, dead, err, producers)
	}
	info, err := asynq.NewInspectorFromRedisClient(p.redis.Client(t)).GetQueueInfo(tasks.QueueDefault)
	if err != nil || info.Size != producers {
		t.Errorf("the queue holds %+v, %v; want %d", info, err, producers)
	}
	if replayed.Load() < producers*(repeats-1) {
		t.Errorf("%d answers say that the key was known, want %d at least", replayed.Load(), producers*(repeats-1))
	}
	for i := range producers {
		p.record(fmt.Sprintf("refund-%d", i))
	}
}

// post sends the i-th cancellation as a producer should: again and again until it is accepted.
func (p *plant) post(addr string, i int) *http.Response {
	body := fmt.Sprintf(`{"mchtId":"nxca_jt_bi","orgTrdNo":"STFP_%d","orgMchtTrdNo":"O%d","orgTrdDt":"20231215","canAmt":500,"orgTrdAmt":1000,"method":"CA"}`, i, i)
	deadline := time.Now().Add(2 * time.Minute)
	for {
		r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/v1/cancellations", strings.NewReader(body))
		if err != nil {
			p.Error(err)
			return &http.Response{}
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("refund-%d", i))
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusAccepted {
				return resp
			}
		}
		if time.Now().After(deadline) {
			p.Errorf("refund-%d is not accepted: %v, %v", i, resp, err)
			return &http.Response{}
		}
		<-time.After(20 * time.Millisecond)
	}
}
