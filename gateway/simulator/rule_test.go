package simulator

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func codeFault(code string) Fault { return Fault{Kind: KindCode, Code: code} }

func TestRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rules []Rule
		want  []string // answers to cancellations of 100, 200, 100, 200 won
	}{
		{"OK none", nil, []string{"0000", "0000", "0000", "0000"}},
		{"OK for ever", []Rule{{Fault: codeFault("9999")}}, []string{"9999", "9999", "9999", "9999"}},
		{"OK times", []Rule{{Times: 2, Fault: codeFault("9999")}}, []string{"9999", "9999", "0000", "0000"}},
		{"OK skip", []Rule{{Skip: 1, Times: 1, Fault: codeFault("9999")}}, []string{"0000", "9999", "0000", "0000"}},
		{"OK skipped requests meet the next rule", []Rule{{Skip: 1, Fault: codeFault("9999")}, {Fault: codeFault("ST60")}},
			[]string{"ST60", "9999", "9999", "9999"}},
		{"OK in order", []Rule{{Times: 1, Fault: codeFault("CA01")}, {Times: 2, Fault: codeFault("CA02")}},
			[]string{"CA01", "CA02", "CA02", "0000"}},
		{"OK amount", []Rule{{CanAmt: 200, Fault: codeFault("9999")}}, []string{"0000", "9999", "0000", "9999"}},
		{"OK merchant", []Rule{{MchtID: testMerchant, Times: 1, Fault: codeFault("9999")}}, []string{"9999", "0000", "0000", "0000"}},
		{"OK other merchant", []Rule{{MchtID: "nx_mid_il", Fault: codeFault("9999")}}, []string{"0000", "0000", "0000", "0000"}},
		{"OK transaction", []Rule{{OrgTrdNo: testTrdNo, Times: 1, Fault: codeFault("9999")}}, []string{"9999", "0000", "0000", "0000"}},
		{"OK other transaction", []Rule{{OrgTrdNo: "T1", Fault: codeFault("9999")}}, []string{"0000", "0000", "0000", "0000"}},
		{"OK other path", []Rule{{Path: PathInquiry, Fault: codeFault("9999")}}, []string{"0000", "0000", "0000", "0000"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			for _, r := range tt.rules {
				b.script(r)
			}
			var got []string
			for _, amount := range []string{"100", "200", "100", "200"} {
				got = append(got, b.cancel(amount).ResultCode)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRuleMeetsInquiryByOrderNumber has an inquiry that does not name the vendor's number the rule
// is about.
func TestRuleMeetsInquiryByOrderNumber(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	b.script(Rule{OrgTrdNo: testTrdNo, Fault: codeFault("ST41")})
	a := b.inquire(checkPath, inquiry("Q1", "1000", nil, fields{"orgTrdNo": "-"}))
	if a.Params["outRsltCd"] != "ST41" {
		t.Errorf("outRsltCd %s, want ST41", a.Params["outRsltCd"])
	}
}

func TestScriptErrors(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	_, err := b.Script(Rule{Path: "refund", CanAmt: -1, Times: -1, Skip: -1, Fault: Fault{Kind: KindWrongCount}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"path", "canAmt", "times", "skip", "wrongCount"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not name %s", err, part)
		}
	}
	for why, r := range map[string]Rule{
		"an inquiry has no canAmt":         {Path: PathInquiry, CanAmt: 1, Fault: Fault{Kind: KindDrop}},
		"a collation has no canAmt":        {Path: PathCollation, CanAmt: 1, Fault: Fault{Kind: KindDrop}},
		"a collation names no orgTrdNo":    {Path: PathCollation, OrgTrdNo: "T1", Fault: Fault{Kind: KindDrop}},
		"a collation repeats no hash":      {Path: PathCollation, Fault: Fault{Kind: KindWrongEcho}},
		"an inquiry counts nothing":        {Path: PathInquiry, Fault: Fault{Kind: KindWrongCount}},
		"no path is not the collation's":   {Fault: Fault{Kind: KindWrongCount}},
		"a cancellation announces nothing": {Path: PathCancel, Fault: Fault{Kind: KindWrongCount}},
	} {
		if _, err := b.Script(r); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
	if got := b.cancel("1").ResultCode; got != "1004" {
		t.Errorf("result code %s: a refused rule must do nothing", got)
	}
}

// drawn says which fault each of a number of transactions' first requests suffers.
func drawn(t *testing.T, c Chaos, path Path, transactions int) []Fault {
	t.Helper()
	ready, err := c.ready()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]Fault, transactions)
	for i := range out {
		out[i] = ready.draw(&Request{MchtID: testMerchant, OrgTrdNo: "T" + strconv.Itoa(i)},
			&call{path: path, echoes: path == PathInquiry}, 1)
	}
	return out
}

func TestChaosDraw(t *testing.T) {
	t.Parallel()
	const n = 20_000
	base := Chaos{Rate: 0.3, Seed: 7}
	first := drawn(t, base, PathCancel, n)

	count := map[Fault]int{}
	for _, f := range first {
		count[f]++
	}
	if hit := float64(n-count[Fault{}]) / n; math.Abs(hit-0.3) > 0.02 {
		t.Errorf("%.3f of the requests suffer, want 0.3", hit)
	}
	for _, f := range DefaultFaults() {
		if f = f.withDefaults(); (count[f] < n/200) != (f.Kind == KindWrongEcho) {
			t.Errorf("%+v drawn %d times of %d", f, count[f], n)
		}
	}
	if !slices.Equal(first, drawn(t, base, PathCancel, n)) {
		t.Error("the same seed draws otherwise")
	}
	if slices.Equal(first, drawn(t, Chaos{Rate: 0.3, Seed: 8}, PathCancel, n)) {
		t.Error("another seed draws the same")
	}
	if slices.ContainsFunc(drawn(t, base, PathInquiry, n), func(f Fault) bool { return f.Kind != "" }) {
		t.Error("inquiries suffer unasked")
	}
	if !slices.ContainsFunc(drawn(t, Chaos{Rate: 0.3, Inquiries: true}, PathInquiry, n),
		func(f Fault) bool { return f.Kind == KindWrongEcho }) {
		t.Error("inquiries do not suffer wrongEcho, though asked to suffer everything")
	}
	if slices.ContainsFunc(drawn(t, Chaos{Rate: 1}, PathCancel, n), func(f Fault) bool { return f.Kind == "" }) {
		t.Error("a rate of 1 spares some")
	}
	if slices.ContainsFunc(drawn(t, Chaos{}, PathCancel, n), func(f Fault) bool { return f.Kind != "" }) {
		t.Error("a rate of 0 hits some")
	}
}

func TestChaosErrors(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	for name, c := range map[string]Chaos{
		"ErrRate":     {Rate: 1.1},
		"ErrNegative": {Rate: -0.1},
		"ErrNaN":      {Rate: math.NaN()},
		"ErrCount":    {Rate: 0.1, Kinds: []Fault{{Kind: KindWrongCount}}},
		"ErrKind":     {Rate: 0.1, Kinds: []Fault{{Kind: KindDrop}, {Kind: "explode"}}},
	} {
		if err := b.SetChaos(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestChaosBooks has many clients cancel parts of a few transactions under every fault at once, and
// then audits the books from outside: what was answered with success was applied, what was applied
// was asked for, once a request, and no original lost more than it had.
func TestChaosBooks(t *testing.T) {
	t.Parallel()
	kinds := slices.DeleteFunc(DefaultFaults(), func(f Fault) bool { return f.Kind == KindHang || f.Kind == KindFlood })
	kinds = append(kinds, Fault{Kind: KindHang, Bound: 1, Apply: ApplyYes}, Fault{Kind: KindFlood, Bytes: 1 << 17, Apply: ApplyYes})
	b := start(t, Options{AutoAmount: 1000, FaultRate: 0.3, Seed: 3, Kinds: kinds, InquiryFaults: true})
	const clients, each, transactions = 16, 25, 40

	var mu sync.Mutex
	answered := map[string]bool{}
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := range each {
				number := strconv.Itoa((client*each + i) % transactions)
				r := b.post(cancelPath, encode(t, flatFields("90", fields{"orgTrdNo": "T" + number, "orgMchtTrdNo": "O" + number})))
				if isOK(r) {
					mu.Lock()
					answered[*flatAnswerOf(t, r).CanTrdNo] = true
					mu.Unlock()
				}
				id := "Q" + strconv.Itoa(client*each+i)
				b.post(checkPath, encode(t, inquiry(id, "1000", nil, fields{"orgTrdNo": "T" + number, "orgMchtTrdNo": "O" + number})))
			}
		})
	}
	all.Wait()
	b.idle()

	requests := map[int64]Request{}
	for _, r := range b.Received() {
		requests[r.Seq] = r
	}
	sums := map[string]int64{}
	for i, e := range b.Effects() {
		r, ok := requests[e.Request]
		if !ok || !r.Applied || r.CanAmt != e.Amount || r.OrgTrdNo != e.OrgTrdNo || e.Seq != int64(i)+1 {
			t.Errorf("effect %+v of request %+v", e, r)
		}
		delete(requests, e.Request) // so that a second effect of it is found
		delete(answered, e.CanTrdNo)
		sums[e.OrgTrdNo] += e.Amount
	}
	for _, r := range requests {
		if r.Applied {
			t.Errorf("request %d says it was applied; there is no effect", r.Seq)
		}
	}
	if len(answered) != 0 {
		t.Errorf("answered with success and never applied: %v", answered)
	}
	for number, total := range sums {
		state, _ := b.Original(testMerchant, number)
		if total > 1000 || state.CancelledAmount != total {
			t.Errorf("%s: effects of %d won, books say %d of 1000", number, total, state.CancelledAmount)
		}
	}
	stats := b.Stats()
	if stats.Cancels != clients*each || stats.Inquiries != clients*each || stats.Requests != 2*clients*each {
		t.Errorf("stats %+v: want %d cancellations and inquiries", stats, clients*each)
	}
	if len(stats.Faults) < 10 || stats.Effects != len(b.Effects()) || stats.Effects == 0 {
		t.Errorf("stats %+v: want faults of ten kinds or more, and effects", stats)
	}
}
