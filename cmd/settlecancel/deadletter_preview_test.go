package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks/ledger"
)

// shownPreview is the JSON of a dry run.
type shownPreview struct {
	Action   string
	Count    int
	Sums     map[string]int64
	Outlooks []struct {
		Status      ledger.Status
		Count       int
		Sums        map[string]int64
		Then, Means string
		Warnings    []ledger.Warning
	}
	Keys, Command []string
}

func TestRetryDryRun(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	dollars := cancellation("dollars")
	dollars.CanAmt, dollars.OrgTrdAmt, dollars.Currency = 1_234_50, 9_999_99, "USD"
	c.attempts(dollars, doubts())
	for i := range 11 {
		c.attempts(cancellation(fmt.Sprint("refund-", i)), rejects("1002", terminaltest.Nasty))
	}
	c.attempts(cancellation("busy"), exhausts("ST41"))
	o := c.run("deadletter", "retry", "--all", "--note", "Kim's limit", "--dry-run")
	_, below, _ := strings.Cut(o.out, "\n… and")
	if diff := cmp.Diff(` 3 more

13 cancellations: 6,000 KRW, 1,234.50 USD
  rejected   11  5,500 KRW     → queued   queued again with a new budget
  exhausted   1  500 KRW       → queued   queued again with a new budget
  review      1  1,234.50 USD  → unknown  will not be sent; it may have been applied already; SettleBank cannot be asked, so it will be back in review

Nothing was changed. This would retry them, and none besides:
  settlecancel deadletter retry --all --note 'Kim'\''s limit' --died-before 2024-01-02T12:04:31.001+09:00 --confirm 13
`, below); diff != "" || o.code != exitDone {
		t.Errorf("exit code %d (-want +got):\n%s", o.code, diff)
	}
	if got := strings.Count(o.out, "\nrefund-"); got != 9 || !strings.Contains(o.out, "\nbusy ") {
		t.Errorf("%d of them are shown after the newest, want 9:\n%s", got, o.out)
	}
	terminaltest.WantHarmless(t, o.out)
	c.wantCounts(0, 13)
	c.run("deadletter", "retry", "--code", "9999", "--dry-run").wantOut(t, "there is nothing to retry\n")
	empty := readJSON[shownPreview](t, c.run("deadletter", "retry", "--code", "9999", "--dry-run", "--json").out)
	if empty.Count != 0 || empty.Keys == nil || len(empty.Keys)+len(empty.Command) > 0 {
		t.Errorf("what nothing matches is shown as %+v", empty)
	}
}

func TestResolveDryRun(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("refused"), rejects("1002", "no"))
	c.attempts(cancellation("doubtful"), doubts())
	c.run("deadletter", "resolve", "--all", "--as", "cancelled", "--note", "seen at SettleBank", "--dry-run").want(t, exitDone, []string{
		"\n2 cancellations: 1,000 KRW\n", "review    1  500 KRW  → cancelled  ended; nothing will be sent; others of the payment that are in doubt will wait for people",
		"\n  settlecancel deadletter resolve --all --as cancelled --note 'seen at SettleBank' --died-before ", " --confirm 2\n"}, nil)
	c.run("deadletter", "resolve", "--status", "review", "--as", "rejected", "--note", "x", "--dry-run").want(t, exitDone, []string{
		"→ rejected  ended; nothing will be sent under this key"}, nil)
	c.run("deadletter", "resolve", "doubtful", "--as", "refunded_elsewhere", "--note", "x", "--dry-run").want(t, exitDone, []string{
		"→ refunded_elsewhere  ended; nothing will be sent; nothing is cancelled at SettleBank: the customer must have been paid"}, nil)
	c.run("deadletter", "retry", "doubtful", "--dry-run").want(t, exitDone, []string{
		"→ unknown  will be verified, not sent; SettleBank is asked what happened; it may have been applied already"}, nil)
	c.wantCounts(0, 2)
}

// A dry run of keys says which of them would be refused, and goes for what is open as far as the
// command itself does.
func TestDryRunOfKeys(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("refused"), rejects("1002", "no"))
	c.attempts(cancellation("-dashed"), rejects("1002", "no"))
	c.attempts(cancellation("alive"))
	c.attempts(cancellation("done"), attempt{ledger.Attempt{Class: "ok"}, ledger.Next{Status: ledger.Cancelled}})
	c.run("deadletter", "retry", "--dry-run", "refused", "alive", "done", "nobody").want(t, exitFailed,
		[]string{"1 cancellation: 500 KRW\n", "\n  settlecancel deadletter retry refused\n"},
		[]string{"alive is queued, no dead letter", "done is cancelled and has ended", `no such cancellation: "nobody"`})
	c.run("deadletter", "retry", "--dry-run", "--", "refused", "-dashed").want(t, exitDone,
		[]string{"\n  settlecancel deadletter retry -- refused -dashed\n"}, nil)
	c.run("deadletter", "resolve", "--as", "rejected", "--note", "x", "--dry-run", "alive", "done").want(t, exitFailed,
		[]string{"  queued  1  500 KRW  → rejected  ended", "\n  settlecancel deadletter resolve --as rejected --note x alive\n"},
		[]string{"done is cancelled and has ended"})
	c.wantCounts(1, 2)
}
