package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// On a Redis Cluster, where no two keys need lie on one node, everything works: worker, server and
// its pages, and every command. Their user may do there what the manual says, and needs no more.
func TestCluster(t *testing.T) {
	t.Parallel()
	var told atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	t.Cleanup(receiver.Close)
	rdb, _ := redistest.StartCluster(t, 3, 0)
	addr, user := freeAddr(t), strings.Replace(clusterURL(rdb), "://", "://settlecancel:PASSWORD@", 1)
	onEach(t, rdb, func(ctx context.Context, node *redis.Client) error {
		return node.ACLSetUser(ctx, redisUser(t)[0], redisUser(t)[1:]...).Err()
	})
	p := plantOn(t, user, simulator.Options{AutoAmount: 1000}, "SETTLEBANK_MCHT_ID=nxca_jt_bi", "SETTLEBANK_RATE=100",
		"HTTP_ADDR="+addr, "WEBHOOK_URL="+receiver.URL, "WEBHOOK_SECRET=whsec_"+strings.Repeat("MfKQ", 8))
	worker, server := p.start("worker"), p.start("server")

	const n = 40
	p.says("40 accepted", "enqueue", "--file", p.refunds(n))
	p.says("40 known already", "enqueue", "--file", p.refunds(n))
	tooMuch := p.pageExample("too-much", 2000)
	tooMuch.OrgTrdAmt = 0
	p.enqueue(tooMuch)
	p.until("all have ended, and are told", time.Minute, func() bool {
		open, dead, err := p.client.Ledger().Counts(context.Background())
		return err == nil && open == 0 && dead == 1 && told.Load() > n && rdb.XLen(context.Background(), events.Stream).Val() > n
	})
	p.commands(n)
	p.pages(addr)
	p.decisions("too-much")
	for _, r := range []*process{worker, server} {
		r.signal(syscall.SIGTERM)
		if r.wait() != exitDone || strings.Contains(r.log.String(), "CROSSSLOT") {
			t.Errorf("%s", r.log)
		}
	}
	onEach(t, rdb, func(ctx context.Context, node *redis.Client) error {
		refused, err := node.ACLLog(ctx, 10).Result()
		for _, r := range refused {
			t.Errorf("refused: %s of %s to %s", r.Object, r.Reason, r.Username)
		}
		return err
	})
}

// onEach asks each node of a cluster.
func onEach(t *testing.T, rdb *redis.ClusterClient, ask func(context.Context, *redis.Client) error) {
	t.Helper()
	if err := rdb.ForEachMaster(context.Background(), ask); err != nil {
		t.Fatal(err)
	}
}

// commands looks at n cancellations and one that was rejected, in every way that there is.
func (p *plant) commands(n int) {
	p.Helper()
	p.says(`"status":"cancelled"`, "status", "refund-7", "--json")
	day := p.record("refund-7").EndedAt.In(settlebank.KST).Format(settlebank.DateLayout)
	p.says(`"idempotencyKey":"refund-7"`, "reconcile", "--date", day, "--json")
	p.says("nxca_jt_bi: paused", "pause", "nxca_jt_bi", "--note", "a try")
	p.says("a try", "pause")
	p.says("nxca_jt_bi: resumed", "resume", "nxca_jt_bi")
	if told := strings.Count(p.run(exitDone, "events", "replay", "--since", "1h"), "\n"); told != n+1 {
		p.Errorf("%d events are replayed, want %d", told, n+1)
	}
	tail := p.start("events", "tail", "--from-start")
	p.until("the tail shows the last event", time.Minute, func() bool { return strings.Contains(tail.log.String(), "too-much") })
	tail.signal(syscall.SIGINT)
	if tail.wait() != exitDone {
		p.Errorf("events tail: %s", tail.log)
	}
	if found := p.run(exitFailed, "doctor"); !strings.Contains(found, "the cluster serves all 16384 hash slots; masters: 3") ||
		!strings.Contains(found, "1 worker at work") { // it fails because these nodes write nothing to disk
		p.Errorf("doctor says\n%s", found)
	}
}

func (p *plant) pages(addr string) {
	p.Helper()
	p.page(addr, "/readyz", "ok")
	p.page(addr, "/dashboard/queues/api/queues", `"queue":"default"`, `"queue":"webhooks"`)
	p.page(addr, "/dashboard/queues/api/queues/default/archived_tasks", `"id":"too-much"`)
	p.page(addr, "/dashboard/", "1002")
	p.page(addr, "/v1/cancellations?status=rejected", `"too-much"`)
}

// decisions sends a rejected one again, and then closes it.
func (p *plant) decisions(key string) {
	p.Helper()
	p.says(key, "deadletter", "ls")
	p.says(key, "deadletter", "retry", key, "--note", "a try")
	p.until("it is rejected again", time.Minute, func() bool { return p.record(key).Status == ledger.Rejected })
	p.says(key, "deadletter", "resolve", key, "--as", "rejected", "--note", "a try")
}

// says runs a command that must succeed, and print a text.
func (p *plant) says(text string, args ...string) {
	p.Helper()
	if out := p.run(exitDone, args...); !strings.Contains(strings.ReplaceAll(out, `": `, `":`), text) {
		p.Errorf("settlecancel %s says not %q but\n%s", strings.Join(args, " "), text, out)
	}
}

// page gets a page of a server, which must hold texts.
func (p *plant) page(addr, path string, texts ...string) {
	p.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	for _, text := range texts {
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), text) {
			p.Errorf("%s answers %s, %v, without %q:\n%s", path, resp.Status, err, text, body)
		}
	}
}

// refunds writes a file of so many cancellations, each of a payment of its own.
func (p *plant) refunds(n int) string {
	p.Helper()
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"idempotencyKey":"refund-%d","orgTrdNo":"STFP_%d","orgMchtTrdNo":"O%d","orgTrdDt":"20231215","canAmt":500,"orgTrdAmt":1000,"method":"CA"}`+"\n", i, i, i)
	}
	path := filepath.Join(p.TempDir(), "refunds.ndjson")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		p.Fatal(err)
	}
	return path
}
