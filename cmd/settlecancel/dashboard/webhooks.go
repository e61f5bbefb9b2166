package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks/events"
)

// Webhooks are no cancellations: each is told at least once, so that telling one again does no
// harm, and none of them moves money. Those that were given up lie in asynq's archive alone; a
// person may let them be tried again, one there or all of them here.

// hooks is what the receiver of webhooks has not been told.
type hooks struct {
	GivenUp int
	Waiting int       // on their way, or to be tried again
	Oldest  time.Time // of the events that wait
}

// Late reports whether the receiver has not taken anything for long.
func (h hooks) Late(now time.Time) bool { return !h.Oldest.IsZero() && now.Sub(h.Oldest) > hooksLate }

// hooks returns what asynq says of the webhooks. It is a hint, like the paused queues.
func (d *Dashboard) hooks(q *asynq.QueueInfo) hooks {
	h := hooks{GivenUp: q.Archived, Waiting: q.Pending + q.Active + q.Retry + q.Scheduled}
	if oldest, err := events.OldestWebhook(d.inspector, q); err == nil {
		h.Oldest = oldest
	}
	return h
}

// tellAgain lets one webhook be tried at once.
func (m *monitor) tellAgain(w http.ResponseWriter, r *http.Request, id string) {
	m.log.InfoContext(r.Context(), "webhook run by hand", "task", clean(id), "who", who(r))
	m.forget()
	m.api.ServeHTTP(w, r)
}

// tellAllAgain lets all webhooks that were given up be tried once more.
func (d *Dashboard) tellAllAgain(w http.ResponseWriter, r *http.Request) {
	n, err := d.runArchived()
	d.forget()
	if err != nil {
		d.fail(w, r, err)
		return
	}
	d.log.InfoContext(r.Context(), "webhooks that were given up run by hand", "count", n, "who", who(r))
	d.redirect(w, r, root, flash{Text: "said.webhooks", Args: []any{n}})
}

// archiveMost is how many archived tasks of a queue asynq keeps.
const archiveMost = 10_000

// runArchived runs them one by one: asynq's own way for all brings those to life as well of which
// it has lost all but the name.
func (d *Dashboard) runArchived() (n int, err error) {
	archived, err := d.inspector.ListArchivedTasks(events.QueueWebhooks, asynq.PageSize(archiveMost))
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return 0, nil
	}
	for _, task := range archived {
		switch err := d.inspector.RunTask(events.QueueWebhooks, task.ID); {
		case err == nil:
			n++
		case !errors.Is(err, asynq.ErrTaskNotFound): // somebody else has it
			return n, err
		}
	}
	return n, err
}

// formatEvent shows a webhook's task in asynqmon. An event holds nothing of an account.
func formatEvent(payload []byte) string {
	var e events.Event
	if err := json.Unmarshal(payload, &e); err != nil || e.ID == "" {
		return notEvent
	}
	out, err := json.Marshal(e)
	if err != nil {
		return notEvent
	}
	return clean(string(out))
}
