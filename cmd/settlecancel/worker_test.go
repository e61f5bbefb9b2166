package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// What the page documents reaches the gateway byte for byte, and the command line tells how it
// ended.
func TestPageExample(t *testing.T) {
	t.Parallel()
	for amount, hash := range map[string]string{
		"1000": "e9537d522248bfd9c4b19d61e3367451e2412a20ce0b41b34068b805e75f9446",
		"500":  "7e05289ae0ffe63a0b21bec3bd585088283df146f6c4865854bd9c8e48e90885",
	} {
		t.Run(amount+" won", func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, simulator.Options{AutoAmount: 1000})
			p.start("worker")
			p.run(exitDone, "enqueue", "--key", "page", "--mcht-id", "nxca_jt_bi", "--org-trd-no", "STFP_PGCAnxca_jt_il0211129135810M1494620",
				"--org-mcht-trd-no", "ORDER20231215143022", "--org-trd-dt", "20231215", "--amount", amount, "--org-amount", "1000", "--method", "CA")
			p.until("cancelled", time.Minute, func() bool { return p.record("page").Ended() })
			want := fmt.Sprintf(`{"mchtId":"nxca_jt_bi","orgTrdNo":"STFP_PGCAnxca_jt_il0211129135810M1494620","orgMchtTrdNo":"ORDER20231215143022",`+
				`"orgTrdDt":"20231215","canAmt":"%s","pktHash":"%s"}`, amount, hash)
			received := p.sim.Received()
			if amount != "1000" { // a part begins with a look at what is cancelled
				received = received[1:]
			}
			if len(received) != 1 || string(received[0].Body) != want {
				t.Errorf("received %+v, want one body\n%s", received, want)
			}
			var report report.Record
			if err := json.Unmarshal([]byte(p.run(exitDone, "status", "page", "--json")), &report); err != nil {
				t.Fatal(err)
			}
			if report.Status != ledger.Cancelled || report.CanTrdNo == "" || report.CanTrdNo != p.sim.Effects()[0].CanTrdNo {
				t.Errorf("status tells %s %q", report.Status, report.CanTrdNo)
			}
		})
	}
}

// A worker that is told to stop lets its request end, writes the outcome down, and leaves with 0.
func TestTermLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	p := newPlant(t, simulator.Options{AutoAmount: 1000})
	if _, err := p.sim.Script(simulator.Rule{Path: simulator.PathCancel, Times: 1, Fault: simulator.Fault{Kind: simulator.KindDelayBefore, Delay: 5 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	worker := p.start("worker")
	p.enqueue(p.pageExample("term", 500))
	p.delayed()
	worker.signal(syscall.SIGTERM)
	if code := worker.wait(); code != exitDone {
		t.Errorf("exit code %d\n%s", code, worker.log)
	}
	if r := p.record("term"); r.Status != ledger.Cancelled || len(r.Attempts) != 2 || len(p.sim.Effects()) != 1 {
		t.Errorf("%s after %d attempts, %d effects", r.Status, len(r.Attempts), len(p.sim.Effects()))
	}
}

// A worker is killed while the gateway holds its request, which the gateway then applies. Another
// one finds out, without a hand's help, and nothing happens twice.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	p := newPlant(t, simulator.Options{AutoAmount: 1000}, "SETTLEBANK_TIMEOUT=1s", "SETTLEBANK_CONNECT_TIMEOUT=500ms", "SETTLEBANK_VERIFY_AFTER=3s")
	if _, err := p.sim.Script(simulator.Rule{Path: simulator.PathCancel, Times: 1, Fault: simulator.Fault{Kind: simulator.KindDelayBefore, Delay: 2 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	worker := p.start("worker")
	p.enqueue(p.pageExample("killed", 500))
	p.delayed()
	worker.kill()
	killed := time.Now()
	p.start("worker")
	p.until("settled", 3*time.Minute, func() bool { return p.record("killed").Ended() })
	r := p.record("killed")
	if r.Status != ledger.Cancelled || r.Attempts[1].Class != ledger.Lost || len(p.sim.Effects()) != 1 || p.sim.Stats().Cancels != 1 {
		t.Errorf("%s, attempts %+v, %d requests, %d effects", r.Status, r.Attempts, p.sim.Stats().Cancels, len(p.sim.Effects()))
	}
	t.Logf("settled %v after the kill", time.Since(killed).Round(time.Second))
}

// Five partial cancellations of one payment, enqueued at once, on two workers: one after the other.
func TestFivePartialsOnTwoWorkers(t *testing.T) {
	t.Parallel()
	p := newPlant(t, simulator.Options{AutoAmount: 1000, Latency: 50 * time.Millisecond})
	p.start("worker")
	p.start("worker")
	var lines []string
	for i := range 5 {
		payload, err := p.pageExample(fmt.Sprintf("part-%d", i), int64(100+i)).Payload()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(payload))
	}
	c := &cli{TB: t, app: app{environ: p.environ}}
	c.run("enqueue", "--file", c.file("parts.ndjson", strings.Join(lines, "\n"))).want(t, exitDone, []string{"5"}, nil)
	p.until("all have ended", time.Minute, func() bool {
		open, dead, err := p.client.Ledger().Counts(t.Context())
		return err == nil && open+dead == 0
	})
	if s := p.sim.Stats(); s.MaxConcurrent != 1 || s.Effects != 5 || s.CancelledAmount != 510 {
		t.Errorf("at most %d at once, %d effects, %d KRW", s.MaxConcurrent, s.Effects, s.CancelledAmount)
	}
}

// Bad settings are told all at once, with exit code 2.
func TestSettingsFaults(t *testing.T) {
	t.Parallel()
	p := newPlant(t, simulator.Options{})
	p.environ = append(p.environ, "RETRY_MAX=many", "WORKER_CONCURRENCY=0")
	if out := p.run(exitUsage, "worker"); !strings.Contains(out, "RETRY_MAX") || !strings.Contains(out, "WORKER_CONCURRENCY") {
		t.Errorf("it says %s", out)
	}
}
