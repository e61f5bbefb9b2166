package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// walk lists page by page, and answers the keys in the order in which they came.
func (d *desk) walk(query url.Values) (keys []string) {
	d.Helper()
	for range 1000 {
		var p page
		decode(d, d.want(get(pathCancellations+"?"+query.Encode()), http.StatusOK).body, &p)
		for _, r := range p.Items {
			if want := query.Get("status"); want != "" && string(r.Status) != want {
				d.Errorf("%s is %s", r.IdempotencyKey, r.Status)
			}
			keys = append(keys, r.IdempotencyKey)
		}
		if p.Incomplete {
			d.Error("incomplete")
		}
		if p.NextCursor == "" {
			return keys
		}
		query.Set("cursor", p.NextCursor)
	}
	d.Fatal("no end")
	return nil
}

// Every status can be listed, in pages of any size.
func TestList(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	all := map[ledger.Status][]string{}
	for i := range 6 * len(ledger.Statuses()) {
		status := ledger.Statuses()[i%len(ledger.Statuses())]
		key := fmt.Sprintf("%s-%02d", status, i)
		d.reach(key, status)
		all[status] = append(all[status], key)
	}
	var every []string
	for status, want := range all {
		every = append(every, want...)
		for _, limit := range []string{"", "1", "4", "1000"} {
			query := url.Values{"status": {string(status)}}
			if limit != "" {
				query.Set("limit", limit)
			}
			got := d.walk(query)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, limit %q (-want +got):\n%s", status, limit, diff)
			}
		}
	}
	slices.Sort(every)
	for _, limit := range []string{"1", "7", "1000"} {
		got := d.walk(url.Values{"limit": {limit}})
		slices.Sort(got)
		if diff := cmp.Diff(every, got); diff != "" {
			t.Errorf("all, limit %s (-want +got):\n%s", limit, diff)
		}
	}
	// A dead letter that was resolved waits for nobody any more.
	dead := all[ledger.Rejected][2]
	d.want(request{method: "POST", path: location(dead) + "/resolve", body: `{"as":"rejected","note":"the customer keeps it"}`}, 200)
	if got := d.walk(url.Values{"status": {"rejected"}}); slices.Contains(got, dead) || len(got) != 5 {
		t.Errorf("%q", got)
	}
	if got := d.walk(url.Values{}); !slices.Contains(got, dead) {
		t.Errorf("%q", got)
	}
	// The latest dead letter comes first.
	latest := d.walk(url.Values{"status": {"review"}, "limit": {"3"}})
	if want := slices.Sorted(slices.Values(all[ledger.Review])); latest[0] != want[len(want)-1] {
		t.Errorf("%q", latest)
	}
}

// "Was order X refunded?" is answered for any status, by order, payment, merchant and day.
func TestListFinds(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{MchtIDs: []string{"other", "shop"}})
	for _, key := range []string{"a", "b", "c"} {
		d.reach(key, ledger.Cancelled)
	}
	d.reach("dead", ledger.Review)
	yesterday, today := d.day(-1), d.day(0)
	for query, want := range map[string][]string{
		"orgMchtTrdNo=ORDER-b":               {"b"},
		"orgTrdNo=TRD-c":                     {"c"},
		"orgTrdNo=TRD-c&mchtId=other":        nil,
		"mchtId=other":                       nil,
		"mchtId=shop&status=cancelled":       {"c", "b", "a"},
		"orgMchtTrdNo=ORDER-b&status=review": nil,
		"from=" + today:                      {"dead", "c", "b", "a"},
		"from=" + today + "&to=" + today:     {"dead", "c", "b", "a"},
		"to=" + yesterday:                    nil,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, d.walk(values)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for query, want := range map[string]string{
		"from=20230230": "query.from", "to=2023-12-15": "query.to", "orgTrdNo=" + strings.Repeat("x", 51): "query.orgTrdNo",
	} {
		if got := d.want(get(pathCancellations+"?"+query), http.StatusBadRequest).problem(t).locations(); !slices.Contains(got, want) {
			t.Errorf("%s: faults at %q", query, got)
		}
	}
	alone := newDesk(t, Options{})
	p := alone.want(get(pathCancellations+"?orgTrdNo=TRD-a"), http.StatusBadRequest).problem(t)
	if got := p.locations(); !slices.Contains(got, "query.mchtId") {
		t.Errorf("without merchants: faults at %q", got)
	}
}

// day is a day in Korea by the clock of Redis, so many from today.
func (d *desk) day(days int) string {
	d.Helper()
	now, err := d.rdb.Time(d.Context()).Result()
	if err != nil {
		d.Fatal(err)
	}
	return now.In(settlebank.KST).AddDate(0, 0, days).Format("20060102")
}

func TestListEmpty(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for _, query := range []string{"", "?status=queued", "?status=review", "?status=cancelled", "?limit=&cursor=&status="} {
		if got := strings.TrimSpace(string(d.want(get(pathCancellations+query), http.StatusOK).body)); got != `{"items":[]}` {
			t.Errorf("%q: %s", query, got)
		}
	}
}

// What cannot be read hides nothing else, and the listing says that it is not whole.
func TestListDamaged(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for i := range 5 {
		d.reach(fmt.Sprintf("dead-%d", i), ledger.Review)
	}
	keys := d.rdb.Keys(t.Context(), "settlecancel:{*}:p:*TRD-dead-3").Val()
	if len(keys) != 1 {
		t.Fatalf("%q", keys)
	}
	if err := d.rdb.Set(t.Context(), keys[0], "not JSON", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "?status=review"} {
		var p page
		decode(t, d.want(get(pathCancellations+query), http.StatusOK).body, &p)
		if len(p.Items) != 4 || !p.Incomplete || !strings.Contains(d.logs.String(), "TRD-dead-3") {
			t.Errorf("%q: %d items, incomplete %v; log %s", query, len(p.Items), p.Incomplete, d.logs)
		}
	}
	d.want(get(location("dead-3")), http.StatusInternalServerError)
}
