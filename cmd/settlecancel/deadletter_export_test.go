package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// spoil writes something else over the transaction of a key.
func (c *cli) spoil(key, text string) {
	c.Helper()
	rdb, ctx := c.redis.Client(c), context.Background()
	documents, err := rdb.Keys(ctx, "*TRD-"+key).Result()
	if err != nil || len(documents) != 1 {
		c.Fatalf("transactions %q, %v", documents, err)
	}
	if err := rdb.Set(ctx, documents[0], text, 0).Err(); err != nil {
		c.Fatal(err)
	}
}

// readExport reads an export strictly, and answers each line by the names of its columns.
func readExport(t *testing.T, text string) (lines []map[string]string) {
	t.Helper()
	text, marked := strings.CutPrefix(text, "\ufeff")
	if !marked {
		t.Errorf("no byte order mark begins it: %.20q", text)
	}
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") || !strings.HasSuffix(text, "\r\n") {
		t.Errorf("the lines do not end in CRLF:\n%q", text)
	}
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatalf("not CSV: %v\n%s", err, text)
	}
	for _, cells := range all[1:] {
		line := map[string]string{}
		for i, name := range all[0] {
			line[name] = cells[i]
		}
		lines = append(lines, line)
	}
	return lines
}

func (c *cli) manyDead(prefix string, many int) (keys []string) {
	c.Helper()
	for i := range many {
		keys = append(keys, fmt.Sprint(prefix, i))
		c.attempts(cancellation(keys[i]), rejects("1002", terminaltest.Nasty))
	}
	slices.Reverse(keys)
	return keys
}

func TestExportCSV(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run("deadletter", "export").wantOut(t, "\ufeffidempotencyKey,status,mchtId,orgTrdNo,orgMchtTrdNo,orgTrdDt,canAmt,orgTrdAmt,currency,method,operation,"+
		"taxTypeCd,taxAmt,vatAmt,taxFreeAmt,svcAmt,code,message,acceptedAt,acceptedBy,diedAt,attempts,retriesSpent,queue,reason\r\n")
	c.eventful("refund-1")
	dollars := cancellation("dollars")
	dollars.CanAmt, dollars.OrgTrdAmt, dollars.Currency, dollars.Method, dollars.TaxTypeCd = 1_234_50, 0, "USD", "", "N"
	dollars.VatAmt, dollars.SvcAmt = shown(0), shown(105)
	c.attempts(dollars, doubts())
	o := c.run("deadletter", "export", "--format", "csv")
	o.want(t, exitDone, []string{""}, nil)
	want := []map[string]string{
		{"idempotencyKey": "dollars", "status": "review", "mchtId": "shop", "orgTrdNo": "TRD-dollars", "orgMchtTrdNo": "ORDER-dollars",
			"orgTrdDt": "20231215", "canAmt": "123450", "orgTrdAmt": "", "currency": "USD", "method": "", "operation": "cancel",
			"taxTypeCd": "N", "taxAmt": "", "vatAmt": "0", "taxFreeAmt": "", "svcAmt": "105", "code": "", "message": "",
			"acceptedAt": "2024-01-02T12:04:09+09:00", "acceptedBy": "", "diedAt": "2024-01-02T12:04:11+09:00",
			"attempts": "1", "retriesSpent": "0", "queue": "default", "reason": ""},
		{"idempotencyKey": "refund-1", "status": "rejected", "mchtId": "shop", "orgTrdNo": "TRD-refund-1", "orgMchtTrdNo": "ORDER-refund-1",
			"orgTrdDt": "20231215", "canAmt": "1234500", "orgTrdAmt": "98765000", "currency": "KRW", "method": "CA", "operation": "cancel",
			"taxTypeCd": "", "taxAmt": "", "vatAmt": "", "taxFreeAmt": "", "svcAmt": "", "code": "1002", "message": "한도�[2J초과�31m  �gnp end",
			"acceptedAt": "2024-01-02T12:04:05+09:00", "acceptedBy": "", "diedAt": "2024-01-02T12:04:09+09:00",
			"attempts": "2", "retriesSpent": "1", "queue": "default", "reason": "마음이 변함 second line"},
	}
	if diff := cmp.Diff(want, readExport(t, o.out)); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
	terminaltest.WantHarmless(t, strings.ReplaceAll(o.out, "\r\n", "\n"))
}

