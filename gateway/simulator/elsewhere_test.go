package simulator

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestElsewhereRules has others cancel a part around requests: before the bank looks, or after it
// and before the answer, so that the next inquiry shows it.
func TestElsewhereRules(t *testing.T) {
	t.Parallel()
	const ours, others = "400", 300
	tests := []struct {
		name    string
		rules   []Rule
		code    string
		balance string // that the answer tells
		sums    []int64
	}{
		{"OK before", []Rule{{Path: PathCancel, Times: 1, Elsewhere: Elsewhere{When: Before, Amount: others}}}, "0000", "300", []int64{300, 400}},
		{"OK after", []Rule{{Path: PathCancel, Times: 1, Elsewhere: Elsewhere{When: After, Amount: others}}}, "0000", "600", []int64{400, 300}},
		{"OK around a lost answer", []Rule{
			{Elsewhere: Elsewhere{When: Before, Amount: 100}, Times: 1},
			{Elsewhere: Elsewhere{When: After, Amount: 200}, Times: 1},
			{Path: PathCancel, Times: 1, Fault: Fault{Kind: KindDrop, Apply: ApplyYes}},
		}, "", "", []int64{100, 400, 200}},
		{"OK meanwhile, and ours not applied", []Rule{
			{Elsewhere: Elsewhere{When: After, Amount: 400}, Times: 1},
			{Path: PathCancel, Times: 1, Fault: Fault{Kind: KindDrop}},
		}, "", "", []int64{400}},
		{"OK the whole is taken before", []Rule{{Elsewhere: Elsewhere{When: Before, Amount: 1000}}}, "ST25", "", []int64{1000}},
		{"OK more than is left is left", []Rule{{Elsewhere: Elsewhere{When: Before, Amount: 1001}}}, "0000", "600", []int64{400}},
		{"OK another payment", []Rule{{OrgTrdNo: "T1", Elsewhere: Elsewhere{When: Before, Amount: 1}}}, "0000", "600", []int64{400}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{Temper: TemperReal, Rules: tt.rules}, 1000)
			code, balance := "", ""
			if r := b.post(cancelPath, encode(t, cancel0A19("C1", "", ours, nil, nil))); r.err == nil {
				a := readReal(t, r)
				code, balance = a.code(), a.amount(t, "blcAmt")
			}
			b.idle()
			if code != tt.code || balance != tt.balance {
				t.Errorf("code %q, %s left; want %q, %s", code, balance, tt.code, tt.balance)
			}
			var sums []int64
			for _, e := range b.Effects() {
				sums = append(sums, e.Amount)
				if e.Elsewhere != (e.Request == 0) {
					t.Errorf("effect %+v: elsewhere has no request", e)
				}
			}
			if !slices.Equal(sums, tt.sums) {
				t.Errorf("effects %v, want %v", sums, tt.sums)
			}
		})
	}
}

// TestElsewhereIsBounded: a share of the requests, as often a payment as the rule says, and the
// same whenever the seed is the same.
func TestElsewhereIsBounded(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (by map[string]int, amounts []int64) {
		b := start(t, Options{Temper: TemperReal, AutoAmount: 100_000, Seed: seed, Rules: []Rule{
			{Rate: 0.5, PerOriginal: 2, Elsewhere: Elsewhere{When: Before}},
		}})
		by = map[string]int{}
		for i := range 300 {
			number := fmt.Sprint("T", i%30)
			if i%3 == 0 {
				b.askReal(checkPath, inquiry(fmt.Sprint("Q", i), "100000", nil, fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number}))
			} else {
				b.askReal(cancelPath, cancel0A19(fmt.Sprint("C", i), "", "10", nil, fields{"orgTrdNo": number}))
			}
		}
		for _, e := range b.Effects() {
			if e.Elsewhere {
				by[e.OrgTrdNo]++
				amounts = append(amounts, e.Amount)
			}
		}
		return by, amounts
	}
	by, amounts := run(1)
	for number, n := range by {
		if n > 2 {
			t.Errorf("%s: %d times, want 2 at most", number, n)
		}
	}
	if len(by) < 25 || slices.Max(amounts) > 10_000 || slices.Min(amounts) < 1 {
		t.Errorf("%d of 30 payments, amounts %v; want nearly all, and up to a tenth", len(by), amounts)
	}
	if _, again := run(1); !slices.Equal(again, amounts) {
		t.Error("the same seed draws otherwise")
	}
	if _, other := run(2); slices.Equal(other, amounts) {
		t.Error("another seed draws alike")
	}
}

