package main

import (
	"context"
	"strings"
	"testing"

	"settlecancel/config"
	"settlecancel/tasks"
)

// A file may hold refunds to accounts: they are stored sealed under the keys of the settings, and
// no command shows them (which cli checks of all that is printed).
func TestAccounts(t *testing.T) {
	t.Parallel()
	c := newCLI(t, "--appendonly", "yes", "--appendfsync", "always")
	keys := "PAYLOAD_KEY=new:" + strings.Repeat("A", 43) + "=,old:" + strings.Repeat("E", 43) + "="
	c.app.environ = append(c.app.environ, keys, "SETTLEBANK_PROTOCOL=0A19")
	x := cancellation("refund-1")
	x.Operation, x.Method, x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = tasks.OperationRefund, "VA", "004", secretAccount, "홍길동"
	line, err := x.Payload()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is a repeat
		if o := c.runIn(context.Background(), strings.NewReader(string(line)+"\n"), "enqueue", "--file", "-"); o.code != exitDone {
			t.Fatalf("exit code %d: %s%s", o.code, o.out, o.err)
		}
	}
	cfg, err := config.Load(c.app.environ)
	if err != nil {
		t.Fatal(err)
	}
	record := c.record("refund-1")
	opened, err := (&installation{cfg: cfg, rdb: c.redis.Client(t)}).newClient().Open(record)
	if err != nil || opened.RefundAcntNo != secretAccount || !strings.HasPrefix(record.Sealed, "v1.new.") {
		t.Errorf("sealed as %s, opened as %s: %v", record.Sealed, opened, err)
	}
	for _, secret := range []string{secretAccount, "홍길동"} {
		if places := c.redis.Find(t, secret); places != nil {
			t.Errorf("%s stands in %q", secret, places)
		}
	}
	for _, args := range [][]string{{"status", "refund-1"}, {"status", "refund-1", "--json"}, {"status"}} {
		o := c.run(args...)
		for _, secret := range []string{"홍길동", record.Sealed, `"sealed"`} {
			if strings.Contains(o.out+o.err, secret) {
				t.Errorf("%q shows %s:\n%s", args, secret, o.out)
			}
		}
	}
}