// An export is complete however many pages it takes, and the same in a file.
func TestExportOfManyPages(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	keys := c.manyDead("d-", 2*deadletter.PageSize+7)
	asCSV, asJSON := c.run("deadletter", "export").out, c.run("deadletter", "export", "--format", "json").out
	var got []string
	for _, line := range readExport(t, asCSV) {
		got = append(got, line["idempotencyKey"])
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.run("deadletter", "ls", "--json").out, asJSON); diff != "" || len(readJSON[[]report.Record](t, asJSON)) != len(keys) {
		t.Errorf("JSON is not what ls --json lists (-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	for name, want := range map[string]string{"a.csv": asCSV, "a.JSON": asJSON, "plain": asCSV, "a.json": asJSON} {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte("what was there before"), 0o644); err != nil {
			t.Fatal(err)
		}
		c.run("deadletter", "export", "--out", name).wantOut(t, "")
		raw, err := os.ReadFile(name)
		if err != nil || string(raw) != want {
			t.Errorf("%s holds %d bytes (%v), want %d", name, len(raw), err, len(want))
		}
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v (%v), want 0600", name, info.Mode(), err)
		}
	}
	c.run("deadletter", "export", "--out", filepath.Join(dir, "b.json"), "--format", "csv").wantOut(t, "")
	if raw, err := os.ReadFile(filepath.Join(dir, "b.json")); err != nil || string(raw) != asCSV {
		t.Errorf("--format does not go before the ending (%v)", err)
	}
	wantFiles(t, dir, "a.JSON", "a.csv", "a.json", "b.json", "plain")
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// What breaks off in the middle does not look complete, and leaves a file as it was.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	keys := c.manyDead("d-", deadletter.PageSize+50)
	// The oldest one stands on the second page; Redis fails to read it.
	last := keys[len(keys)-1]
	rdb := c.redis.Client(t)
	documents, err := rdb.Keys(t.Context(), "*TRD-"+last).Result()
	if err != nil || len(documents) != 1 {
		t.Fatalf("transactions %q, %v", documents, err)
	}
	if err := errors.Join(rdb.Del(t.Context(), documents[0]).Err(), rdb.LPush(t.Context(), documents[0], "x").Err()); err != nil {
		t.Fatal(err)
	}
	o := c.run("deadletter", "export")
	o.want(t, exitFailed, []string{keys[0] + ",", keys[deadletter.PageSize-1] + ",", "\r\n" + records.BrokenOff + "\r\n"}, []string{"WRONGTYPE"})
	if all, err := csv.NewReader(strings.NewReader(o.out)).ReadAll(); !errors.Is(err, csv.ErrFieldCount) {
		t.Errorf("%d lines are read, error %v: want one", len(all), err)
	}
	o = c.run("deadletter", "export", "--format", "json")
	o.want(t, exitFailed, []string{`"` + keys[0] + `"`}, []string{"WRONGTYPE"})
	if strings.HasSuffix(strings.TrimSpace(o.out), "]") {
		t.Error("what broke off looks like a whole array")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "dead.csv")
	for _, before := range []string{"", "of yesterday"} {
		if before != "" {
			if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c.run("deadletter", "export", "--out", name).want(t, exitFailed, nil, []string{"dead.csv was not written: ", "WRONGTYPE"})
		if raw, err := os.ReadFile(name); string(raw) != before || before == "" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file holds %d bytes (%v), want %q", len(raw), err, before)
		}
	}
	wantFiles(t, dir, "dead.csv")
	c.run("deadletter", "export", "--out", filepath.Join(dir, "none", "x.csv")).want(t, exitFailed, nil, []string{"x.csv was not written: "})
	c.run("deadletter", "export", "--out", dir).want(t, exitFailed, nil, []string{"was not written: "})
}

