package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

func TestStateEmpty(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, want := range map[string]float64{
		"settlecancel_redis_up": 1, "settlecancel_state_complete": 1, "settlecancel_damaged_records": 0, "settlecancel_open_cancellations": 0,
		"settlecancel_dead_letters": 0, "settlecancel_paused_merchants": 0, "settlecancel_sweeper_present": 0, "settlecancel_webhooks_oldest_seconds": 0,
		"settlecancel_events_untold": 0, "settlecancel_events_untold_oldest_seconds": 0, "settlecancel_events_damaged": 0,
		"settlecancel_epoch": 0, "settlecancel_epoch_age_seconds": 0, "settlecancel_forgotten_writes": 0,
	} {
		if got := b.one(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	want := map[string]float64{"queued": 0, "sending": 0, "unknown": 0, "rejected": 0, "exhausted": 0, "review": 0}
	if diff := cmp.Diff(want, b.values("settlecancel_cancellations", "status")); diff != "" {
		t.Errorf("by status (-want +got):\n%s", diff)
	}
	if n := len(b.values("settlecancel_queue_tasks", "queue", "state")); n != 24 {
		t.Errorf("%d queue states, want 24", n)
	}
	if v := b.values("settlecancel_build_info", "version", "goversion"); len(v) != 1 {
		t.Errorf("build: %v", v)
	}
}

func TestStateMoney(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := b.now()
	b.put(sample("r1"), ledger.Rejected)
	b.put(sample("r2"), ledger.Review)
	b.advance(time.Hour)
	dollars := sample("usd")
	dollars.Currency, dollars.CanAmt, dollars.OrgTrdAmt = "USD", 1999, 1999
	b.put(dollars, ledger.Exhausted)
	b.put(sample("r3"), ledger.Rejected)
	b.put(sample("q"), ledger.Queued)
	b.put(sample("s"), ledger.Sending)
	elsewhere := sample("u")
	elsewhere.MchtID = "elsewhere"
	b.put(elsewhere, ledger.Unknown)
	b.put(sample("done"), ledger.Cancelled)
	b.advance(30 * time.Second)

	counts := map[string]float64{"queued": 1, "sending": 1, "unknown": 1, "rejected": 2, "exhausted": 1, "review": 1}
	if diff := cmp.Diff(counts, b.values("settlecancel_cancellations", "status")); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	sums := map[string]float64{"queued KRW": 500, "sending KRW": 500, "unknown KRW": 500, "rejected KRW": 1000, "review KRW": 500, "exhausted USD": 1999}
	if diff := cmp.Diff(sums, moved(b.values("settlecancel_cancellations_amount", "status", "currency"))); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
	since := b.now().Sub(at).Seconds()
	ages := map[string]float64{"queued": 30, "sending": 30, "unknown": 30, "rejected": since, "exhausted": 30, "review": since}
	if diff := cmp.Diff(ages, b.values("settlecancel_cancellations_oldest_seconds", "status")); diff != "" {
		t.Errorf("ages (-want +got):\n%s", diff)
	}
	merchants := map[string]float64{shop: 2, "nxca_jt_il": 0, "other": 1}
	if diff := cmp.Diff(merchants, b.values("settlecancel_merchant_open", "merchant")); diff != "" {
		t.Errorf("merchants (-want +got):\n%s", diff)
	}
	sums = map[string]float64{shop + " KRW": 1000, "other KRW": 500}
	if diff := cmp.Diff(sums, moved(b.values("settlecancel_merchant_open_amount", "merchant", "currency"))); diff != "" {
		t.Errorf("merchants' sums (-want +got):\n%s", diff)
	}
	if open, dead := b.one("settlecancel_open_cancellations"), b.one("settlecancel_dead_letters"); open != 3 || dead != 4 {
		t.Errorf("%v open, %v dead, want 3 and 4", open, dead)
	}
}

// TestDoubtSince: the age of what is in doubt begins with its request, and again where a person
// lets it be verified.
func TestDoubtSince(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	oldest := func() float64 { return b.values("settlecancel_cancellations_oldest_seconds", "status")["unknown"] }
	x := b.enqueue(sample("doubt"))
	b.advance(5 * time.Hour)
	b.attempt(x, ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Unknown})
	b.advance(time.Minute)
	if got := oldest(); got != 60 {
		t.Errorf("a minute after its request: %v s", got)
	}
	b.attempt(x, ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Unknown, After: time.Minute}) // an inquiry settles nothing
	b.advance(time.Minute)
	if got := oldest(); got != 120 {
		t.Errorf("two minutes after its request: %v s", got)
	}
	b.attempt(x, ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Review})
	b.advance(24 * time.Hour)
	if _, err := b.client.Retry(t.Context(), x.IdempotencyKey, ledger.Decision{Who: "kim"}); err != nil {
		t.Fatal(err)
	}
	b.advance(time.Second)
	if got := oldest(); got != 1 {
		t.Errorf("a second after it was retried: %v s", got)
	}
}