// TestRuleRate: about the share it names, by the seed.
func TestRuleRate(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000, Rules: []Rule{{Path: PathCancel, Rate: 0.25, Fault: codeFault("9999")}}})
	hit := 0
	for i := range 400 {
		if b.cancelFields(flatFields("1", fields{"orgTrdNo": fmt.Sprint("T", i), "orgMchtTrdNo": fmt.Sprint("O", i)})).ResultCode == "9999" {
			hit++
		}
	}
	if hit < 70 || hit > 130 {
		t.Errorf("%d of 400 hit, want about 100", hit)
	}
}

func TestRulePerOriginal(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000, Rules: []Rule{{PerOriginal: 1, Fault: codeFault("9999")}}})
	for i, want := range []string{"9999", "9999", "0000", "0000"} {
		number := fmt.Sprint("T", i%2)
		if got := b.cancelFields(flatFields("1", fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number})).ResultCode; got != want {
			t.Errorf("request %d: %s, want %s", i, got, want)
		}
	}
	b.Reset()
	if got := b.cancelFields(flatFields("1", fields{"orgTrdNo": "T0", "orgMchtTrdNo": "OT0"})).ResultCode; got != "9999" {
		t.Errorf("after the reset: %s, want the options' rule anew", got)
	}
}

// TestLateUpTo: how late an effect is, or how long an old state is shown, is drawn, and never above
// the bound.
func TestLateUpTo(t *testing.T) {
	t.Parallel()
	const bound = time.Hour
	clock := newClock()
	b := start(t, Options{AutoAmount: 1000, Now: clock.Now, Rules: []Rule{
		{Path: PathCancel, Fault: Fault{Kind: KindStale, Delay: bound, UpTo: true}},
	}})
	const n = 60
	shown := func(i, step int) string {
		number := fmt.Sprint("T", i)
		q := inquiry(fmt.Sprint("Q", i, "-", step), "1000", nil, fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number})
		return b.inquire(checkPath, q).Data["cnclAmt"]
	}
	for i := range n {
		number := fmt.Sprint("T", i)
		b.cancelFields(flatFields("400", fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number}))
	}
	var counts []int
	for step := range 3 {
		fresh := 0
		for i := range n {
			if shown(i, step) == "400" {
				fresh++
			}
		}
		counts = append(counts, fresh)
		clock.Advance(bound / 2)
	}
	if counts[0] != 0 || counts[1] < n/4 || counts[1] > 3*n/4 || counts[2] != n {
		t.Errorf("seen at once, after half the bound, after the bound: %v of %d", counts, n)
	}
}

// TestInquiryShowsItsCode: 0001 for a part with the part's sum, and 0001 with no sum for the whole;
// no fault says that the whole is cancelled where it is not.
func TestInquiryShowsItsCode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind      Kind
		done      string
		code, sum string
	}{
		{KindEarly, "", "0000", "0"},
		{KindEarly, "300", "0001", "300"},
		{KindEarly, "1000", "0001", "1000"},
		{KindSumless, "", "0000", "0"},
		{KindSumless, "300", "0000", "300"},
		{KindSumless, "1000", "0001", ""},
	}
	for _, tt := range tests {
		t.Run("OK "+string(tt.kind)+" "+tt.done, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			if tt.done != "" {
				b.cancel(tt.done)
			}
			b.script(Rule{Path: PathInquiry, Fault: Fault{Kind: tt.kind}})
			a := b.inquire(checkPath, inquiry("Q1", "1000", nil, nil))
			if a.Params["outRsltCd"] != tt.code || a.Data["cnclAmt"] != tt.sum {
				t.Errorf("answer %+v, want %s and %q", a, tt.code, tt.sum)
			}
		})
	}
	t.Run("OK a flat inquiry is spared", func(t *testing.T) {
		t.Parallel()
		b := registered(t, Options{}, 1000)
		b.script(Rule{Path: PathInquiry, Times: 1, Fault: Fault{Kind: KindSumless}})
		b.post(statusPath, encode(t, flatInquiryOf("1000", nil)))
		if got := b.Received()[0].Fault; got != "" {
			t.Errorf("fault %s befell a flat inquiry", got)
		}
	})
}

