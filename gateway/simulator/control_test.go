package simulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// call makes a call of the control interface and decodes the answer into out, unless that is nil.
func (b *fixture) call(method, path, body string, status int, out any) {
	b.t.Helper()
	r := b.do(context.Background(), method, path, "application/json", strings.NewReader(body))
	if r.err != nil || r.status != status {
		b.t.Fatalf("%s %s: status %d, error %v, body %s; want %d", method, path, r.status, r.err, r.body, status)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(r.body, out); err != nil {
		b.t.Fatalf("%s %s: body %s: %v", method, path, r.body, err)
	}
}

const originalT1 = `{"mchtId":"nxca_jt_bi","orgTrdNo":"T1","orgMchtTrdNo":"O1","orgTrdDt":"20231215","amount":1000,"method":"CA"}`

// cancelT1 sends a flat cancellation of the original above and returns its result code, "" where no
// answer came.
func (b *fixture) cancelT1(amount string) string {
	b.t.Helper()
	r := b.post(cancelPath, encode(b.t, flatFields(amount, fields{"orgTrdNo": "T1", "orgMchtTrdNo": "O1"})))
	if r.err != nil {
		return ""
	}
	return flatAnswerOf(b.t, r).ResultCode
}

// TestControl goes through the package comment's examples, from registering to the reset.
func TestControl(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})

	var registered map[string]int
	b.call("POST", "/_sim/originals", originalT1, 201, &registered)
	if registered["registered"] != 1 {
		t.Errorf("registered %v, want 1", registered)
	}

	var scripted map[string][]int
	b.call("POST", "/_sim/faults",
		`{"path":"cancel","orgTrdNo":"T1","skip":1,"times":1,"fault":{"kind":"drop","apply":"yes"}}`, 201, &scripted)
	if diff := cmp.Diff(map[string][]int{"ids": {1}}, scripted); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	for i, want := range []string{"0000", "", "0000"} {
		if got := b.cancelT1("100"); got != want {
			t.Errorf("cancellation %d: %q, want %q", i, got, want)
		}
	}
	b.idle()

	var original OriginalState
	b.call("GET", "/_sim/originals/nxca_jt_bi/T1", "", 200, &original)
	if original.Amount != 1000 || original.CancelledAmount != 300 || original.Remaining != 700 ||
		len(original.Effects) != 3 || original.MaxConcurrent != 1 || original.InProgress != 0 {
		t.Errorf("original %+v: want 300 of 1000 won cancelled by three, one at once", original)
	}

	var faults controlFaultList
	b.call("GET", "/_sim/faults", "", 200, &faults)
	want := []RuleState{{ID: 1, Seen: 2, Used: 1, Rule: Rule{Path: PathCancel, OrgTrdNo: "T1", Skip: 1, Times: 1,
		Fault: Fault{Kind: KindDrop, Apply: ApplyYes}}}}
	if diff := cmp.Diff(want, faults.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}

	var stats Stats
	b.call("GET", "/_sim/stats", "", 200, &stats)
	if diff := cmp.Diff(b.Stats(), stats); diff != "" {
		t.Errorf("stats (-Go +HTTP):\n%s", diff)
	}

	b.call("POST", "/_sim/reset", "", 204, nil)
	b.call("GET", "/_sim/originals/nxca_jt_bi/T1", "", 404, nil)
}