func TestStateOverdue(t *testing.T) {
	t.Parallel()
	night := false
	b := newBench(t, func(o *Options) {
		o.Closed = func(r gateway.CancelRequest, now time.Time) (time.Time, string) {
			if night && r.Method == "VA" {
				return now.Add(time.Hour), "maintenance"
			}
			return time.Time{}, ""
		}
	})
	check := func(what string, overdue, late float64) {
		t.Helper()
		if got := b.values("settlecancel_merchant_overdue", "merchant")[shop]; got != overdue {
			t.Errorf("%s: %v overdue, want %v", what, got, overdue)
		}
		if got := b.values("settlecancel_queue_latency_seconds", "queue")["default"]; got != late {
			t.Errorf("%s: late by %v s, want %v", what, got, late)
		}
	}
	x := sample("late")
	x.Method = "VA"
	b.enqueue(x)
	check("just accepted", 0, 0)
	b.advance(overdueAfter)
	check("waiting for its turn", 0, 60)
	b.advance(time.Second)
	check("overdue", 1, 61)

	for _, id := range []string{shop, pause.AllMerchants} {
		if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: id, Who: "kim"}); err != nil {
			t.Fatal(err)
		}
		check("paused: "+id, 0, 0)
		if _, err := pause.End(t.Context(), b.rdb, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.inspector.PauseQueue(tasks.QueueDefault); err != nil {
		t.Fatal(err)
	}
	check("its queue paused", 0, 0)
	if err := b.inspector.UnpauseQueue(tasks.QueueDefault); err != nil {
		t.Fatal(err)
	}
	night = true
	check("in a maintenance window", 0, 0)
	night = false
	check("after all that", 1, 61)

	b.attempt(x, ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Unknown, After: time.Hour})
	sibling := x
	sibling.IdempotencyKey += "-2"
	b.enqueue(sibling)
	b.advance(30 * time.Minute)
	check("behind the doubt about another one of its payment", 0, 0)
	b.advance(32 * time.Minute)
	check("the doubt itself is not looked into", 1, 120)
}

func TestStatePauses(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *Options) { o.Now = nil }) // by the clock of Redis
	for _, id := range []string{shop, "stranger", "stranger too", pause.AllMerchants} {
		if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: id, Who: "kim", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.one("settlecancel_paused_merchants"); got != 4 {
		t.Errorf("%v paused, want 4", got)
	}
	ages := b.values("settlecancel_pause_seconds", "merchant")
	for _, merchant := range []string{shop, "other", "all"} {
		if age, ok := ages[merchant]; !ok || age < 0 || age > 60 {
			t.Errorf("%s has been paused for %v s: %v", merchant, age, ages)
		}
	}
	if err := b.rdb.HSet(t.Context(), "settlecancel:paused", "nxca_jt_il", "{damaged").Err(); err != nil {
		t.Fatal(err)
	}
	if age := b.values("settlecancel_pause_seconds", "merchant")["nxca_jt_il"]; age < 1e6 {
		t.Errorf("a pause that cannot be read is %v s old, want: for ever", age)
	}
}

