package dashboard

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/secrettest"
)

func TestForeignMethodsAndPaths(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.archive(b.put(sample("dead"), ledger.Rejected))
	before := b.snapshot()
	for _, request := range []string{
		"PUT /dashboard/queues/api/queues/default:pause", "PATCH /dashboard/queues/api/queues/default:pause", "DELETE /dashboard/queues/api/queues/default",
		"OPTIONS /dashboard/queues/api/queues/default", "HEAD /dashboard/queues/api/queues", "POST /dashboard/queues/", "POST /dashboard/queues/api", "POST /dashboard/queues/api/",
		"POST /dashboard/queues/api/queues/other:pause", "POST /dashboard/queues/api/queues/other/archived_tasks/refund-dead:run",
		"POST /dashboard/queues/api/queues/default/archived_tasks/refund-dead:archive",
		"POST /dashboard/queues/api/queues/default/archived_tasks/a%2Frefund-dead:run",
		"POST /dashboard/queues/api/queues/default/archived_tasks:run_all", "POST /dashboard/queues/api/queues/default/completed_tasks/refund-dead:run",
		"GET /dashboard/queues/api/queues/default/../../redis_info", "GET /dashboard/queues/api/redis_info/", "GET /dashboard/queues/api//redis_info",
		"GET /dashboard/queues/api/queues/a%00b", "GET /dashboard/queues/api/queues/" + strings.Repeat("q", 65), "GET /dashboard/queues/static/js/none.js",
	} {
		method, path, _ := strings.Cut(request, " ")
		c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		got := b.do(c, method, path, "")
		if got.StatusCode < 300 || strings.Contains(got.text, "redis_version") {
			t.Errorf("%s: %d %.200s", request, got.StatusCode, got.text)
		}
	}
	if diff := cmp.Diff(before, b.snapshot()); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	for _, queue := range slices.Sorted(maps.Keys(tasks.Queues())) {
		if _, err := b.client.Enqueue(t.Context(), sample(queue), tasks.EnqueueOptions{Queue: queue}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []string{"pause", "resume"} {
			if got := b.do(http.DefaultClient, "POST", "/dashboard/queues/api/queues/"+queue+":"+step, ""); got.StatusCode != http.StatusNoContent {
				t.Errorf("%s %s: %d %s", step, queue, got.StatusCode, got.text)
			}
			info, err := b.inspector.GetQueueInfo(queue)
			if err != nil || info.Paused != (step == "pause") {
				t.Errorf("after %s of %s: paused %v, %v", step, queue, info.Paused, err)
			}
			if page := b.see(root).text; strings.Contains(page, "Queue "+queue+" is paused in asynqmon") != (step == "pause") {
				t.Errorf("after %s of %s the overview says otherwise", step, queue)
			}
		}
	}
}

// run returns what asynqmon's Run button gets.
func (b *fixture) run(queue, id string) answer {
	b.Helper()
	return b.do(http.DefaultClient, "POST", "/dashboard/queues/api/queues/"+queue+"/archived_tasks/"+id+":run", "")
}

func TestRunArchived(t *testing.T) {
	t.Parallel()
	named := func(o *Options) {
		o.Who = func(http.ResponseWriter, *http.Request) (Person, bool) { return Person{Name: "kim"}, true }
	}
	for _, c := range []struct {
		from, to ledger.Status
		status   int
	}{
		{ledger.Rejected, ledger.Queued, http.StatusNoContent},
		{ledger.Exhausted, ledger.Queued, http.StatusNoContent},
		{ledger.Review, ledger.Unknown, http.StatusNoContent},
		{ledger.Queued, ledger.Queued, http.StatusNoContent},
		{ledger.Unknown, ledger.Unknown, http.StatusNoContent},
		{ledger.Cancelled, ledger.Cancelled, http.StatusConflict},
	} {
		t.Run(string(c.from), func(t *testing.T) {
			t.Parallel()
			b := newFixture(t, named)
			x := b.put(sample("x"), c.from)
			b.archive(x)
			if got := b.run("default", x.IdempotencyKey); got.StatusCode != c.status {
				t.Fatalf("status %d, want %d: %s", got.StatusCode, c.status, got.text)
			}
			r := b.get(x.IdempotencyKey)
			if r.Status != c.to || r.Spent != 0 {
				t.Errorf("status %s with %d spent, want %s with 0", r.Status, r.Spent, c.to)
			}
			info, err := b.inspector.GetTaskInfo("default", x.IdempotencyKey)
			if err != nil {
				t.Fatal(err)
			}
			if pending := info.State == asynq.TaskStatePending; pending != r.Open() {
				t.Errorf("the task is %s while the cancellation is %s", info.State, r.Status)
			}
			if c.from != c.to && (len(r.Acts) != 1 || r.Acts[0].Who != "kim" || r.Acts[0].Note != "dashboard" || r.Acts[0].What != "retry") {
				t.Errorf("acts %+v", r.Acts)
			}
			if c.from == c.to && len(r.Acts) != 0 {
				t.Errorf("acts %+v of nothing done", r.Acts)
			}
		})
	}
}

func TestRunArchivedNames(t *testing.T) {
	t.Parallel()
	b, server := newMortalFixture(t)
	// asynq's own task id, with the key in the payload alone, as a plain client enqueues it.
	foreign := b.put(sample("foreign"), ledger.Rejected)
	payload, err := foreign.Payload()
	if err != nil {
		t.Fatal(err)
	}
	client := asynq.NewClientFromRedisClient(b.rdb)
	if _, err := client.Enqueue(asynq.NewTask(tasks.TypeCancel, payload), asynq.TaskID("3f1c"), asynq.Queue("default")); err != nil {
		t.Fatal(err)
	}
	if err := b.inspector.ArchiveTask("default", "3f1c"); err != nil {
		t.Fatal(err)
	}
	if got := b.run("default", "3f1c"); got.StatusCode != http.StatusNoContent || b.get("refund-foreign").Status != ledger.Queued {
		t.Errorf("a foreign task id: %d %s, %s", got.StatusCode, got.text, b.get("refund-foreign").Status)
	}
	b.put(sample("spare"), ledger.Rejected)
	if got := b.run("default", "refund-spare~kz3f0"); got.StatusCode != http.StatusNoContent || b.get("refund-spare").Status != ledger.Queued {
		t.Errorf("a second task: %d %s, %s", got.StatusCode, got.text, b.get("refund-spare").Status)
	}
	if got := b.run("default", "nobody"); got.StatusCode != http.StatusNotFound || !strings.Contains(got.text, "never accepted") {
		t.Errorf("an unknown task: %d %s", got.StatusCode, got.text)
	}
	server.Kill()
	if got := b.run("default", "refund-foreign"); got.StatusCode != http.StatusServiceUnavailable || strings.Contains(got.text, server.Addr()) {
		t.Errorf("without Redis: %d %s", got.StatusCode, got.text)
	}
}

func TestListingsAreBounded(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                             "",
		"size=100000000&page=2":        "page=2&size=100",
		"size=-5&page=0":               "page=1&size=1",
		"size=20&page=99999999999":     "page=1000000&size=20",
		"size=abc&page=1e9&x=y&size=7": "",
		"size=7;page=2":                "",
	} {
		var got string
		m := &monitor{Dashboard: &Dashboard{}, api: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.RawQuery })}
		r := httptest.NewRequest(http.MethodGet, "/dashboard/queues/api/queues/default/pending_tasks", nil)
		r.URL.RawQuery = query
		m.ServeHTTP(httptest.NewRecorder(), r)
		if got != want {
			t.Errorf("?%s became ?%s, want ?%s", query, got, want)
		}
	}
}

