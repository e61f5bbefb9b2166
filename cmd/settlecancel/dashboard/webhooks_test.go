package dashboard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

// hook queues the webhook of an event of that age, as the relay does, and answers its task's id.
func (b *fixture) hook(name string, age time.Duration) string {
	b.Helper()
	e := events.Event{ID: "evt_" + name, Type: "cancellation.rejected", Seq: 1, Timestamp: time.Now().Add(-age).UTC(),
		Data: events.Data{IdempotencyKey: "refund-" + name, Status: ledger.Rejected, Message: "취소금액\n초과"}}
	if _, err := events.EnqueueWebhooks(b.Context(), b.rdb, []events.Event{e}, ""); err != nil {
		b.Fatal(err)
	}
	return e.WebhookTaskID("")
}

// givenUp is hook for one whose receiver refused it for too long.
func (b *fixture) givenUp(name string) string {
	b.Helper()
	id := b.hook(name, time.Minute)
	if err := b.inspector.ArchiveTask(events.QueueWebhooks, id); err != nil {
		b.Fatal(err)
	}
	return id
}

func (b *fixture) wantHook(id string, want asynq.TaskState) {
	b.Helper()
	info, err := b.inspector.GetTaskInfo(events.QueueWebhooks, id)
	if err != nil || info.State != want {
		b.Errorf("%s: %+v, %v, want %v", id, info, err, want)
	}
}

// A webhook may be told twice: one that was given up is run again by hand, which no cancellation
// notices.
func TestRunWebhook(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	x := b.put(sample("x"), ledger.Rejected)
	id := b.givenUp("x")
	if got := b.run("webhooks", id); got.StatusCode != http.StatusNoContent {
		t.Fatalf("%d %s", got.StatusCode, got.text)
	}
	b.wantHook(id, asynq.TaskStatePending)
	if r := b.get(x.IdempotencyKey); r.Status != ledger.Rejected || len(r.Acts) != 0 {
		t.Errorf("its cancellation is %s, acts %+v", r.Status, r.Acts)
	}
	for _, step := range []string{"pause", "resume"} {
		got := b.do(http.DefaultClient, "POST", "/dashboard/queues/api/queues/webhooks:"+step, "")
		info, err := b.inspector.GetQueueInfo(events.QueueWebhooks)
		if got.StatusCode != http.StatusNoContent || err != nil || info.Paused != (step == "pause") {
			t.Errorf("%s: %d, paused %v, %v", step, got.StatusCode, info.Paused, err)
		}
		if page := b.see(root).text; strings.Contains(page, "Queue webhooks is paused") != (step == "pause") {
			t.Errorf("after %s the overview says otherwise", step)
		}
	}
}

// Nothing takes a webhook away, and nothing runs many at once but our own page, which says what it
// did.
func TestWebhooksRefused(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	id := b.givenUp("x")
	b.hook("y", time.Minute)
	before := b.snapshot()
	const queue = "/dashboard/queues/api/queues/webhooks"
	for _, request := range []string{
		"DELETE " + queue, "DELETE " + queue + "/archived_tasks/" + id, "DELETE " + queue + "/archived_tasks:delete_all", "DELETE " + queue + "/pending_tasks/refund-y@1",
		"POST " + queue + "/archived_tasks:run_all", "POST " + queue + "/archived_tasks:batch_run", "POST " + queue + "/archived_tasks:batch_delete",
		"POST " + queue + "/pending_tasks/refund-y@1:archive", "POST " + queue + "/pending_tasks:archive_all", "POST " + queue + "/active_tasks:cancel_all",
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := b.do(http.DefaultClient, method, path, `{"task_ids":["`+id+`"]}`); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d %s", request, got.StatusCode, got.text)
		}
	}
	if after := b.snapshot(); len(after) != len(before) {
		t.Errorf("something changed: %d keys, were %d", len(after), len(before))
	}
	b.wantHook(id, asynq.TaskStateArchived)
}

