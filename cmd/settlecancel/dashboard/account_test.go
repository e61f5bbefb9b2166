package dashboard

import (
	"strings"
	"testing"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/secrettest"
	"settlecancel/tasks/tasktest"
)

// No page and no answer of the monitor shows anything of an account, sealed or not.
func TestAccountsAreNowhere(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	client := tasks.NewClient(b.rdb, tasks.ClientOptions{Sealer: tasktest.Sealer(t, "a")})
	x := sample("refund")
	x.Operation, x.Method, x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = tasks.OperationRefund, "VA", "004", "11022033044", "홍길동"
	receipt, err := client.Enqueue(t.Context(), x, tasks.EnqueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := b.inspector.GetTaskInfo(tasks.QueueDefault, x.IdempotencyKey)
	if err != nil {
		t.Fatal(err)
	}
	task, err := tasks.ParseTask(info.Payload, tasks.ParseOptions{})
	if err != nil || task.Sealed == "" {
		t.Fatalf("%s, %v", task, err)
	}
	hidden := func(paths ...string) {
		t.Helper()
		for _, path := range paths {
			got := b.see(path)
			if !strings.Contains(got.text, x.IdempotencyKey) {
				t.Errorf("%s does not show the cancellation: %s", path, got.text)
			}
			secrettest.Hidden(t, path, got.text, x.RefundAcntNo, x.RefundDpstrNm, task.Sealed, receipt.Record.Sealed)
		}
	}
	hidden("/dashboard/queues/api/queues/default/pending_tasks", "/dashboard/queues/api/queues/default/tasks/"+x.IdempotencyKey, storyURL(x.IdempotencyKey))
	if !strings.Contains(formatPayload(tasks.TypeCancel, info.Payload), `[masked]`) {
		t.Errorf("%s", formatPayload(tasks.TypeCancel, info.Payload))
	}
	entry, err := task.Entry()
	if err != nil {
		t.Fatal(err)
	}
	g, err := b.ledger.Begin(t.Context(), entry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ledger.Finish(t.Context(), g, ledger.Attempt{Class: "rejected"}, ledger.Next{Status: ledger.Rejected, Code: "ST09"}); err != nil {
		t.Fatal(err)
	}
	hidden(storyURL(x.IdempotencyKey))
	b.want(b.see(storyURL(x.IdempotencyKey)), "Account number ●●●●")
}
