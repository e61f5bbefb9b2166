package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// What is accepted is stored under the name of the token, waits in the queue, and can be looked at
// under its Location.
func TestAccept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	r := post(cancellation("refund:1"))
	r.token = shopToken
	res := d.want(r, http.StatusAccepted)
	if got := res.header.Get("Location"); got != "/v1/cancellations/refund:1" {
		t.Errorf("Location %q", got)
	}
	if _, replayed := res.header["Idempotent-Replayed"]; replayed {
		t.Error("replayed the first time")
	}
	var accepted report.Record
	decode(t, res.body, &accepted)
	want := report.Record{Cancellation: tasks.Cancellation{IdempotencyKey: "refund:1", MchtID: "shop", OrgTrdNo: "TRD-refund:1",
		OrgMchtTrdNo: "ORDER-refund:1", OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"},
		Queue: "default", Status: ledger.Queued, AcceptedBy: "shop", AcceptedAt: accepted.AcceptedAt, NextAt: accepted.NextAt,
		Attempts: []report.Attempt{}}
	if diff := cmp.Diff(want, accepted); diff != "" || accepted.AcceptedAt.IsZero() || accepted.NextAt == nil {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	shown := d.report(request{method: "GET", path: res.header.Get("Location"), token: otherToken}, http.StatusOK)
	if diff := cmp.Diff(accepted, shown); diff != "" {
		t.Errorf("shown (-accepted +shown):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"refund:1"}, d.tasksOf()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

// The key may come by the header, as it is or as a string of RFC 8941.
func TestAcceptKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{DefaultMchtID: "shop"})
	bare := `{"orgTrdNo":"TRD-1","orgMchtTrdNo":"ORDER-1","orgTrdDt":"20231215","canAmt":"10"}`
	with := func(key string) string { return `{"idempotencyKey":"` + key + `",` + bare[1:] }
	tests := []struct {
		name, header, body string
		want               string // the key, or where the fault is
		status             int
	}{
		{"OK field", "", with("k1"), "k1", 202},
		{"OK header", "k2", bare, "k2", 202},
		{"OK quoted", `"k3"`, bare, "k3", 202},
		{"OK spaces around", "  k4  ", bare, "k4", 202},
		{"OK both", "k5", with("k5"), "k5", 202},
		{"OK both, quoted", `"k6"`, with("k6"), "k6", 202},
		{"OK 64 characters", strings.Repeat("k", 64), bare, strings.Repeat("k", 64), 202},
		{"ErrNone", "", bare, "body.idempotencyKey", 400},
		{"ErrDiffer", "k7", with("k8"), "body.idempotencyKey", 400},
		{"ErrDiffer quoted", `"k7"`, with("k8"), "body.idempotencyKey", 400},
		{"ErrQuote open", `"k9`, bare, "header.Idempotency-Key", 400},
		{"ErrQuote within", `"k"9"`, bare, "header.Idempotency-Key", 400},
		{"ErrEscape", `"k\"9"`, bare, "header.Idempotency-Key", 400},
		{"ErrParameter", `"k9";a=1`, bare, "header.Idempotency-Key", 400},
		{"ErrEmpty quoted", `""`, bare, "body.idempotencyKey", 400},
		{"ErrCharacter", "refund/9", bare, "header.Idempotency-Key", 400},
		{"ErrLength", strings.Repeat("k", 65), bare, "header.Idempotency-Key", 400},
		{"ErrField, header in order", "k9", with("k/9"), "body.idempotencyKey", 400},
	}
	for _, test := range tests {
		r := post(test.body)
		if test.header != "" {
			r.header = map[string]string{"Idempotency-Key": test.header}
		}
		res := d.send(r)
		if res.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", test.name, res.status, test.status, res.body)
			continue
		}
		if test.status != http.StatusAccepted {
			for _, at := range res.problem(t).locations() {
				if at != test.want {
					t.Errorf("%s: fault at %s, want %s: %s", test.name, at, test.want, res.body)
				}
			}
			continue
		}
		var got report.Record
		if decode(t, res.body, &got); got.IdempotencyKey != test.want || got.MchtID != "shop" {
			t.Errorf("%s: %s", test.name, res.body)
		}
	}
	t.Run("ErrTwice", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", d.url+pathCancellations, strings.NewReader(bare))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"k1", "k1"}}
		res, err := d.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d for two headers", res.StatusCode)
		}
	})
}