func TestListingMasksAccounts(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	client := asynq.NewClientFromRedisClient(b.rdb)
	x := sample("refund")
	x.Operation, x.Method, x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = tasks.OperationRefund, "VA", "004", "11022033044", "홍길동"
	payload, err := x.Payload()
	if err != nil {
		t.Fatal(err)
	}
	for id, task := range map[string]*asynq.Task{
		"sound": asynq.NewTask(tasks.TypeCancel, payload), "other": asynq.NewTask("other", payload), "noise": asynq.NewTask(tasks.TypeCancel, []byte("11022033044")),
	} {
		if _, err := client.Enqueue(task, asynq.TaskID(id), asynq.Queue("default")); err != nil {
			t.Fatal(err)
		}
	}
	got := b.see("/dashboard/queues/api/queues/default/pending_tasks")
	var list struct {
		Tasks []struct{ ID, Payload string }
	}
	if err := json.Unmarshal([]byte(got.text), &list); err != nil || len(list.Tasks) != 3 {
		t.Fatalf("%v: %s", err, got.text)
	}
	for _, task := range list.Tasks {
		if (task.Payload == notCancellation) != (task.ID != "sound") {
			t.Errorf("%s shows as %s", task.ID, task.Payload)
		}
		if task.ID == "sound" && (!strings.Contains(task.Payload, "ORDER-refund") || !strings.Contains(task.Payload, fmt.Sprint(x.CanAmt))) {
			t.Errorf("the listing does not say what it is about: %s", task.Payload)
		}
	}
	secrettest.Hidden(t, "the listing", got.text, "11022033044", "홍길동")
}
