package listing

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/report"
	"settlecancel/tasks/tasktest"
)

var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

// desk is where a person asks.
type desk struct {
	testing.TB
	rdb       *redis.Client
	ledger    *ledger.Ledger
	clock     *clocktest.Clock
	merchants []string
}

func newDesk(t testing.TB) *desk {
	clock := clocktest.New(time.Date(2024, 1, 1, 23, 30, 0, 0, settlebank.KST))
	rdb := shared.Client(t)
	return &desk{t, rdb, ledger.New(rdb, ledger.Options{Now: clock.Now}), clock, []string{"other", "shop"}}
}

// run gives one command line.
func (d *desk) run(args ...string) (string, error) {
	d.Helper()
	var out bytes.Buffer
	c := Command(terminal.Terminal{Out: &out}, func(_ context.Context, f func(Installation) error) error {
		return f(Installation{Ledger: d.ledger, Merchants: d.merchants})
	})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(d.Context())
	return out.String(), err
}

// keys lists as JSON, and returns the keys.
func (d *desk) keys(args ...string) []string {
	d.Helper()
	out, err := d.run(append(args, "--json")...)
	if err != nil {
		d.Fatalf("%q: %v", args, err)
	}
	var listed []report.Record
	if err := json.Unmarshal([]byte(out), &listed); err != nil {
		d.Fatalf("%q: %v: %s", args, err, out)
	}
	keys := []string{}
	for _, r := range listed {
		keys = append(keys, r.IdempotencyKey)
	}
	return keys
}

func (d *desk) wantKeys(args []string, want ...string) {
	d.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := gocmp.Diff(want, d.keys(args...)); diff != "" {
		d.Errorf("%q (-want +got):\n%s", args, diff)
	}
}

func cancellation(key, order string) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: key, MchtID: "shop", OrgTrdNo: "TRD-" + key, OrgMchtTrdNo: order,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
}

// some are three cancellations of two orders on two Korean days.
func (d *desk) some() {
	d.Helper()
	credited := ledger.Next{Status: ledger.Cancelled, Credit: 500, Rounds: 1, Code: "0000", CanTrdNo: "CAN-first"}
	tasktest.Accept(d, d.ledger, cancellation("first", "ORDER-1"))
	tasktest.Attempt(d, d.ledger, cancellation("first", "ORDER-1"), ledger.Attempt{Class: "ok", Code: "0000"}, credited)
	d.clock.Advance(time.Hour) // it is the 2nd
	second := cancellation("second", "ORDER-1")
	second.MchtID, second.CanAmt, second.Currency, second.OrgTrdAmt = "other", 1234, "USD", 5000
	tasktest.Accept(d, d.ledger, second)
	d.clock.Advance(time.Minute)
	third := cancellation("third", "ORDER-3")
	third.Reason = "=1+1"
	tasktest.Accept(d, d.ledger, third)
	tasktest.Attempt(d, d.ledger, third, ledger.Attempt{Class: "refused", Code: "1002"},
		ledger.Next{Status: ledger.Rejected, Code: "1002", Message: terminaltest.Nasty})
}

func TestTable(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if out, err := d.run(); err != nil || out != "no cancellations found (what has ended is kept for LEDGER_RETENTION)\n" {
		t.Errorf("%v: %s", err, out)
	}
	d.some()
	out, err := d.run()
	want := strings.TrimPrefix(`
KEY     STATUS     CODE     AMOUNT  ORDER    MERCHANT  ACCEPTED                   ENDED
third   rejected   1002    500 KRW  ORDER-3  shop      2024-01-02T00:31:00+09:00  2024-01-02T00:31:00+09:00
second  queued           12.34 USD  ORDER-1  other     2024-01-02T00:30:00+09:00
first   cancelled  0000    500 KRW  ORDER-1  shop      2024-01-01T23:30:00+09:00  2024-01-01T23:30:00+09:00
3 cancellations
  1 queued: 12.34 USD
  1 cancelled: 500 KRW
  1 rejected: 500 KRW
`, "\n")
	if diff := gocmp.Diff(want, out); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if out, err = d.run("--limit", "2"); err != nil || !strings.Contains(out, "the newest 2 cancellations; there may be more") || strings.Contains(out, "first") {
		t.Errorf("%v: %s", err, out)
	}
}