// TestTwice: a request that arrives twice is applied once wherever the bank can tell, and the
// client hears the second answer.
func TestTwice(t *testing.T) {
	t.Parallel()
	twice := []Rule{{Path: PathCancel, Fault: Fault{Kind: KindTwice}}}
	tests := []struct {
		name, body, code string
		temper           Temper
	}{
		{"OK 0A19", encode(t, cancel0A19("C1", "001", "400", nil, nil)), "ST25", TemperStrict},
		{"OK 0A19 real", encode(t, cancel0A19("C1", "001", "400", nil, nil)), "ST25", TemperReal},
		{"OK 0A19 real, round blank", encode(t, cancel0A19("C1", "", "400", nil, nil)), "ST25", TemperReal},
		{"OK 0A19 refused", encode(t, cancel0A19("C1", "001", "4000", nil, nil)), "ST57", TemperStrict},
		{"OK flat, whole", encode(t, flatFields("1000", nil)), "CA12", TemperStrict},
		{"OK flat, a part", encode(t, flatFields("400", nil)), "0000", TemperStrict},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{Temper: tt.temper, Rules: twice}, 1000)
			a := readReal(t, b.post(cancelPath, tt.body))
			code := a.code()
			if a.Params["resultCode"] != nil {
				code = a.param("resultCode")
			}
			if applied := len(b.Effects()) == 1; code != tt.code || applied == (tt.code == "ST57") {
				t.Errorf("code %s, %d effects; want %s", code, len(b.Effects()), tt.code)
			}
		})
	}
}

// TestRuleErrors names what is wrong with the new conditions of a rule.
func TestRuleErrors(t *testing.T) {
	t.Parallel()
	drop := Fault{Kind: KindDrop}
	tests := []struct {
		name string
		rule Rule
		want string
	}{
		{"ErrRate", Rule{Rate: 1.5, Fault: drop}, "rate 1.5"},
		{"ErrPerOriginal", Rule{PerOriginal: -1, Fault: drop}, "perOriginal -1"},
		{"ErrWhen", Rule{Elsewhere: Elsewhere{Amount: 1}}, `when ""`},
		{"ErrAmount", Rule{Elsewhere: Elsewhere{When: Before, Amount: -1}}, "amount -1"},
		{"ErrBoth", Rule{Fault: drop, Elsewhere: Elsewhere{When: Before}}, "either this or a fault"},
		{"ErrCollation", Rule{Path: PathCollation, Elsewhere: Elsewhere{When: Before}}, "names no transaction"},
		{"ErrNeither", Rule{}, `kind ""`},
		{"ErrEarlyCancel", Rule{Path: PathCancel, Fault: Fault{Kind: KindEarly}}, "befalls no answer of path cancel"},
		{"ErrTwiceInquiry", Rule{Path: PathInquiry, Fault: Fault{Kind: KindTwice}}, "befalls no answer of path inquiry"},
		{"ErrUpTo", Rule{Fault: Fault{Kind: KindDrop, UpTo: true}}, "only where there is a delay"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			wantError(t, tt.want, func() error { _, err := b.Script(tt.rule); return err }())
			_, err := New(Options{Rules: []Rule{tt.rule}})
			wantError(t, tt.want, err)
		})
	}
}

// TestControlTakesTheNewRules reads what the package comment shows.
func TestControlTakesTheNewRules(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	b.call("POST", "/_sim/faults", `[
		{"path":"cancel","rate":1,"perOriginal":1,"elsewhere":{"when":"before","amount":7}},
		{"path":"inquiry","fault":{"kind":"stale","delay":"1h","upTo":true}}]`, 201, nil)
	var list controlFaultList
	b.call("GET", "/_sim/faults", "", 200, &list)
	want := []Rule{
		{Path: PathCancel, Rate: 1, PerOriginal: 1, Elsewhere: Elsewhere{When: Before, Amount: 7}},
		{Path: PathInquiry, Fault: Fault{Kind: KindStale, Apply: ApplyYes, Delay: time.Hour, UpTo: true}},
	}
	if len(list.Rules) != 2 || list.Rules[0].Rule != want[0] || list.Rules[1].Rule != want[1] {
		t.Errorf("rules %+v, want %+v", list.Rules, want)
	}
	b.cancel("400")
	b.cancel("100")
	if state, _ := b.Original(testMerchant, testTrdNo); state.CancelledAmount != 507 {
		t.Errorf("%d cancelled, want 507", state.CancelledAmount)
	}
}
