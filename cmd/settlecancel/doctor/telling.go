package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks/events"
)

const (
	// untoldTooLong is how long an event may wait in the outbox: a worker looks into it several
	// times a second.
	untoldTooLong = 5 * time.Minute
	// undeliveredNoted is how long a webhook's receiver may be down before it is told of.
	undeliveredNoted = time.Hour
)

// events reports whether those who wait for the end of cancellations are told.
func (x *examiner) events(ctx context.Context, s *sheet) {
	b, err := x.Client.Ledger().Backlog(ctx)
	if err != nil {
		s.danger("run it again; look at Redis", "the outbox cannot be read: %v", err)
		return
	}
	waits := plural(int(b.Waiting), "event")
	if since := x.Now().Sub(b.Oldest); b.Waiting > 0 && since > untoldTooLong {
		s.danger("see that a worker runs; then look for \"events not told\" in the workers' logs",
			"%s in the outbox that nobody has been told of, the oldest for %s", waits, age(since))
	} else {
		s.ok("%s waiting to be told", waits)
	}
	if b.Damaged > 0 {
		s.note("config/manual/runbook.md, EventsDamaged", "%s could not be read and were set aside: nobody was told of them", plural(int(b.Damaged), "event"))
	}
}

// webhooks reports whether the receiver of webhooks takes them.
func (x *examiner) webhooks(_ context.Context, s *sheet) {
	inspector := asynq.NewInspectorFromRedisClient(x.Redis)
	exist, err := inspector.Queues()
	if err != nil {
		s.danger("run it again; look at Redis", "the queues cannot be listed: %v", err)
		return
	}
	if !slices.Contains(exist, events.QueueWebhooks) {
		s.ok("no webhook was ever queued")
		return
	}
	q, err := inspector.GetQueueInfo(events.QueueWebhooks)
	if err != nil {
		s.danger("a task in it may be damaged: look at asynq's keys of this queue", "queue %s cannot be read: %v", events.QueueWebhooks, err)
		return
	}
	oldest, err := events.OldestWebhook(inspector, q)
	if err != nil {
		s.danger("run it again; look at Redis", "%v", err)
		return
	}
	x.delivery(s, q, oldest)
	const again = "once the receiver takes them, run them again in the dashboard (/dashboard/queues/queues/webhooks?status=archived)"
	switch {
	case q.Archived >= archiveDangerous:
		s.danger(again, "%d webhooks were given up; asynq keeps %d, and drops the oldest of more", q.Archived, archiveMost)
	case q.Archived > 0:
		s.note(again, "%s given up: the receiver was not told of their events", plural(q.Archived, "webhook"))
	}
}

// delivery reports whether webhooks are on their way, and for how long.
func (x *examiner) delivery(s *sheet, q *asynq.QueueInfo, oldest time.Time) {
	waits := plural(q.Pending+q.Active+q.Retry+q.Scheduled, "webhook")
	since := x.Now().Sub(oldest)
	switch {
	case q.Paused:
		s.danger("resume it in the dashboard (/dashboard/queues/) once there is no more reason for the pause",
			"queue %s is paused: %s in it will not be delivered", q.Queue, waits)
	case oldest.IsZero():
		s.ok("%s on the way", waits)
	case !x.Settings.Webhook:
		s.note("set WEBHOOK_URL again, or have the tasks of queue "+q.Queue+" removed", "%s waiting, and WEBHOOK_URL is not set: nobody delivers them", waits)
	case since > undeliveredNoted:
		s.note("look for \"webhook not delivered\" in the workers' logs: is the receiver down?", "%s waiting; the oldest tells of %s ago", waits, age(since))
	default:
		s.ok("%s on the way, the oldest of %s ago", waits, age(max(0, since)))
	}
}