func TestControlReceived(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	b.call("POST", "/_sim/originals", "["+originalT1+"]", 201, nil)
	b.cancelT1("100")
	b.cancelT1("2000")
	b.cancel("5")
	b.post(cancelPath, "<&>\xff")

	type seen struct {
		Seq        int64  `json:"seq"`
		Path       string `json:"path"`
		Body       string `json:"body"`
		BodyBase64 string `json:"bodyBase64"`
		OrgTrdNo   string `json:"orgTrdNo"`
		CanAmt     int64  `json:"canAmt"`
		Code       string `json:"code"`
		Applied    bool   `json:"applied"`
		Done       bool   `json:"done"`
	}
	sent := func(amount string) string {
		return encode(t, flatFields(amount, fields{"orgTrdNo": "T1", "orgMchtTrdNo": "O1"}))
	}
	first := seen{1, cancelPath, sent("100"), "", "T1", 100, "0000", true, true}
	second := seen{2, cancelPath, sent("2000"), "", "T1", 2000, "1002", false, true}
	third := seen{3, cancelPath, encode(t, flatFields("5", nil)), "", testTrdNo, 5, "1004", false, true}
	fourth := seen{4, cancelPath, "", base64.StdEncoding.EncodeToString([]byte("<&>\xff")), "", 0, "5001", false, true}
	for query, want := range map[string][]seen{
		"":                             {first, second, third, fourth},
		"?orgTrdNo=T1":                 {first, second},
		"?orgTrdNo=T1&limit=1":         {second},
		"?limit=2":                     {third, fourth},
		"?mchtId=nxca_jt_bi&limit=100": {first, second, third},
		"?orgTrdNo=none":               {},
	} {
		var got []seen
		b.call("GET", "/_sim/received"+query, "", 200, &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestControlEffects(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000})
	var none []Effect
	b.call("GET", "/_sim/effects", "", 200, &none)
	if none == nil || len(none) != 0 {
		t.Errorf("effects %v, want an empty list", none)
	}
	b.cancelT1("100")
	b.cancel("5")
	b.cancelT1("100")
	all := b.Effects()
	for query, want := range map[string][]Effect{
		"":                           all,
		"?orgTrdNo=T1":               {all[0], all[2]},
		"?after=1":                   all[1:],
		"?after=1&orgTrdNo=T1":       {all[2]},
		"?after=99":                  {},
		"?mchtId=nx_mid_il":          {},
		"?format=json&mchtId=nobody": {},
	} {
		var got []Effect
		b.call("GET", "/_sim/effects"+query, "", 200, &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	r := b.do(context.Background(), "GET", "/_sim/effects?format=ndjson", "", http.NoBody)
	lines := strings.SplitAfter(strings.TrimSuffix(string(r.body), "\n"), "\n")
	if len(lines) != 3 || r.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%q: want three lines of NDJSON", r.body)
	}
	for i, line := range lines {
		var got Effect
		if err := json.Unmarshal([]byte(line), &got); err != nil || !cmp.Equal(got, all[i]) {
			t.Errorf("line %q: %v; want %+v", line, err, all[i])
		}
	}
}

func TestControlFaults(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000})
	b.call("POST", "/_sim/faults", `[
		{"times":1,"fault":{"kind":"code","code":"CA01"}},
		{"fault":{"kind":"code","code":"CA02","message":"x","apply":"late","delay":"250ms"}},
		{"path":"inquiry","fault":{"kind":"stale","delay":"1m"}}]`, 201, nil)
	b.call("POST", "/_sim/chaos", `{"rate":1,"seed":5,"inquiries":true,"kinds":["foreign",{"kind":"status","status":503}]}`, 200, nil)
	var list controlFaultList
	b.call("GET", "/_sim/faults", "", 200, &list)
	if len(list.Rules) != 3 || list.Rules[1].Fault.Delay.String() != "250ms" || list.Rules[2].Fault.Delay.String() != "1m0s" {
		t.Errorf("rules %+v", list.Rules)
	}
	wantChaos := Chaos{Rate: 1, Seed: 5, Inquiries: true, Kinds: []Fault{
		{Kind: KindForeign}, {Kind: KindForeign, Apply: ApplyYes}, {Kind: KindStatus, Status: 503}}}
	if diff := cmp.Diff(wantChaos, list.Chaos); diff != "" {
		t.Errorf("chaos (-want +got):\n%s", diff)
	}
	b.call("DELETE", "/_sim/faults/2", "", 204, nil)
	b.call("DELETE", "/_sim/faults/2", "", 404, nil)
	if got := b.cancelT1("1"); got != "CA01" {
		t.Errorf("result code %s, want CA01 of rule 1", got)
	}
	if r := b.post(cancelPath, encode(t, flatFields("1", nil))); isOK(r) {
		t.Errorf("answer %q, want a random fault", r.body)
	}
	b.call("DELETE", "/_sim/faults", "", 204, nil)
	for range 5 {
		if got := b.cancelT1("1"); got != "0000" {
			t.Errorf("result code %s, want 0000: no faults are left", got)
		}
	}
	b.call("GET", "/_sim/faults", "", 200, &list)
	if len(list.Rules) != 0 || list.Chaos.Rate != 0 {
		t.Errorf("faults %+v, want none", list)
	}
}

func TestControlIndex(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	var index []map[string]string
	b.call("GET", "/_sim/", "", 200, &index)
	if len(index) != len(controlCalls()) {
		t.Errorf("%d calls listed, want %d", len(index), len(controlCalls()))
	}
	for _, entry := range index {
		method, path, _ := strings.Cut(entry["call"], " ")
		if method == "" || !strings.HasPrefix(path, "/_sim/") || entry["about"] == "" {
			t.Errorf("entry %v", entry)
		}
	}
	b.call("GET", "/_sim/nothing", "", 404, nil)
	b.call("PUT", "/_sim/stats", "", 405, nil)
}

// TestControlTakesPathsAsTheyAre registers a number that needs escaping in a URL.
func TestControlTakesPathsAsTheyAre(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	if err := b.Register(Original{MchtID: testMerchant, OrgTrdNo: "a/b c", OrgMchtTrdNo: "O", OrgTrdDt: testDate, Amount: 1}); err != nil {
		t.Fatal(err)
	}
	var got OriginalState
	b.call("GET", "/_sim/originals/nxca_jt_bi/a%2Fb%20c", "", 200, &got)
	if got.OrgTrdNo != "a/b c" || got.Method != defaultMethod {
		t.Errorf("original %+v", got)
	}
}
