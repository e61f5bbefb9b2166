package doctor

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/events"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	ctx := context.Background()
	p.examine().want("events", OK, "0 events waiting to be told", "")
	tell := func(id string) {
		t.Helper()
		p.must(p.rdb.XAdd(ctx, &redis.XAddArgs{Stream: "settlecancel:{3}:out", ID: id, Values: []string{"m", "x"}}).Err())
	}
	tell("*")
	p.examine().want("events", OK, "1 event waiting to be told", "")
	p.o.Now = func() time.Time { return time.Now().Add(10 * time.Minute) }
	p.examine().want("events", Danger, "1 event in the outbox that nobody has been told of, the oldest for 10m", "events not told")
	for _, f := range Run(ctx, Options{Redis: p.rdb, Client: p.o.Client, Settings: p.o.Settings, Now: p.o.Now, Starting: true}) {
		if f.Check == "events" {
			t.Errorf("a worker that starts is blamed for what waits for it: %+v", f)
		}
	}
	page, err := p.o.Client.Ledger().Outbox(ctx, 1)
	p.must(err)
	_, err = p.o.Client.Ledger().SetAside(ctx, page)
	p.must(err)
	found := p.examine()
	found.want("events", OK, "0 events waiting", "")
	found.want("events", Note, "1 event could not be read", "EventsDamaged")
	p.must(p.rdb.Set(ctx, "settlecancel:{4}:out", "in the way", 0).Err())
	p.examine().want("events", Danger, "the outbox cannot be read", "run it again")
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	p, now := newPatient(t), time.Now()
	p.o.Now = func() time.Time { return now }
	p.o.Settings.Webhook = true
	inspector := asynq.NewInspectorFromRedisClient(p.rdb)
	p.examine().want("webhooks", OK, "no webhook was ever queued", "")
	queue := func(key string, when time.Time) string {
		t.Helper()
		e := events.Event{ID: "evt_" + key, Seq: 1, Timestamp: when, Data: events.Data{IdempotencyKey: key}}
		_, err := events.EnqueueWebhooks(context.Background(), p.rdb, []events.Event{e}, "")
		p.must(err)
		return e.WebhookTaskID("")
	}
	queue("refund-1", now)
	p.examine().want("webhooks", OK, "1 webhook on the way, the oldest of 0s ago", "")
	old := queue("refund-2", now.Add(-3*time.Hour))
	p.examine().want("webhooks", Note, "2 webhooks waiting; the oldest tells of 3h0m ago", "is the receiver down?")

	p.o.Settings.Webhook = false
	p.examine().want("webhooks", Note, "2 webhooks waiting, and WEBHOOK_URL is not set", "set WEBHOOK_URL")
	p.o.Settings.Webhook = true
	p.must(inspector.PauseQueue(events.QueueWebhooks))
	p.examine().want("webhooks", Danger, "queue webhooks is paused: 2 webhooks", "resume it")
	p.must(inspector.UnpauseQueue(events.QueueWebhooks))

	p.must(inspector.ArchiveTask(events.QueueWebhooks, old))
	found := p.examine()
	found.want("webhooks", OK, "1 webhook on the way", "")
	found.want("webhooks", Note, "1 webhook given up", "run them again")
	archived := make([]redis.Z, archiveDangerous)
	for i := range archived {
		id := fmt.Sprint("old-", i)
		archived[i] = redis.Z{Score: float64(i), Member: id}
		if i < 100 { // asynq measures some
			p.must(p.rdb.HSet(context.Background(), "asynq:{webhooks}:t:"+id, "msg", "x").Err())
		}
	}
	p.must(p.rdb.ZAdd(context.Background(), "asynq:{webhooks}:archived", archived...).Err())
	p.examine().want("webhooks", Danger, "9001 webhooks were given up", "run them again")
	p.must(p.rdb.Set(context.Background(), "asynq:{webhooks}:pending", "damaged", 0).Err())
	p.examine().want("webhooks", Danger, "queue webhooks cannot be read", "asynq's keys")
}
