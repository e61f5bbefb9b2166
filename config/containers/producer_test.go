//go:build containers || hosts

package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// producer is an order system: it enqueues by HTTP, and repeats until it is told 202, as README
// says.
type producer struct {
	server, simulator string // their addresses
	token             string
	client            http.Client

	mu       sync.Mutex
	accepted []string // keys
	last     time.Time
	longest  time.Duration // without any acceptance
	failures map[string]int
}

func newProducer(server, simulator, token string) *producer {
	return &producer{server: server, simulator: simulator, token: token, client: http.Client{Timeout: 30 * time.Second}, failures: map[string]int{}}
}

// one enqueues half of a payment of its own.
func (p *producer) one(ctx context.Context, key string) error {
	body, err := json.Marshal(map[string]any{
		"mchtId": "nxca_jt_bi", "orgTrdNo": "STFP_" + key, "orgMchtTrdNo": "ORDER-" + key, "orgTrdDt": "20231215",
		"canAmt": 500, "orgTrdAmt": 1000, "method": "CA",
	})
	if err != nil {
		return err
	}
	for {
		status := p.post(ctx, key, body)
		p.note(key, status)
		if status == "202" {
			return nil
		}
		if strings.HasPrefix(status, "4") {
			return fmt.Errorf("%s: answered %s", key, status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was never accepted: %s", key, status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// post returns the answer's status, or that there was none.
func (p *producer) post(ctx context.Context, key string, body []byte) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.server+"/v1/cancellations", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}, "Authorization": {"Bearer " + p.token}}
	answer, err := p.client.Do(r)
	if err != nil {
		return "no answer"
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return fmt.Sprint(answer.StatusCode)
}

func (p *producer) note(key, status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if status != "202" {
		p.failures[status]++
		return
	}
	now := time.Now()
	if gap := now.Sub(p.last); !p.last.IsZero() && gap > p.longest {
		p.longest = gap
	}
	p.last = now
	p.accepted = append(p.accepted, key)
}

// during enqueues one every 20 ms or so while something is done, and afterwards for a moment. It
// returns the longest time for which nothing was accepted, and how often what else was answered.
func (p *producer) during(t testing.TB, name string, do func()) (time.Duration, map[string]int) {
	t.Helper()
	p.mu.Lock()
	p.last, p.longest, p.failures = time.Time{}, 0, map[string]int{}
	p.mu.Unlock()
	ctx, giveUp := context.WithTimeout(t.Context(), 5*time.Minute)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		senders.Wait()
	})
	defer func() { giveUp(); end() }() // where something fails
	for i := range 2 {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(40 * time.Millisecond):
				}
				if err := p.one(ctx, fmt.Sprintf("%s-%d-%d", name, i, n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	p.more(t, 10)
	do()
	p.more(t, 25)
	end()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.longest, p.failures
}

// more waits until so many more have been accepted.
func (p *producer) more(t testing.TB, n int) {
	t.Helper()
	begun := p.count()
	until(t, fmt.Sprintf("%d more are accepted", n), 4*time.Minute, func() bool { return p.count() >= begun+n })
}

func (p *producer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.accepted)
}

// status returns what the API says of a cancellation, or why it says nothing.
func (p *producer) status(t testing.TB, key string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.server+"/v1/cancellations/"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := p.client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	var record struct{ Status string }
	if err := json.NewDecoder(answer.Body).Decode(&record); err != nil || answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	return record.Status
}

// settle waits until everything accepted is cancelled, and checks that the gateway applied each
// exactly once.
func (p *producer) settle(t testing.TB, atMost time.Duration) {
	t.Helper()
	begun, left := time.Now(), p.accepted
	for tick := time.NewTicker(200 * time.Millisecond); ; <-tick.C {
		for len(left) > 0 && p.status(t, left[0]) == "cancelled" {
			left = left[1:]
		}
		if len(left) == 0 {
			break
		}
		if time.Since(begun) > atMost {
			t.Fatalf("%d of %d are not cancelled after %s; %s is %s", len(left), len(p.accepted), atMost, left[0], p.status(t, left[0]))
		}
	}
	applied := p.applied(t)
	for _, key := range p.accepted {
		if n := applied["STFP_"+key]; n != 1 {
			t.Errorf("%s was applied %d times", key, n)
		}
	}
	t.Logf("all %d accepted are cancelled, each applied once, %s after the last was accepted",
		len(p.accepted), time.Since(p.last).Round(100*time.Millisecond))
}

// applied counts what the simulator applied, by payment.
func (p *producer) applied(t testing.TB) map[string]int {
	t.Helper()
	counts := map[string]int{}
	decoder := json.NewDecoder(strings.NewReader(p.simulate(t, http.MethodGet, "effects?format=ndjson", "")))
	for {
		var effect struct{ OrgTrdNo string }
		if err := decoder.Decode(&effect); err == io.EOF {
			return counts
		} else if err != nil {
			t.Fatal(err)
		}
		counts[effect.OrgTrdNo]++
	}
}

// simulate speaks to the simulator's control interface.
func (p *producer) simulate(t testing.TB, method, call, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.simulator+"/_sim/"+call, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v\n%s", method, call, answer.Status, err, text)
	}
	return string(text)
}
