package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

func retryOf(key, body string) request {
	return request{method: "POST", path: location(key) + "/retry", body: body, ops: true}
}

func resolveOf(key, body string) request {
	return request{method: "POST", path: location(key) + "/resolve", body: body, ops: true}
}

// act is what the record keeps of a decision.
func act(r report.Record) []string {
	if len(r.Acts) == 0 {
		return nil
	}
	last := r.Acts[len(r.Acts)-1]
	return []string{last.Who, last.What, last.Note}
}

// A dead letter goes back to work by a person's word, which stays in the record.
func TestRetry(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	for key, test := range map[string]struct {
		from, to ledger.Status
		body     string
		act      []string
	}{
		"rejected":  {ledger.Rejected, ledger.Queued, "", []string{"kim", "retry", ""}},
		"exhausted": {ledger.Exhausted, ledger.Queued, `{"note":" the limit was raised "}`, []string{"kim", "retry", "the limit was raised"}},
		"review":    {ledger.Review, ledger.Unknown, `{"note":"다시\n확인","by":"lee"}`, []string{"lee", "retry", "다시\n확인"}},
		"empty":     {ledger.Rejected, ledger.Queued, `{}`, []string{"kim", "retry", ""}},
	} {
		d.reach(key, test.from)
		got := d.report(retryOf(key, test.body), http.StatusAccepted)
		if diff := cmp.Diff(test.act, act(got)); diff != "" || got.Status != test.to || got.AcceptedBy != "" {
			t.Errorf("%s: %+v\n%s", key, got, diff)
		}
		if !slices.Contains(d.tasksOf(), key) {
			t.Errorf("%s is not queued", key)
		}
		p := d.want(retryOf(key, ""), http.StatusConflict).problem(t)
		if p.Type != "/docs#state-conflict" || !strings.Contains(p.Detail, string(test.to)) {
			t.Errorf("%s again: %+v", key, p)
		}
	}
	d.reach("done", ledger.Cancelled)
	if p := d.want(retryOf("done", ""), http.StatusConflict).problem(t); !strings.Contains(p.Detail, "has ended") {
		t.Errorf("%+v", p)
	}
	d.want(retryOf("nobody", ""), http.StatusNotFound)
	d.want(retryOf("a%2Fb", ""), http.StatusNotFound)
}

// Somebody's word ends a cancellation, unless a request is on its way.
func TestResolve(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	d.reach("paid", ledger.Review)
	got := d.report(resolveOf("paid", `{"as":"cancelled","note":"seen in the console","by":"lee"}`), http.StatusOK)
	if diff := cmp.Diff([]string{"lee", "resolve cancelled", "seen in the console"}, act(got)); diff != "" || got.Status != ledger.Cancelled || !got.Closed {
		t.Errorf("%+v\n%s", got, diff)
	}
	d.reach("kept", ledger.Queued)
	got = d.report(resolveOf("kept", `{"as":"rejected","note":"the customer keeps it"}`), http.StatusOK)
	if diff := cmp.Diff([]string{"kim", "resolve rejected", "the customer keeps it"}, act(got)); diff != "" || got.Status != ledger.Rejected || !got.Closed {
		t.Errorf("%+v\n%s", got, diff)
	}
	d.reach("wired", ledger.Review)
	got = d.report(resolveOf("wired", `{"as":"refunded_elsewhere","note":"bank transfer 20231216"}`), http.StatusOK)
	if diff := cmp.Diff([]string{"kim", "resolve refunded_elsewhere", "bank transfer 20231216"}, act(got)); diff != "" || got.Status != ledger.RefundedElsewhere || !got.Closed {
		t.Errorf("%+v\n%s", got, diff)
	}
	for key, want := range map[string]string{"wired": "is refunded_elsewhere and has ended", "paid": "is cancelled and has ended", "kept": "is rejected and has ended"} {
		p := d.want(resolveOf(key, `{"as":"cancelled","note":"again"}`), http.StatusConflict).problem(t)
		if !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %+v", key, p)
		}
	}
	d.reach("busy", ledger.Sending)
	res := d.want(resolveOf("busy", `{"as":"cancelled","note":"impatient"}`), http.StatusConflict)
	if p := res.problem(t); !strings.Contains(p.Detail, "under way") || res.header.Get("Retry-After") == "" {
		t.Errorf("%+v", p)
	}
	d.want(resolveOf("nobody", `{"as":"cancelled","note":"x"}`), http.StatusNotFound)
}

// Every fault of a decision is named, and nothing is decided.
func TestMalformedDecisions(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	d.reach("dead", ledger.Review)
	tests := []struct {
		name, body string
		resolve    []string // locations of the faults
		retry      []string
	}{
		{"empty object", `{}`, []string{"body.as", "body.note"}, nil},
		{"no note", `{"as":"cancelled"}`, []string{"body.note"}, []string{`body["as"]`}},
		{"blank note", `{"as":"cancelled","note":" "}`, []string{"body.note"}, []string{`body["as"]`}},
		{"other status", `{"as":"exhausted","note":"x"}`, []string{"body.as"}, []string{`body["as"]`}},
		{"types", `{"as":1,"note":["x"],"by":null}`, []string{"body.as", "body.by", "body.note"}, []string{`body["as"]`, "body.by", "body.note"}},
		{"twice", `{"as":"rejected","note":"x","note":"y"}`, []string{"body.note"}, []string{`body["as"]`, "body.note"}},
		{"unknown", `{"as":"rejected","note":"x","force":true}`, []string{`body["force"]`}, []string{`body["as"]`, `body["force"]`}},
		{"too long", `{"as":"rejected","note":"` + strings.Repeat("x", maxNote+1) + `","by":"` + strings.Repeat("x", maxBy+1) + `"}`,
			[]string{"body.by", "body.note"}, []string{`body["as"]`, "body.by", "body.note"}},
		{"control characters", `{"as":"rejected","note":"\u0000"}`, []string{"body.note"}, []string{`body["as"]`, "body.note"}},
		{"half a character", `{"as":"rejected","note":"\ud83d"}`, []string{"body.note"}, []string{`body["as"]`, "body.note"}},
		{"not UTF-8", "{\"as\":\"rejected\",\"note\":\"\xff\"}", []string{"body.note"}, []string{`body["as"]`, "body.note"}},
		{"array", `[]`, []string{"body"}, []string{"body"}},
		{"null", `null`, []string{"body"}, []string{"body"}},
		{"two", `{} {}`, []string{"body"}, []string{"body"}},
		{"breaks off", `{"as":`, []string{"body"}, []string{"body"}},
		{"white space", ` `, []string{"body"}, []string{"body"}},
	}
	for _, test := range tests {
		for name, one := range map[string]struct {
			r    request
			want []string
		}{"resolve": {resolveOf("dead", test.body), test.resolve}, "retry": {retryOf("dead", test.body), test.retry}} {
			if one.want == nil {
				continue
			}
			got := d.want(one.r, http.StatusBadRequest).problem(t).locations()
			slices.Sort(got)
			if diff := cmp.Diff(slices.Sorted(slices.Values(one.want)), slices.Compact(got)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, test.name, diff)
			}
		}
	}
	if r, err := d.client.Ledger().Get(t.Context(), "dead"); err != nil || r.Status != ledger.Review || len(r.Acts) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	d.want(resolveOf("dead", ""), http.StatusUnsupportedMediaType)
	form := retryOf("dead", "note=x")
	form.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	d.want(form, http.StatusUnsupportedMediaType)
}
