package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

const monitorAPI = queues + "api"

// monitor is asynqmon behind a list of what it may do.
type monitor struct {
	*Dashboard
	api http.Handler
	ui  ui
}

// sharedRedis hands asynqmon our client. asynqmon closes it only in its own Close, which is never
// called.
type sharedRedis struct{ client redis.UniversalClient }

func (s sharedRedis) MakeRedisClient() any { return s.client }

func newMonitor(d *Dashboard) (*monitor, error) {
	m := &monitor{Dashboard: d}
	m.api = asynqmon.New(asynqmon.Options{
		RootPath:         strings.TrimSuffix(queues, "/"),
		RedisConnOpt:     sharedRedis{d.opts.Redis},
		PayloadFormatter: asynqmon.PayloadFormatterFunc(formatPayload),
		ResultFormatter:  asynqmon.ResultFormatterFunc(formatResult),
		ReadOnly:         d.opts.ReadOnly,
	})
	var err error
	m.ui, err = newUI(m.api)
	return m, err
}

// ServeHTTP lets through what is listed below, and refuses the rest with a pointer to our own
// pages.
func (m *monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, isAPI := strings.CutPrefix(r.URL.Path, monitorAPI+"/")
	look := r.Method == http.MethodGet || r.Method == http.MethodHead
	if old := oldQueue.FindStringSubmatch(r.URL.Path); old != nil && look {
		http.Redirect(w, r, queues+"queues/"+old[1]+query(r), http.StatusFound)
		return
	}
	switch {
	case !isAPI && look && r.URL.Path != monitorAPI:
		m.ui.serve(w, r, m.texts.of(m.language(w, r)))
	case isAPI && r.Method == http.MethodGet && slices.ContainsFunc(lookable, func(e *regexp.Regexp) bool { return e.MatchString(path) }):
		m.look(w, r)
	case isAPI && r.Method == http.MethodPost && !m.readOnly(r):
		m.act(w, r, path)
	default:
		m.forbid(w, r)
	}
}

// oldQueue is where a queue's page was while asynqmon stood at the root. People have it in their
// bookmarks.
var oldQueue = regexp.MustCompile(`^` + queues + `((?:urgent|default|bulk|webhooks)(?:/.*)?)$`)

func query(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return "?" + r.URL.RawQuery
}

// A queue of any name can be looked at; what a name may be made of keeps the list unambiguous.
const (
	anyQueue  = `[A-Za-z0-9._-]{1,64}`
	anyTaskID = `[^/]{1,160}`
)

// lookable lists what can be looked at, below the API's root.
var lookable = compile(
	`queues`,
	`queue_stats`,
	`queues/`+anyQueue,
	`queues/`+anyQueue+`/(active|pending|scheduled|retry|archived|completed)_tasks`,
	`queues/`+anyQueue+`/tasks/`+anyTaskID,
	`queues/`+anyQueue+`/groups`,
	`queues/`+anyQueue+`/groups/`+anyTaskID+`/aggregating_tasks`,
	`servers`,
	`scheduler_entries`,
	`scheduler_entries/`+anyTaskID+`/enqueue_events`,
)

// What can be done.
var (
	pausing = regexp.MustCompile(`^queues/([a-z]+):(pause|resume)$`)
	running = regexp.MustCompile(`^queues/([a-z]+)/(scheduled|retry|archived)_tasks/(` + anyTaskID + `):run$`)
)

func compile(patterns ...string) []*regexp.Regexp {
	compiled := make([]*regexp.Regexp, len(patterns))
	for i, p := range patterns {
		compiled[i] = regexp.MustCompile(`^` + p + `$`)
	}
	return compiled
}