func TestStateQueues(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.enqueue(sample("a"))
	b.enqueue(sample("b"))
	if err := b.inspector.ArchiveTask(tasks.QueueDefault, "refund-a"); err != nil {
		t.Fatal(err)
	}
	if err := b.inspector.PauseQueue(tasks.QueueDefault); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"default pending": 1, "default archived": 1}
	if diff := cmp.Diff(want, moved(b.values("settlecancel_queue_tasks", "queue", "state"))); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]float64{"urgent": 0, "default": 1, "bulk": 0, "webhooks": 0}, b.values("settlecancel_queue_paused", "queue")); diff != "" {
		t.Errorf("paused (-want +got):\n%s", diff)
	}
	if err := b.rdb.Set(t.Context(), sweeperKey, "somebody", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if b.one("settlecancel_sweeper_present") != 1 {
		t.Error("the sweeper is not seen")
	}
	// One damaged list hides its queue, and nothing else.
	if err := b.rdb.Set(t.Context(), "asynq:{default}:pending", "damaged", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if b.one("settlecancel_state_complete") != 0 || b.one("settlecancel_redis_up") != 1 || b.one("settlecancel_open_cancellations") != 2 {
		t.Error("a damaged queue is passed over, or hides more than itself")
	}
	if _, told := b.values("settlecancel_queue_tasks", "queue", "state")["default pending"]; told {
		t.Error("a queue that cannot be read is told of")
	}
}

// TestStateEvents: what no worker has told, and since when; what could not be read.
func TestStateEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(sample("q"), ledger.Queued)
	b.put(sample("r"), ledger.Rejected)
	b.advance(time.Hour)
	b.put(sample("c"), ledger.Cancelled)
	if n, age := b.one("settlecancel_events_untold"), b.one("settlecancel_events_untold_oldest_seconds"); n != 2 || age < 3590 || age > 3660 {
		t.Errorf("%v untold, the oldest for %v s, want 2, for an hour", n, age)
	}
	page, err := b.client.Ledger().Outbox(t.Context(), 10)
	if err != nil || len(page) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	if err := b.client.Ledger().Ack(t.Context(), page[:1]); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Ledger().SetAside(t.Context(), page[1:]); err != nil {
		t.Fatal(err)
	}
	if n, age := b.one("settlecancel_events_untold"), b.one("settlecancel_events_untold_oldest_seconds"); n != 0 || age != 0 {
		t.Errorf("%v untold for %v s, want none", n, age)
	}
	if n := b.one("settlecancel_events_damaged"); n != 1 {
		t.Errorf("%v damaged, want 1", n)
	}
}

// hook queues the webhook of an event of that age, as the relay does.
func (b *bench) hook(name string, age time.Duration) string {
	b.Helper()
	e := events.Event{ID: "evt_" + name, Seq: 1, Timestamp: b.now().Add(-age), Data: events.Data{IdempotencyKey: "refund-" + name}}
	if _, err := events.EnqueueWebhooks(b.Context(), b.rdb, []events.Event{e}, ""); err != nil {
		b.Fatal(err)
	}
	return e.WebhookTaskID("")
}

func TestStateWebhooks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hook("young", 2*time.Minute)
	old := b.hook("old", time.Hour)
	if age := b.one("settlecancel_webhooks_oldest_seconds"); age < 3600 || age > 3601 {
		t.Errorf("the oldest webhook is %v s old, want 3600", age)
	}
	if err := b.inspector.ArchiveTask(events.QueueWebhooks, old); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"webhooks pending": 1, "webhooks archived": 1}
	if diff := cmp.Diff(want, moved(b.values("settlecancel_queue_tasks", "queue", "state"))); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	if age := b.one("settlecancel_webhooks_oldest_seconds"); age < 120 || age > 121 {
		t.Errorf("with the older one given up, the oldest webhook is %v s old, want 120", age)
	}
}

func TestStateCut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := newSurvey(Options{Client: b.client, Redis: b.rdb, Logger: b.metrics.log, Now: b.now}, b.metrics.labels)
	for i := range 3 {
		b.put(sample(fmt.Sprint("open-", i)), ledger.Queued)
		b.put(sample(fmt.Sprint("dead-", i)), ledger.Review)
	}
	for most, want := range map[int]int{2: 2, 3: 3, 4: 3} {
		s.most = most
		st := s.look(t.Context())
		if st.by[ledger.Queued].count != want || st.by[ledger.Review].count != want || st.complete != (most >= 3) {
			t.Errorf("of at most %d: %d queued, %d for review, complete %v", most, st.by[ledger.Queued].count, st.by[ledger.Review].count, st.complete)
		}
		if !st.up || st.open != 3 || st.dead != 3 {
			t.Errorf("of at most %d: %d open, %d dead, want 3 of each", most, st.open, st.dead)
		}
	}
}

func TestStateDamaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"good", "bad", "worse"} {
		b.put(sample(name), ledger.Queued)
	}
	keys, err := b.rdb.Keys(t.Context(), "settlecancel:{*}:p:*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatalf("%q, %v", keys, err)
	}
	if b.one("settlecancel_damaged_records") != 0 {
		t.Error("damage is told of where there is none")
	}
	for _, key := range keys[:2] {
		if err := b.rdb.Set(t.Context(), key, "{", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.one("settlecancel_damaged_records"); got != 2 {
		t.Errorf("%v damaged, want 2", got)
	}
	if got := b.values("settlecancel_cancellations", "status")["queued"]; got != 1 {
		t.Errorf("%v queued beside them, want 1", got)
	}
}
