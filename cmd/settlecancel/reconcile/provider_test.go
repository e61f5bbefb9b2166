package reconcile

import (
	"slices"
	"strings"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// TestEndToEndProviders: SettleBank lists easy payments under their providers' names, and none as
// PZ. In strict temper every such list has all of them: nothing is told twice.
func TestEndToEndProviders(t *testing.T) {
	t.Parallel()
	for _, temper := range []simulator.Temper{simulator.TemperReal, simulator.TemperStrict} {
		t.Run(string(temper), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, gateway.Protocol0A19)
			var want []string
			for _, provider := range settlebank.InquiryMethods(settlebank.EasyPay)[1:] {
				name := "P" + provider
				if err := s.sim.Register(simulator.Original{MchtID: shop, OrgTrdNo: name, OrgMchtTrdNo: "ORDER-" + name, OrgTrdDt: "20231215",
					Amount: 1000, Method: settlebank.EasyPay, Provider: provider}); err != nil {
					t.Fatal(err)
				}
				x := refund("r"+provider, name, method(settlebank.EasyPay), func(x *tasks.Cancellation) { x.CanAmt, x.OrgTrdAmt = 1000, 1000 })
				if _, err := s.client.Enqueue(s.Context(), x, tasks.EnqueueOptions{}); err != nil {
					t.Fatal(err)
				}
				s.until(x.IdempotencyKey, ledger.Cancelled)
				want = append(want, "agreed "+x.IdempotencyKey+" cancelled")
			}
			if err := s.sim.SetConduct(simulator.Conduct{Temper: temper}); err != nil {
				t.Fatal(err)
			}
			rows, sum := s.compare()
			s.want(rows, slices.Sorted(slices.Values(want))...)
			if !sum.Agrees() {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

// TestProviders: what several lists of easy payments have is one; a list that is refused for good
// is of a provider that the merchant does not have; where no list can be had, or one fails
// otherwise, nothing is claimed.
func TestProviders(t *testing.T) {
	t.Parallel()
	noon := on("2 12:00:00")
	under := func(name, number, payment string) string {
		return strings.Replace(listed(number, payment, 500, noon), "|CA|", "|"+name+"|", 1)
	}
	const none, down = "ST09|invalid method|0|\n", "ST10|system|0|\n"
	kakao := listOf(under("KP", "C1", "P1"), under("KP", "C9", "P9"))
	for name, tt := range map[string]struct {
		lists    map[string]string
		want     []string
		failures string // how many, and what the first says
	}{
		"OK":         {map[string]string{"KP": kakao}, []string{"agreed r1 cancelled C1", "not_with_us C9"}, ""},
		"OKTwice":    {map[string]string{"KP": kakao, "PZ": listOf(under("PZ", "C1", "P1"), under("PZ", "C9", "P9"))}, []string{"agreed r1 cancelled C1", "not_with_us C9"}, ""},
		"OKAsPZ":     {map[string]string{"KP": strings.ReplaceAll(kakao, "|KP|", "|PZ|")}, []string{"agreed r1 cancelled C1", "not_with_us C9"}, ""},
		"OKRefused":  {map[string]string{"KP": kakao, "PZ": none, "WL": none}, []string{"agreed r1 cancelled C1", "not_with_us C9"}, ""},
		"ErrMissing": {map[string]string{"PZ": none, "WL": none}, []string{"not_at_settlebank r1 cancelled"}, ""},
		"ErrDown":    {map[string]string{"NP": down}, []string{"undecided r1 cancelled"}, "nxca_jt_bi/NP"},
		"ErrRefused": {map[string]string{"PZ": none, "KP": none, "NP": none, "PC": none, "WL": none}, []string{"undecided r1 cancelled"}, "nxca_jt_bi/PZ,KP,NP,PC,WL"},
		// One number in two lists, of different amounts, is no repetition.
		"ErrOther": {map[string]string{"KP": kakao, "NP": listOf(strings.Replace(under("NP", "C1", "P1"), "|500|", "|400|", 1))}, []string{"agreed r1 cancelled C1", "differs C1", "not_with_us C9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.send(refund("r1", "P1", method(settlebank.EasyPay)), noon, done("C1"))
			for as, text := range tt.lists {
				b.lists.text[shop+" "+as+" "+day] = text
			}
			rows, s := b.run(later)
			b.want(rows, tt.want...)
			if tt.failures == "" && len(s.Failures) > 0 || tt.failures != "" && (len(s.Failures) != 1 || !strings.Contains(s.Failures[0], tt.failures)) {
				t.Errorf("failures %q, want %q", s.Failures, tt.failures)
			}
		})
	}
}
