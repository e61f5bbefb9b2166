package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// nasty is what a gateway may write: escape sequences of a terminal, in both of their forms, line
// ends, marks that turn the direction of writing.
const nasty = "한도\x1b[2J초과\u009b31m\r\n\u202egnp\tend"

func shown(amount int64) *int64 { return &amount }

// eventful is a cancellation that an answer got lost of, was asked after, and was found refused.
func (c *cli) eventful(key string) {
	x := cancellation(key)
	x.CanAmt, x.OrgTrdAmt, x.Reason = 1_234_500, 98_765_000, "마음이 변함\x1b"
	x.Reason = strings.TrimSuffix(x.Reason, "\x1b") + "\nsecond line"
	c.attempts(x,
		attempt{ledger.Attempt{Class: "unknown", Message: "no answer within 30s", HTTPStatus: 502}, ledger.Next{Status: ledger.Unknown, Spend: 1}},
		attempt{ledger.Attempt{Class: "ok", Code: "0000", HTTPStatus: 200, Shown: shown(1000)},
			ledger.Next{Status: ledger.Rejected, Code: "1002", Message: nasty}},
	)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.eventful("refund-1")
	c.run("status", "refund-1").wantOut(t, strings.TrimPrefix(`
key            refund-1
status         rejected, a dead letter
payment        TRD-refund-1
merchant       shop
order          ORDER-refund-1
paid on        20231215
amount         1,234,500 KRW of 98,765,000 KRW
method         CA
reason         마음이 변함 second line
queue          default
outcome        1002 한도�[2J초과�31m  �gnp end
accepted       2024-01-02T12:04:05+09:00
died           2024-01-02T12:04:09+09:00
retries spent  1

attempts
  n  kind     when                        took  class    code      message               shown cancelled
  1  request  2024-01-02T12:04:06+09:00  120ms  unknown  HTTP 502  no answer within 30s
  2  inquiry  2024-01-02T12:04:08+09:00  120ms  ok       0000                                  1,000 KRW

what you can do
  settlecancel deadletter retry refund-1
      sends it again, with a new budget
  settlecancel deadletter resolve refund-1 --as cancelled|rejected --note TEXT
      ends it by your word: the money is back, or will not go back
`, "\n"))
}

func TestStatusJSON(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.eventful("refund-1")
	o := c.run("status", "refund-1", "--json")
	o.want(t, exitDone, []string{"{"}, nil)
	want, err := report.New(c.record("refund-1"))
	if err != nil {
		t.Fatal(err)
	}
	got := readJSON[report.Record](t, o.out)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if got.Message != nasty || len(got.Attempts) != 2 || *got.Attempts[1].Shown != 1000 {
		t.Errorf("message %q, %d attempts: want both as the gateway gave them", got.Message, len(got.Attempts))
	}
	wantHarmless(t, o.out)
}

// wantHarmless checks that a terminal would act on nothing but line ends.
func wantHarmless(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
			t.Fatalf("the output holds %U:\n%q", r, text)
		}
	}
}

func TestStatusOfEveryKind(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	queued := cancellation("queued")
	queued.OrgTrdAmt = 500
	c.attempts(queued)
	sending := cancellation("sending")
	c.attempts(sending)
	entry, err := sending.Entry()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ledger().Begin(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	tax := int64(1050)
	dollars := cancellation("dollars")
	dollars.CanAmt, dollars.OrgTrdAmt, dollars.Currency, dollars.TaxTypeCd, dollars.SvcAmt = 123456, 0, "USD", "N", &tax
	c.attempts(dollars, attempt{ledger.Attempt{Class: "ok", Code: "0000"}, ledger.Next{Status: ledger.Cancelled, CanTrdNo: "CAN-1", Credit: 123456, Rounds: 1}})

	c.run("status", "queued").want(t, exitDone, []string{"status     queued\n", "amount     500 KRW, the whole payment\n", "next step  2024-01-02T12:04:05"}, nil)
	c.run("status", "sending").want(t, exitDone, []string{"status     sending\n", "under way\n"}, nil)
	o := c.run("status", "dollars")
	o.want(t, exitDone, []string{" 1,234.56 USD\n", " type N, service 10.50 USD\n", "canTrdNo  CAN-1\n", "ended     2024-01-02T12:04:"}, nil)
	if strings.Contains(o.out, "what you can do") {
		t.Errorf("there is nothing to do about what was cancelled:\n%s", o.out)
	}
}

func TestStatusErrors(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run("status", "nobody").want(t, exitFailed, nil, []string{`no such cancellation: "nobody"`})
	c.run("status", "nobody", "--json").want(t, exitFailed, nil, []string{`no such cancellation: "nobody"`})
	o := c.run("status", nasty)
	o.want(t, exitFailed, nil, []string{"no such cancellation"})
	wantHarmless(t, o.err)
	c.run("status").want(t, exitUsage, nil, []string{"takes one idempotency key"})
	c.run("status", "a", "b").want(t, exitUsage, nil, []string{"takes one idempotency key"})
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		amount   int64
		currency string
		want     string
	}{
		{0, "", "0 KRW"}, {999, "KRW", "999 KRW"}, {1000, "", "1,000 KRW"}, {999_999_999_999, "", "999,999,999,999 KRW"}, {-123456, "", "-123,456 KRW"},
		{5, "USD", "0.05 USD"}, {123456789, "USD", "1,234,567.89 USD"},
	} {
		if got := money(tt.amount, tt.currency); got != tt.want {
			t.Errorf("money(%d, %q) = %q, want %q", tt.amount, tt.currency, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	table := &table{out: &out, right: map[int]bool{1: true}}
	table.row("가나", "1", "x\x1by")
	table.row("abc", "100", "")
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	table.row("abcdef", "7", "z")
	table.row("a", "7", "z")
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	want := "가나    1  x�y\nabc   100\nabcdef    7  z\na         7  z\n"
	if out.String() != want {
		t.Errorf("table\n%q, want\n%q", out.String(), want)
	}
}

func TestKorean(t *testing.T) {
	t.Parallel()
	// The last second of a year in London is the morning of the next one in Seoul.
	if got := korean(time.Date(2023, 12, 31, 23, 59, 59, 0, time.UTC)); got != "2024-01-01T08:59:59+09:00" {
		t.Errorf("korean = %s", got)
	}
}

func FuzzCleanLines(f *testing.F) {
	f.Add(nasty)
	f.Add("\xff\xfe\x7f plain")
	f.Fuzz(func(t *testing.T, text string) {
		got := cleanLines(text)
		wantHarmless(t, got)
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q: line ends differ", text, got)
		}
		if strings.Contains(clean(text), "\n") {
			t.Errorf("clean(%q) keeps a line end", text)
		}
		raw, err := terminalJSON([]string{text}, false)
		if err != nil {
			t.Fatal(err)
		}
		wantHarmless(t, string(raw))
		if back := readJSON[[]string](t, string(raw)); !slices.Equal(back, []string{strings.ToValidUTF8(text, "\ufffd")}) && strings.ToValidUTF8(text, "") == text {
			t.Errorf("JSON turned %q into %q", text, back)
		}
	})
}
