package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
)

func batchOf(items ...string) request {
	return request{method: "POST", path: pathCancellations + ":batch", body: `{"items":[` + strings.Join(items, ",") + "]}"}
}

// Each of a batch is dealt with as if it had come by itself.
func TestBatch(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	d.reach("ended", ledger.Cancelled)
	d.reach("other", ledger.Queued)
	tests := []struct {
		body    string
		status  int
		key     string
		problem string
	}{
		{cancellation("new"), 202, "new", ""},
		{changed("canAmt", "0"), 400, "k", "/docs#invalid"},
		{cancellation("ended"), 202, "ended", ""},
		{cancellationOf("other", 1), 422, "other", "/docs#key-conflict"},
		{cancellation("new"), 202, "new", ""},
		{cancellationOf("new", 7), 422, "new", "/docs#key-conflict"},
		{`7`, 400, "", "/docs#invalid"},
		{cancellation("last"), 202, "last", ""},
	}
	var items []string
	for _, test := range tests {
		items = append(items, test.body)
	}
	r := batchOf(items...)
	r.path, r.token = r.path+"?queue=bulk", shopToken
	var b batch
	decode(t, d.want(r, http.StatusOK).body, &b)
	if len(b.Items) != len(tests) || b.Accepted != 2 || b.Replayed != 2 || b.Refused != 4 {
		t.Fatalf("%+v", b)
	}
	for i, test := range tests {
		got := b.Items[i]
		if got.Status != test.status || got.IdempotencyKey != test.key || (got.Problem == nil) != (test.problem == "") || (got.Cancellation == nil) != (test.problem != "") {
			t.Errorf("%d: %+v", i, got)
			continue
		}
		if p := got.Problem; p != nil && (p.Type != test.problem || p.Status != test.status) {
			t.Errorf("%d: problem %+v", i, p)
		}
		if c := got.Cancellation; c != nil && c.IdempotencyKey != test.key {
			t.Errorf("%d: record %+v", i, c)
		}
	}
	if got := b.Items[1].Problem.locations(); !slices.Equal(got, []string{"body.items[1].canAmt"}) {
		t.Errorf("faults at %q", got)
	}
	if b.Items[2].Cancellation.Status != ledger.Cancelled || !b.Items[2].Replayed || b.Items[0].Replayed || !b.Items[4].Replayed {
		t.Errorf("%+v", b.Items)
	}
	if last, err := d.client.Ledger().Get(t.Context(), "last"); err != nil || last.AcceptedBy != "shop" || last.Queue != "bulk" {
		t.Errorf("%+v, %v", last, err)
	}
	waiting := d.rdb.LRange(t.Context(), "asynq:{bulk}:pending", 0, -1).Val()
	slices.Sort(waiting)
	if diff := cmp.Diff([]string{"last", "new"}, waiting); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

func TestBatchLarge(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	items := make([]string, maxItems)
	for i := range items {
		items[i] = cancellation(fmt.Sprintf("refund-%d", i))
	}
	for _, replayed := range []int{0, maxItems} {
		var b batch
		decode(t, d.want(batchOf(items...), http.StatusOK).body, &b)
		if b.Accepted != maxItems-replayed || b.Replayed != replayed || b.Refused != 0 || len(d.tasksOf()) != maxItems {
			t.Fatalf("%d accepted, %d replayed, %d refused, %d tasks", b.Accepted, b.Replayed, b.Refused, len(d.tasksOf()))
		}
		for i, it := range b.Items {
			if it.IdempotencyKey != fmt.Sprintf("refund-%d", i) || it.Status != http.StatusAccepted {
				t.Fatalf("%d: %+v", i, it)
			}
		}
	}
	tooLong := batchOf(strings.Repeat(cancellation("k")+",", maxBatch/len(cancellation("k"))) + cancellation("k"))
	d.want(tooLong, http.StatusRequestEntityTooLarge)
	long := strings.Replace(cancellation("long"), "}", `,"reason":"`+strings.Repeat("x", maxOne)+`"}`, 1)
	var b batch
	decode(t, d.want(batchOf(long, cancellation("short")), http.StatusOK).body, &b)
	if b.Items[0].Status != 400 || b.Items[1].Status != 202 {
		t.Errorf("%+v", b)
	}
}