// A dead letter that a person has closed does not look like one that waits for people.
func TestTableClosed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.some()
	fourth := cancellation("fourth", "ORDER-4")
	tasktest.Accept(d, d.ledger, fourth)
	if _, err := d.ledger.Resolve(t.Context(), "fourth", ledger.Decision{Who: "kim", Note: "seen", As: ledger.Rejected}); err != nil {
		t.Fatal(err)
	}
	out, err := d.run("--status", "rejected")
	for _, want := range []string{"\nthird   rejected           1002", "fourth  rejected (closed)", "  1 rejected: 500 KRW\n  1 rejected (closed): 500 KRW\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%v: no %q in\n%s", err, want, out)
		}
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.wantKeys(nil)
	d.some()
	d.wantKeys(nil, "third", "second", "first")
	d.wantKeys([]string{"--order", "ORDER-1"}, "second", "first")
	d.wantKeys([]string{"--order", "ORDER-1", "--mcht-id", "shop"}, "first")
	d.wantKeys([]string{"--org-trd-no", "TRD-second"}, "second") // at any merchant that is configured
	d.wantKeys([]string{"--org-trd-no", "TRD-second", "--mcht-id", "shop"})
	d.wantKeys([]string{"--status", "cancelled, rejected"}, "third", "first")
	d.wantKeys([]string{"--to", "20240101"}, "first")
	d.wantKeys([]string{"--from", "20240102"}, "third", "second")
	d.wantKeys([]string{"--from", "20240102", "--to", "20240102", "--limit", "1"}, "third")
}

func TestSelectionErr(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for want, args := range map[string][]string{
		"--order is empty":               {"--order", ""},
		"did you mean cancelled?":        {"--status", "canceled"},
		`--from is "2024-01-01"`:         {"--from", "2024-01-01"},
		`--to is "20240230"`:             {"--to", "20240230"},
		"--from 20240102 is later than":  {"--from", "20240102", "--to", "20240101"},
		"--json and --csv":               {"--json", "--csv"},
		"--limit must":                   {"--limit", "-1"},
		"--mcht-id holds characters":     {"--mcht-id", "a\x1bb"},
		"there are queued, sending, unk": {"--status", "zzz"},
	} {
		out, err := d.run(args...)
		var usage *terminal.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%q: error %v, want %q; printed %q", args, err, want, out)
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.some()
	out, err := d.run("--csv")
	if err != nil {
		t.Fatal(err)
	}
	text, marked := strings.CutPrefix(out, "\ufeff")
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !marked || len(lines) != 4 {
		t.Fatalf("%v, byte order mark %v, %d lines:\n%s", err, marked, len(lines), out)
	}
	cell := func(line int, column string) string { return lines[line][slices.Index(lines[0], column)] }
	for _, want := range []struct {
		line         int
		column, cell string
	}{{1, "idempotencyKey", "third"}, {1, "status", "rejected"}, {1, "closed", "false"}, {1, "reason", "'=1+1"}, {1, "endedAt", "2024-01-02T00:31:00+09:00"},
		{2, "currency", "USD"}, {2, "endedAt", ""}, {3, "canTrdNo", "CAN-first"}, {3, "canAmt", "500"}} {
		if got := cell(want.line, want.column); got != want.cell {
			t.Errorf("line %d, %s: %q, want %q", want.line, want.column, got, want.cell)
		}
	}
	terminaltest.WantHarmless(t, strings.ReplaceAll(out, "\r\n", "\n"))
}

// What cannot be read keeps nothing else from being listed, and is told.
func TestDamage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.some()
	payments, err := d.rdb.Keys(t.Context(), "*TRD-second*").Result()
	if err != nil || len(payments) != 1 {
		t.Fatalf("%v, %v", payments, err)
	}
	if err := d.rdb.Set(t.Context(), payments[0], "{", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--json"}, {"--csv"}, nil} {
		out, err := d.run(args...)
		if !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(out, "third") || !strings.Contains(out, "first") || strings.Contains(out, records.BrokenOff) {
			t.Errorf("%q: %v:\n%s", args, err, out)
		}
	}
}

// A list of many pages is complete.
func TestPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var want []string
	for i := range 2*pageSize + 3 {
		x := cancellation(fmt.Sprint("key-", i), "ORDER-9")
		tasktest.Accept(d, d.ledger, x)
		want = append(want, x.IdempotencyKey)
	}
	for _, args := range [][]string{{"--order", "ORDER-9"}, nil} {
		got := d.keys(args...)
		slices.SortFunc(got, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", args, diff)
		}
	}
	if n := len(d.keys("--limit", fmt.Sprint(pageSize+1))); n != pageSize+1 {
		t.Errorf("%d listed, want %d", n, pageSize+1)
	}
	if out, err := d.run(); err != nil || strings.Count(out, "\n") != 1+screenful+2 {
		t.Errorf("%v: a table of %d lines", err, strings.Count(out, "\n"))
	}
}
