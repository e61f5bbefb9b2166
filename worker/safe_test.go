package worker

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

// Rule 13: nothing is told before as many replicas as demanded hold it. With the replica cut off
// the event stays in the outbox; with the replica back it is told once, as the same event.
func TestRule13ToldOnceSafe(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	master := redistest.Start(t, redistest.Options{Args: []string{"--repl-diskless-sync-delay", "0"}})
	replica := redistest.Start(t, redistest.Options{Args: []string{"--replicaof", "127.0.0.1", strconv.Itoa(master.Port)}})
	b := newBench(t, setup{redis: master, options: Options{Webhook: mustWebhook(t, "http://127.0.0.1:1/")},
		ledger: ledger.Options{WaitReplicas: 1, WaitTimeout: 30 * time.Second}})
	inStep := func() bool { return b.rdb.Do(ctx, "WAIT", 1, 1000).Val() == int64(1) }
	clocktest.WaitFor(t, "the replica is in step", inStep)
	x := b.pay(1000, 500)
	b.accept(x)
	b.drive(x)
	outbox, err := b.client.Ledger().Outbox(ctx, 10)
	if err != nil || len(outbox) != 1 {
		t.Fatalf("%d events, %v", len(outbox), err)
	}
	want, err := events.New(outbox[0])
	if err != nil {
		t.Fatal(err)
	}

	replica.Kill()
	impatient := b.worker.newRelay()
	impatient.ledger = ledger.New(b.rdb, ledger.Options{Now: b.clock.Now, WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond})
	for range 2 {
		if n, err := impatient.once(ctx); n != 0 || !errors.Is(err, ledger.ErrNotReplicated) {
			t.Errorf("told %d, %v", n, err)
		}
	}
	if b.outbox() != 1 || len(b.told(x)) != 0 || len(b.webhooks(x)) != 0 {
		t.Errorf("%d are left; told %d, and %d webhooks", b.outbox(), len(b.told(x)), len(b.webhooks(x)))
	}

	if err := replica.Restart(); err != nil {
		t.Fatal(err)
	}
	clocktest.WaitFor(t, "the replica is back", inStep)
	if n := b.relay(b.worker); n != 1 {
		t.Errorf("told %d", n)
	}
	b.relay(b.worker)
	told := b.told(x)
	if b.outbox() != 0 || len(told) != 1 || told[0].ID != want.ID || len(b.webhooks(x)) != 1 {
		t.Errorf("%d are left; told %+v, want %s once; %d webhooks", b.outbox(), told, want.ID, len(b.webhooks(x)))
	}
}
