package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// loss is a run in which Redis forgets what it had confirmed, while parts of payments are carried
// out. LOSS_COUNT makes it longer (make losses).
type loss struct {
	orders
	count     int
	workers   []*process
	producers sync.WaitGroup
	blind     int // carried out, and unknown to the Redis that goes on: a ledger that trusts it sends them again
}

func newLoss(t *testing.T, redisURL string) *loss {
	l := &loss{count: setting("LOSS_COUNT", 200)}
	l.loses = true
	l.plant = plantOn(t, redisURL, simulator.Options{Latency: 20 * time.Millisecond},
		"SETTLEBANK_TIMEOUT=1s", "SETTLEBANK_CONNECT_TIMEOUT=500ms", "SETTLEBANK_VERIFY_AFTER=1s", "WORKER_CONCURRENCY=16",
		"RETRY_INITIAL=100ms", "RETRY_CAP=2s", "LOG_LEVEL=warn")
	for n := range l.count {
		x := tasks.Cancellation{MchtID: "nxca_jt_bi", OrgTrdNo: fmt.Sprintf("STFP_PGCA%06d", n/2), OrgMchtTrdNo: fmt.Sprintf("ORDER%06d", n/2),
			OrgTrdDt: "20260105", OrgTrdAmt: wasPaid, Method: "CA", CanAmt: int64(100 << (n % 2)), IdempotencyKey: fmt.Sprintf("loss-%06d", n)}
		l.cancellations = append(l.cancellations, x)
		if n%2 > 0 {
			continue
		}
		if err := l.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
			OrgTrdDt: x.OrgTrdDt, Amount: wasPaid, Method: "CA"}); err != nil {
			t.Fatal(err)
		}
	}
	l.server()
	l.hire()
	return l
}

// server is the process that producers speak to.
func (l *loss) server() {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { _ = l.client.Ledger().Watch(ctx) })
	l.Cleanup(func() { cancel(); watching.Wait() })
}

func (l *loss) hire() { l.workers = []*process{l.start("worker"), l.start("worker")} }

// produce asks for everything, by four producers, each until it is accepted.
func (l *loss) produce() {
	for i := range 4 {
		l.producers.Go(func() {
			for n := i; n < l.count; n += 4 {
				for {
					if _, err := l.client.Enqueue(context.Background(), l.cancellations[n], tasks.EnqueueOptions{}); err == nil {
						break
					}
				}
			}
		})
	}
}

// applied waits until so many parts have been carried out.
func (l *loss) applied(n int) {
	l.Helper()
	l.until(fmt.Sprintf("%d parts are carried out", n), 5*time.Minute, func() bool { return l.sim.Stats().Effects >= n })
}

// forgotten counts what was carried out and is unknown to the Redis at addr.
func (l *loss) forgotten(there *ledger.Ledger) {
	l.Helper()
	effects := map[string]bool{}
	for _, e := range l.sim.Effects() {
		effects[fmt.Sprint(e.OrgTrdNo, " ", e.Amount)] = true
	}
	for _, x := range l.cancellations {
		r, err := there.Get(context.Background(), x.IdempotencyKey)
		if effects[fmt.Sprint(x.OrgTrdNo, " ", x.CanAmt)] && (err != nil || r.Status == ledger.Queued && !r.Doubted) {
			l.blind++
		}
	}
}

