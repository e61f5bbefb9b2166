package dashboard

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
	"github.com/hibiken/asynqmon"

	"settlecancel/tasks/ledger"
)

// letThrough is all that may reach asynqmon, or us in its place. What asynqmon can do besides must
// be refused.
var letThrough = []string{
	"GET /dashboard/queues/api/queues",
	"GET /dashboard/queues/api/queues/{qname}",
	"POST /dashboard/queues/api/queues/{qname}:pause",
	"POST /dashboard/queues/api/queues/{qname}:resume",
	"GET /dashboard/queues/api/queue_stats",
	"GET /dashboard/queues/api/queues/{qname}/active_tasks",
	"GET /dashboard/queues/api/queues/{qname}/pending_tasks",
	"GET /dashboard/queues/api/queues/{qname}/scheduled_tasks",
	"POST /dashboard/queues/api/queues/{qname}/scheduled_tasks/{task_id}:run",
	"GET /dashboard/queues/api/queues/{qname}/retry_tasks",
	"POST /dashboard/queues/api/queues/{qname}/retry_tasks/{task_id}:run",
	"GET /dashboard/queues/api/queues/{qname}/archived_tasks",
	"POST /dashboard/queues/api/queues/{qname}/archived_tasks/{task_id}:run",
	"GET /dashboard/queues/api/queues/{qname}/completed_tasks",
	"GET /dashboard/queues/api/queues/{qname}/groups/{gname}/aggregating_tasks",
	"GET /dashboard/queues/api/queues/{qname}/tasks/{task_id}",
	"GET /dashboard/queues/api/queues/{qname}/groups",
	"GET /dashboard/queues/api/servers",
	"GET /dashboard/queues/api/scheduler_entries",
	"GET /dashboard/queues/api/scheduler_entries/{entry_id}/enqueue_events",
}

// routes walks what asynqmon itself would answer.
func routes(b *fixture) []string {
	h := asynqmon.New(asynqmon.Options{RootPath: "/dashboard/queues", RedisConnOpt: sharedRedis{b.rdb}})
	field := reflect.ValueOf(h).Elem().FieldByName("router")
	router := (*mux.Router)(unsafe.Pointer(field.Pointer()))
	var all []string
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		methods, err := route.GetMethods()
		if err != nil {
			return nil // the root of others
		}
		path, err := route.GetPathTemplate()
		for _, method := range methods {
			all = append(all, method+" "+path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// snapshot is everything that Redis holds.
func (b *fixture) snapshot() map[string]string {
	b.Helper()
	keys, err := b.rdb.Keys(b.Context(), "*").Result()
	if err != nil {
		b.Fatal(err)
	}
	all := map[string]string{}
	for _, key := range keys {
		if all[key], err = b.rdb.Dump(b.Context(), key).Result(); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

func TestEveryRouteOfAsynqmon(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.enqueue(sample("pending"))
	b.archive(b.put(sample("dead"), ledger.Rejected))
	known := routes(b)
	if len(known) < 60 {
		t.Fatalf("asynqmon has %d routes; where did the others go?", len(known))
	}
	for _, route := range letThrough {
		if !slices.Contains(known, route) {
			t.Errorf("%s is let through, and asynqmon does not know it", route)
		}
	}
	for _, route := range known {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{qname}", "default", "{gname}", "g", "{entry_id}", "e").Replace(path)
		path = placeholder.ReplaceAllString(path, "refund-pending")
		before := b.snapshot()
		got := b.do(http.DefaultClient, method, path, "")
		refused := got.StatusCode == http.StatusForbidden
		if want := !slices.Contains(letThrough, route); refused != want {
			t.Errorf("%s: status %d, refused is to be %v", route, got.StatusCode, want)
		}
		if refused && !strings.Contains(got.text, "/dashboard/cancellations/") {
			t.Errorf("%s: the refusal does not say where to go: %s", route, got.text)
		}
		if refused {
			if diff := cmp.Diff(before, b.snapshot()); diff != "" {
				t.Errorf("%s changed something: %s", route, diff)
			}
		}
	}
}
