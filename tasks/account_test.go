package tasks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
	"settlecancel/tasks/secrettest"
	"settlecancel/tasks/tasktest"
)

// What nobody may read.
const (
	secretAccount = "31415926535897"
	secretHolder  = "홍길동"
)

// sealing returns a client whose sealer has these keys.
func (d *desk) sealing(ids ...string) *tasks.Client {
	d.Helper()
	return tasks.NewClient(d.rdb, tasks.ClientOptions{Sealer: tasktest.Sealer(d, ids...)})
}

// toAccount is a refund to the account that nobody may read.
func toAccount(key string) tasks.Cancellation {
	x := partial(key).Cancellation
	x.Operation, x.Method, x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = tasks.OperationRefund, "VA", "004", secretAccount, secretHolder
	return x
}

func TestAccountSealed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "--appendonly", "yes", "--appendfsync", "always")
	client, x := d.sealing("a"), toAccount("refund-1")
	receipt, err := client.Enqueue(t.Context(), x, tasks.EnqueueOptions{})
	if err != nil || receipt.Replayed {
		t.Fatal(receipt, err)
	}
	d.server.Hidden(t, secretAccount, secretHolder)
	if places := d.server.Find(t, x.OrgMchtTrdNo); len(places) < 3 {
		t.Fatalf("the search is blind: the order number stands in %q alone", places)
	}
	record := receipt.Record
	if opened, err := client.Open(record); err != nil {
		t.Error(err)
	} else if diff := cmp.Diff(x, opened); diff != "" {
		t.Errorf("opened (-want +got):\n%s", diff)
	}
	info, err := d.inspector.GetTaskInfo(tasks.QueueDefault, x.IdempotencyKey)
	if err != nil {
		t.Fatal(err)
	}
	task, err := tasks.ParseTask(info.Payload, tasks.ParseOptions{})
	if err != nil || task.Sealed == "" || task.RefundBankCd != "004" {
		t.Fatalf("the task reads as %s: %v", task, err)
	}
	told, err := report.New(record)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	secrettest.Hidden(t, "the report", string(shown), secretAccount, secretHolder, task.Sealed, record.Sealed)
	entry, err := task.Entry()
	if err != nil {
		t.Fatal(err)
	}
	g, err := client.Ledger().Begin(t.Context(), entry)
	if err != nil || g.Step != ledger.StepSend || g.Record.Sealed != record.Sealed {
		t.Errorf("the task is not taken for the cancellation: step %d of %+v, %v", g.Step, g.Record, err)
	}
	_, err = client.Ledger().Finish(t.Context(), g, ledger.Attempt{Class: "ok"}, ledger.Next{Status: ledger.Cancelled, Credit: 500, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	ended, err := client.Enqueue(t.Context(), x, tasks.EnqueueOptions{})
	if err != nil || !ended.Replayed || ended.Record.Sealed != "" {
		t.Errorf("once it has ended: %+v, %v", ended, err)
	}
	if _, err := client.Open(ended.Record); !errors.Is(err, tasks.ErrSealBroken) {
		t.Errorf("opened though it has ended: %v", err)
	}
	x.RefundAcntNo = "27182818284590"
	if _, err := client.Enqueue(t.Context(), x, tasks.EnqueueOptions{}); !errors.Is(err, tasks.ErrConflict) {
		t.Errorf("another account once it has ended: %v, want a conflict", err)
	}
	d.server.Hidden(t, secretAccount, secretHolder)
}

// A repeat is one with the same account, under whatever key it is sealed.
func TestAccountCompared(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before, after := d.sealing("a"), d.sealing("b", "a")
	x := toAccount("refund-1")
	first, err := before.Enqueue(t.Context(), x, tasks.EnqueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := after.Enqueue(t.Context(), x, tasks.EnqueueOptions{})
	if err != nil || !again.Replayed {
		t.Fatalf("a repeat after a new key: %+v, %v", again, err)
	}
	if again.Record.Sealed != first.Record.Sealed {
		t.Errorf("the repeat changed %q to %q", first.Record.Sealed, again.Record.Sealed)
	}
	if opened, err := after.Open(again.Record); err != nil || opened.RefundAcntNo != secretAccount {
		t.Errorf("opened after a new key: %s, %v", opened, err)
	}
	fresh, err := after.Enqueue(t.Context(), toAccount("refund-2"), tasks.EnqueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]ledger.Record{"ErrKey": fresh.Record, "ErrLost": {Key: "refund-1", Params: first.Record.Params},
		"ErrOther": {Key: "refund-1", Params: first.Record.Params, Sealed: fresh.Record.Sealed}} {
		opened, err := before.Open(r)
		want := tasks.ErrSealBroken
		if name != "ErrLost" {
			want = tasks.ErrSealKey
		}
		if !errors.Is(err, want) || opened != (tasks.Cancellation{}) || !strings.Contains(err.Error(), r.Key) {
			t.Errorf("%s: %s, %v", name, opened, err)
		}
	}
	if _, err := after.Open(ledger.Record{Key: "refund-1", Params: first.Record.Params, Sealed: fresh.Record.Sealed}); !errors.Is(err, tasks.ErrSealBroken) {
		t.Errorf("the account of another cancellation: %v", err)
	}
	for name, change := range map[string]func(*tasks.Cancellation){
		"account": func(x *tasks.Cancellation) { x.RefundAcntNo = "27182818284590" },
		"holder":  func(x *tasks.Cancellation) { x.RefundDpstrNm = "성춘향" },
		"number":  func(x *tasks.Cancellation) { x.VAcntNo = "1" },
		"none": func(x *tasks.Cancellation) {
			x.Operation, x.RefundAcntNo, x.RefundDpstrNm = "", "", ""
		},
	} {
		y := x
		change(&y)
		if _, err := after.Enqueue(t.Context(), y, tasks.EnqueueOptions{}); !errors.Is(err, tasks.ErrConflict) || strings.Contains(fmt.Sprint(err), y.RefundAcntNo) && y.RefundAcntNo != "" {
			t.Errorf("another %s: %v, want a conflict", name, err)
		}
	}
}

func TestAccountWithoutSealer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	withdrawal, holder := partial("w").Cancellation, partial("h").Cancellation
	withdrawal.Operation, withdrawal.Method, withdrawal.CanAmt, withdrawal.VAcntNo = tasks.OperationWithdraw, "VA", 0, secretAccount
	holder.RefundDpstrNm = secretHolder
	for _, x := range []tasks.Cancellation{toAccount("r"), withdrawal, holder} {
		_, err := d.client.Enqueue(t.Context(), x, tasks.EnqueueOptions{})
		var invalid *tasks.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "PAYLOAD_KEY") || strings.Contains(err.Error(), secretAccount) {
			t.Errorf("%s: %v", x.IdempotencyKey, err)
		}
		if _, err := x.Entry(); err == nil || strings.Contains(err.Error(), secretAccount) {
			t.Errorf("%s has an entry in plain text: %v", x.IdempotencyKey, err)
		}
	}
	if keys := d.rdb.Keys(t.Context(), "*").Val(); len(keys) > 0 {
		t.Errorf("Redis holds %q", keys)
	}
}