// settle lets all producers repeat everything, waits until nothing is open, lets the lists settle
// what waits for people, and lets people retry the rest, which no list shows.
func (l *loss) settle() {
	l.Helper()
	l.producers.Wait()
	l.produce()
	l.producers.Wait()
	l.settles()
	said, waits := l.audit(), l.reviews()
	r := l.start("reconcile", "--date", settlebank.Date(time.Now()), "--limit", "1")
	r.wait() // the day is not over: it cannot say that all agrees
	left := l.reviews()
	for _, key := range left {
		if _, err := l.client.Retry(context.Background(), key, ledger.Decision{Who: "kim", Note: "no list shows it"}); err != nil {
			l.Fatal(err)
		}
	}
	l.settles()
	e, err := l.client.Ledger().Epochs(context.Background())
	if err != nil {
		l.Fatal(err)
	}
	l.Logf("%d were carried out that Redis did not know any more; %s; %d shards raised their epoch, %d writes missing; "+
		"%d in review, reconcile settled %d, people retried %d", l.blind, said, e.Raised, e.Forgotten, len(waits), len(waits)-len(left), len(left))
	if e.Raised == 0 {
		l.Error("nothing was forgotten: the test shows nothing")
	}
	l.audit()
	for _, x := range l.cancellations {
		if r := l.record(x.IdempotencyKey); r.Status != ledger.Cancelled {
			l.Errorf("%s is %s %s in the end:\n%s", r.Key, r.Status, r.Reason, r.Message)
		}
	}
}

func (l *loss) reviews() (keys []string) {
	l.Helper()
	for _, x := range l.cancellations {
		if l.record(x.IdempotencyKey).Status == ledger.Review {
			keys = append(keys, x.IdempotencyKey)
		}
	}
	return keys
}

// TestForgottenByReplica promotes a replica whose replication was cut two seconds before, under
// load. Nobody waits for replicas.
func TestForgottenByReplica(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]bool{"the workers live": false, "the workers die with it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master := redistest.Start(t, redistest.Options{Args: []string{"--repl-diskless-sync-delay", "0"}})
			replica := redistest.Start(t, redistest.Options{Args: []string{"--replicaof", "127.0.0.1", fmt.Sprint(master.Port)}})
			there, proxy := replica.Client(t), redistest.NewProxy(t, master.Addr())
			l := newLoss(t, proxy.URL())
			l.until("the replica is in step", time.Minute, func() bool {
				return master.Client(t).Do(context.Background(), "WAIT", 1, 1000).Val() == int64(1)
			})
			l.produce()
			l.applied(l.count / 4)
			if err := there.ReplicaOf(context.Background(), "NO", "ONE").Err(); err != nil {
				t.Fatal(err)
			}
			l.applied(min(l.count/2, l.count/4+200))
			<-time.After(2 * time.Second)
			if die {
				for _, w := range l.workers {
					w.kill()
				}
			}
			master.Kill()
			l.forgotten(ledger.New(there, ledger.Options{}))
			proxy.To(replica.Addr())
			if die { // a server lives, which notices; who starts before it has is not warned
				l.until("it is noticed", time.Minute, func() bool {
					e, err := l.client.Ledger().Epochs(context.Background())
					return err == nil && e.Raised >= 16
				})
				l.hire()
			}
			l.settle()
		})
	}
}

// TestForgottenByLog kills a Redis that writes its log every second, and takes the last 64 KB off
// it.
func TestForgottenByLog(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "everysec"}})
	l := newLoss(t, server.URL())
	l.produce()
	l.applied(l.count / 2)
	server.Kill()
	server.CutLog(t, 64<<10)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	l.forgotten(ledger.New(server.Client(t), ledger.Options{}))
	l.settle()
}

// TestForgottenByCopy puts an old copy in the place of all that came since, as the manual says:
// everything stopped, the copy in place, recover, everything started again.
func TestForgottenByCopy(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
	l := newLoss(t, server.URL())
	l.produce()
	l.applied(l.count / 4)
	old := server.Copy(t)
	l.applied(l.count * 3 / 4)
	l.producers.Wait()
	for _, w := range l.workers {
		w.kill()
	}
	server.Kill()
	server.PutBack(t, old)
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	l.forgotten(ledger.New(server.Client(t), ledger.Options{}))
	l.connect() // the order systems are restarted, too: nobody remembers anything
	l.run(exitDone, "recover", "--note", "the copy of an hour ago is in place", "--by", "kim")
	l.hire()
	l.settle()
}