func TestOverviewWebhooks(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	again := cancellations + "webhooks"
	if page := b.see(root).text; strings.Contains(page, again) || strings.Contains(page, "All is well") {
		t.Error("webhooks are spoken of where there are none")
	}
	got := b.send(b.visitor(), again, nil)
	if !strings.Contains(got.text, "Webhooks that are tried again: 0.") {
		t.Errorf("of none: %d %s", got.StatusCode, got.text)
	}
	ids := []string{b.givenUp("a"), b.givenUp("b")}
	b.hook("late", 3*time.Hour)
	page := b.see(root).text
	for _, want := range []string{"Webhooks that were given up: 2.", "Try them again", "Webhooks that wait for their receiver: 1. The oldest event: 3 h ago", "queues/webhooks?status=archived"} {
		if !strings.Contains(page, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if strings.Contains(page, "All is well") {
		t.Error("the overview says that all is well")
	}
	if got := b.do(b.visitor(), http.MethodPost, again, "", "Sec-Fetch-Site", "cross-site"); got.StatusCode != http.StatusForbidden {
		t.Errorf("from a foreign page: %d", got.StatusCode)
	}
	b.rdb.ZAdd(t.Context(), "asynq:{webhooks}:archived", redis.Z{Score: 1, Member: "ghost"})
	got = b.do(b.visitor(), http.MethodPost, again, "")
	if !strings.Contains(got.text, "Webhooks that are tried again: 2.") || strings.Contains(got.text, "Webhooks that were given up") {
		t.Errorf("%d %s", got.StatusCode, got.text)
	}
	if n := b.rdb.Exists(t.Context(), "asynq:{webhooks}:t:ghost").Val(); n != 0 {
		t.Error("a task of which only the name is left has come to life")
	}
	for _, id := range ids {
		b.wantHook(id, asynq.TaskStatePending)
	}
}

func TestWebhooksReadOnly(t *testing.T) {
	t.Parallel()
	b := newFixture(t, func(o *Options) { o.ReadOnly = true })
	id := b.givenUp("x")
	if page := b.see(root).text; !strings.Contains(page, "were given up: 1.") || strings.Contains(page, "<button>Try them again") {
		t.Error("it does not tell of the webhook, or offers to run it")
	}
	if got := b.do(b.visitor(), http.MethodPost, cancellations+"webhooks", ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("all: %d", got.StatusCode)
	}
	if got := b.run("webhooks", id); got.StatusCode != http.StatusForbidden {
		t.Errorf("one: %d", got.StatusCode)
	}
	b.wantHook(id, asynq.TaskStateArchived)
}

func TestWebhooksWithoutRedis(t *testing.T) {
	t.Parallel()
	b, server := newMortalFixture(t)
	b.givenUp("x")
	server.Kill()
	if got := b.do(b.visitor(), http.MethodPost, cancellations+"webhooks", ""); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d %s", got.StatusCode, got.text)
	}
}

func TestFormatEvent(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.hook("x", time.Minute)
	got := b.see("/dashboard/queues/api/queues/webhooks/pending_tasks").text
	for _, want := range []string{"refund-x", "cancellation.rejected", "취소금액"} {
		if !strings.Contains(got, want) {
			t.Errorf("the listing does not show %s: %s", want, got)
		}
	}
	for _, payload := range []string{"", "{", "{}", `{"id":7}`, "\x00"} {
		if got := formatPayload(events.TypeWebhook, []byte(payload)); got != notEvent {
			t.Errorf("%q is shown as %s", payload, got)
		}
	}
}

// The Run button of asynqmon's own page reaches a webhook's task: its id stands in the address.
func TestBrowserWebhook(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	id := b.givenUp("x")
	tab := newTab(b, 1300, true)
	tab.open("/dashboard/queues/queues/webhooks/tasks/"+id, "#root pre")
	if got := tab.text("#root main"); !strings.Contains(got, "cancellation.rejected") {
		t.Errorf("the task: %s", got)
	}
	tab.open("/dashboard/queues/queues/webhooks?status=archived", `#root th[scope="row"]`)
	const run = `#root button[title="Delete"] + button`
	tab.run(chromedp.Click(chromedp.CSS(`#root tbody tr td:last-child button`)), chromedp.WaitVisible(chromedp.CSS(run)))
	tab.run(chromedp.Click(chromedp.CSS(run)), chromedp.WaitVisible(chromedp.CSS(".MuiSnackbar-root")))
	b.wantHook(id, asynq.TaskStatePending)
	tab.clean()
}