// A repeat answers the record as it is by now; the same key with other parameters is refused, and
// changes nothing.
func TestAcceptAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	d.reach("ended", ledger.Cancelled)
	d.reach("dead", ledger.Rejected)
	d.reach("open", ledger.Queued)
	for key, status := range map[string]ledger.Status{"ended": ledger.Cancelled, "dead": ledger.Rejected, "open": ledger.Queued} {
		r := post(cancellation(key))
		r.token = shopToken
		before := d.report(request{method: "GET", path: location(key), token: shopToken}, http.StatusOK)
		res := d.want(r, http.StatusAccepted)
		var got report.Record
		decode(t, res.body, &got)
		if diff := cmp.Diff(before, got); diff != "" || got.Status != status {
			t.Errorf("%s (-before +repeat):\n%s", key, diff)
		}
		if res.header.Get("Idempotent-Replayed") != "true" || res.header.Get("Location") != location(key) {
			t.Errorf("%s: header %v", key, res.header)
		}
		other := post(cancellationOf(key, 501))
		other.token = shopToken
		p := d.want(other, http.StatusUnprocessableEntity).problem(t)
		if p.Type != "/docs#key-conflict" || !strings.Contains(p.Detail, key) {
			t.Errorf("%s: %+v", key, p)
		}
		if diff := cmp.Diff(before, d.report(request{method: "GET", path: location(key), token: shopToken}, http.StatusOK)); diff != "" {
			t.Errorf("%s changed (-before +after):\n%s", key, diff)
		}
	}
}

func TestAcceptQueue(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	r := post(cancellation("a"))
	r.path += "?queue=urgent"
	if got := d.report(r, http.StatusAccepted); got.Queue != "urgent" {
		t.Errorf("%+v", got)
	}
	if n := d.rdb.LLen(t.Context(), "asynq:{urgent}:pending").Val(); n != 1 {
		t.Errorf("%d tasks in urgent", n)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	for _, status := range ledger.Statuses() {
		d.reach("at-"+string(status), status)
		got := d.report(request{method: "GET", path: location("at-" + string(status)), token: shopToken}, http.StatusOK)
		attempts := 1
		if status == ledger.Queued || status == ledger.RefundedElsewhere { // a person ended that one, unsent
			attempts = 0
		}
		if got.Status != status || len(got.Attempts) != attempts {
			t.Errorf("%s: %+v", status, got)
		}
	}
	for _, key := range []string{"nobody", "a%2Fb", "a%00b", "%20", strings.Repeat("k", 65), "%ED%95%9C", "%ff"} {
		d.want(request{method: "GET", path: pathCancellations + "/" + key, token: shopToken}, http.StatusNotFound)
	}
	head := d.want(request{method: "HEAD", path: location("at-queued"), token: shopToken}, http.StatusOK)
	if len(head.body) > 0 || head.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %+v", head)
	}
}

// However many ask for it at once, and however often, each key is accepted once.
func TestAcceptConcurrently(t *testing.T) {
	t.Parallel()
	const clients, times = 200, 3
	d := newDesk(t, closed())
	d.http.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
	var fresh, replayed [clients]int
	var working sync.WaitGroup
	for i := range clients {
		working.Go(func() {
			for range times {
				// Every second client shares its key with a neighbour.
				r := post(cancellation(fmt.Sprintf("refund-%d", i/2*2)))
				r.token = shopToken
				res := d.send(r)
				switch {
				case res.status != http.StatusAccepted:
					t.Errorf("status %d: %s", res.status, res.body)
				case res.header.Get("Idempotent-Replayed") == "true":
					replayed[i]++
				default:
					fresh[i]++
				}
			}
		})
	}
	working.Wait()
	for i := 0; i < clients; i += 2 {
		if f, r := fresh[i]+fresh[i+1], replayed[i]+replayed[i+1]; f != 1 || r != 2*times-1 {
			t.Errorf("key %d: accepted %d times, replayed %d", i, f, r)
		}
	}
	if got := len(d.tasksOf()); got != clients/2 {
		t.Errorf("%d tasks, want %d", got, clients/2)
	}
	if open, _, err := d.client.Ledger().Counts(t.Context()); open != clients/2 || err != nil {
		t.Errorf("%d open, %v", open, err)
	}
}