// A reader that goes away, or a full disk, is a failure and not the end of the list.
func TestExportToWhatFails(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.manyDead("d-", deadletter.PageSize+50)
	whole := len(c.run("deadletter", "export").out)
	for _, format := range []string{"csv", "json"} {
		for _, most := range []int{0, whole / 2, whole - 1} {
			written := 0
			a, errs := c.app, &strings.Builder{}
			a.Err = errs
			a.Out = writerFunc(func(p []byte) (int, error) {
				n := min(len(p), most-written)
				written += n
				if n < len(p) {
					return n, io.ErrClosedPipe
				}
				return n, nil
			})
			code := a.run(t.Context(), []string{"deadletter", "export", "--format", format})
			if code != exitFailed || strings.Count(errs.String(), io.ErrClosedPipe.Error()) != 1 {
				t.Errorf("%s, after %d bytes: exit code %d, %q", format, most, code, errs)
			}
		}
	}
}

func TestExportWithDamage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for _, key := range []string{"good-1", "damaged", "blurred", "good-2"} {
		c.attempts(cancellation(key), rejects("1002", "no"))
	}
	c.spoil("damaged", "{")
	raw, err := c.redis.Client(t).Get(t.Context(), c.redis.Client(t).Keys(t.Context(), "*TRD-blurred").Val()[0]).Result()
	if err != nil {
		t.Fatal(err)
	}
	c.spoil("blurred", strings.Replace(raw, `"o":"ORDER-blurred"`, `"o":7`, 1)) // its parameters cannot be read
	for _, format := range []string{"csv", "json"} {
		name := filepath.Join(t.TempDir(), "dead")
		onto := c.run("deadletter", "export", "--format", format)
		onto.want(t, exitFailed, []string{"good-1", "good-2"}, []string{"damaged", "blurred"})
		c.run("deadletter", "export", "--format", format, "--out", name).want(t, exitFailed, nil, []string{"damaged", "blurred"})
		if raw, err := os.ReadFile(name); err != nil || string(raw) != onto.out {
			t.Errorf("%s: the file holds %q (%v), want %q", format, raw, err, onto.out)
		}
	}
	if got := readExport(t, c.run("deadletter", "export").out); len(got) != 2 {
		t.Errorf("%d lines, want the 2 that can be read", len(got))
	}
	if got := readJSON[[]report.Record](t, c.run("deadletter", "export", "--format", "json").out); len(got) != 2 {
		t.Errorf("%d records, want the 2 that can be read", len(got))
	}
}

// No account number, and no name of its holder, leaves by an export; cli looks at all that is
// printed.
func TestExportHoldsNoAccounts(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.app.environ = append(c.app.environ, "PAYLOAD_KEY="+strings.Repeat("A", 43)+"=", "SETTLEBANK_PROTOCOL=0A19")
	x := cancellation("refund-1")
	x.Operation, x.Method, x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = tasks.OperationRefund, "VA", "004", secretAccount, "홍길동"
	c.runIn(t.Context(), strings.NewReader(lines(x)), "enqueue", "--file", "-").want(t, exitDone, []string{"1 accepted"}, nil)
	l, r := c.leased(), c.record("refund-1")
	g, err := l.Begin(t.Context(), ledger.Entry{
		Key: r.Key, MchtID: r.MchtID, OrgTrdNo: r.OrgTrdNo, OrgMchtTrdNo: r.OrgMchtTrdNo, Method: r.Method,
		Amount: r.Amount, PaymentAmount: x.OrgTrdAmt, Params: r.Params})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Finish(t.Context(), g, ledger.Attempt{Class: "rejected"}, ledger.Next{Status: ledger.Rejected, Code: "1002"}); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"csv", "json"} {
		o := c.run("deadletter", "export", "--format", format)
		o.want(t, exitDone, []string{"refund-1", "refund"}, nil)
		for _, secret := range []string{"홍길동", c.record("refund-1").Sealed, "Acnt", "Dpstr"} {
			if strings.Contains(o.out, secret) {
				t.Errorf("%s holds %s:\n%s", format, secret, o.out)
			}
		}
	}
}

func TestExportUsage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run("deadletter", "export", "--format", "xlsx", "--out", "", "--status", "x").want(t, exitUsage, nil,
		[]string{`--format is "xlsx"`, "--out is empty", `--status is "x"`})
	c.run("deadletter", "export", "dead.csv").want(t, exitUsage, nil, []string{`takes no "dead.csv"`})
}
