package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

func shown(amount int64) *int64 { return &amount }

// eventful is a cancellation that an answer got lost of, was asked after, and was found refused.
func (c *cli) eventful(key string) {
	x := cancellation(key)
	x.CanAmt, x.OrgTrdAmt, x.Reason = 1_234_500, 98_765_000, "마음이 변함\x1b"
	x.Reason = strings.TrimSuffix(x.Reason, "\x1b") + "\nsecond line"
	c.attempts(x,
		attempt{ledger.Attempt{Class: "unknown", Message: "no answer within 30s", HTTPStatus: 502}, ledger.Next{Status: ledger.Unknown, Spend: 1}},
		attempt{ledger.Attempt{Class: "ok", Code: "0000", HTTPStatus: 200, Shown: shown(1000), Raw: `{"data":{"cnclAmt":"•••"}}`},
			ledger.Next{Status: ledger.Rejected, Code: "1002", Message: terminaltest.Nasty}},
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

raw answers (masked; of the last five, kept until SettleBank settles it)
  2  {"data":{"cnclAmt":"•••"}}

what you can do
  settlecancel deadletter retry refund-1
      sends it again, with a new budget
  settlecancel deadletter resolve refund-1 --as cancelled|refunded_elsewhere|rejected --note TEXT
      ends it by your word: SettleBank shows it as cancelled,
      the customer was paid in another way, or it is given up
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
	if got.Message != terminaltest.Nasty || len(got.Attempts) != 2 || *got.Attempts[1].Shown != 1000 {
		t.Errorf("message %q, %d attempts: want both as the gateway gave them", got.Message, len(got.Attempts))
	}
	terminaltest.WantHarmless(t, o.out)
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
	o := c.run("status", terminaltest.Nasty)
	o.want(t, exitFailed, nil, []string{"no such cancellation"})
	terminaltest.WantHarmless(t, o.err)
	c.run("status").want(t, exitUsage, nil, []string{"takes one idempotency key"})
	c.run("status", "a", "b").want(t, exitUsage, nil, []string{"takes one idempotency key"})
}