// look passes a listing on, with a page size that does not ask Redis for everything at once.
func (m *monitor) look(w http.ResponseWriter, r *http.Request) {
	given, bounded := r.URL.Query(), url.Values{}
	for name, most := range map[string]int{"size": 100, "page": 1_000_000} {
		if n, err := strconv.Atoi(given.Get(name)); err == nil {
			bounded.Set(name, strconv.Itoa(min(max(n, 1), most)))
		}
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = bounded.Encode()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	m.api.ServeHTTP(w, r)
}

// act does one of the few things that may be done.
func (m *monitor) act(w http.ResponseWriter, r *http.Request, path string) {
	if found := pausing.FindStringSubmatch(path); found != nil && (ours(found[1]) || found[1] == events.QueueWebhooks) {
		m.log.InfoContext(r.Context(), "queue "+found[2]+"d by hand", "queue", found[1], "who", who(r))
		m.api.ServeHTTP(w, r)
		return
	}
	found := running.FindStringSubmatch(path)
	switch {
	case found != nil && found[1] == events.QueueWebhooks:
		m.tellAgain(w, r, found[3])
	case found == nil || !ours(found[1]):
		m.forbid(w, r)
	case found[2] == "archived":
		m.retry(w, r, found[1], found[3])
	default:
		m.api.ServeHTTP(w, r) // the ledger alone says whether it is due
	}
}

func ours(queue string) bool {
	_, ok := tasks.Queues()[queue]
	return ok
}

// retry takes the dead letter that an archived task stands for back to work.
func (m *monitor) retry(w http.ResponseWriter, r *http.Request, queue, id string) {
	ctx := r.Context()
	key, _, _ := strings.Cut(id, "~") // a second task of a cancellation is named key~suffix
	decision := ledger.Decision{Who: who(r), Note: "dashboard"}
	record, err := m.client.Retry(ctx, key, decision)
	if errors.Is(err, ledger.ErrNotFound) {
		if inside := m.keyInside(queue, id); inside != "" && inside != key {
			key = inside
			record, err = m.client.Retry(ctx, key, decision)
		}
	}
	m.forget()
	switch {
	case err == nil:
		m.log.InfoContext(ctx, "dead letter retried", "key", key, "status", record.Status, "who", who(r))
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ledger.ErrNotDead) && atWork(record):
		m.ensure(ctx, w, record)
	case errors.Is(err, ledger.ErrNotDead):
		plain(w, http.StatusConflict, fmt.Sprintf("%s has ended as %s: there is nothing to run. See %s", key, record.Status, storyURL(key)))
	case errors.Is(err, ledger.ErrNotFound):
		plain(w, http.StatusNotFound, "the ledger knows no cancellation of this task: it was never accepted, or is kept no longer. Enqueue it with its key")
	case atWork(record):
		plain(w, http.StatusAccepted, fmt.Sprintf("%s is %s again; the sweeper will queue it", key, record.Status))
	default:
		m.log.ErrorContext(ctx, "dead letter not retried", "key", key, "error", err)
		plain(w, http.StatusServiceUnavailable, "Redis did not answer, so it is not known whether it was retried. See "+storyURL(key))
	}
}

// ensure puts a cancellation back in its queue that the ledger holds for open although its task was
// archived.
func (m *monitor) ensure(ctx context.Context, w http.ResponseWriter, record ledger.Record) {
	if err := m.client.Ensure(ctx, record); err != nil {
		m.log.ErrorContext(ctx, "open cancellation not queued again", "key", record.Key, "error", err)
		plain(w, http.StatusServiceUnavailable, fmt.Sprintf("%s is still %s, and could not be queued; the sweeper will try again", record.Key, record.Status))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// keyInside returns the idempotency key in a task's payload. A task that a plain asynq client
// enqueued has an id of its own.
func (m *monitor) keyInside(queue, id string) string {
	info, err := m.inspector.GetTaskInfo(queue, id)
	if err != nil || info.Type != tasks.TypeCancel {
		return ""
	}
	x, _ := readPayload(info.Payload)
	return x.IdempotencyKey
}

func (m *monitor) forbid(w http.ResponseWriter, r *http.Request) {
	why := "tasks are looked at here, run one by one, and queues paused; nothing else is let through, because it could lose a cancellation"
	if m.readOnly(r) {
		why = "you may look here, and change nothing"
	}
	plain(w, http.StatusForbidden, "refused: "+why+". Cancellations are retried and resolved at "+cancellations+"list")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, clean(text))
}

// storyURL is where one cancellation is shown.
func storyURL(key string) string { return cancellations + "show?key=" + url.QueryEscape(key) }
