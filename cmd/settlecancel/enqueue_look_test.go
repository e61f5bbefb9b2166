package main

import (
	"os"
	"strings"
	"testing"

	"settlecancel/cmd/settlecancel/bulk"
)

// A file was enqueued, and comes back from a spreadsheet that took the zeros off its keys.
func TestEnqueueFileOfSameRefunds(t *testing.T) {
	t.Parallel()
	const header = "idempotencyKey,orgTrdNo,orgMchtTrdNo,orgTrdDt,canAmt,orgTrdAmt,method\n"
	const first = header + "001,T1,O1,20231215,300,1000,CA\n002,T2,O2,20231215,400,1000,CA\n"
	const again = header + "1,T1,O1,20231215,300,1000,CA\n2,T2,O2,20231215,400,1000,CA\n3,T3,O3,20231215,500,1000,CA\n"
	says := []string{"line 2: it may be the same refund: 1 cancels as much of T1 as 001, which is queued",
		"line 3: it may be the same refund: 2 cancels as much of T2 as 002, which is queued"}
	stored := []string{"001", "002"}
	fresh := func(t *testing.T) (*cli, string) {
		c := newCLI(t)
		c.run("enqueue", "--file", c.file("first.csv", first)).want(t, exitDone, []string{"2 accepted"}, nil)
		return c, c.file("again.csv", again)
	}
	t.Run("ErrNobodyToAsk", func(t *testing.T) {
		t.Parallel()
		c, file := fresh(t)
		c.run("enqueue", "--file", file).want(t, exitFailed, nil, append(says, "nothing was enqueued: 2 lines may be the same refund as another one; give --yes"))
		c.wantStored(stored...)
	})
	t.Run("OK yes", func(t *testing.T) {
		t.Parallel()
		c, file := fresh(t)
		c.run("enqueue", "--file", file, "--yes").want(t, exitDone, []string{"3 lines: 3 accepted"}, nil)
		c.run("enqueue", "--file", file).want(t, exitDone, []string{"3 lines: 0 accepted, 3 known already"}, nil)
	})
	t.Run("OK asked", func(t *testing.T) {
		t.Parallel()
		c, file := fresh(t)
		c.app.Asks = true
		c.runIn(t.Context(), strings.NewReader("no\n"), "enqueue", "--file", file).want(t, exitFailed, nil, append(says, "Type yes to go on", "nothing was enqueued"))
		c.wantStored(stored...)
		c.runIn(t.Context(), strings.NewReader("yes\n"), "enqueue", "--file", file).want(t, exitDone, []string{"3 lines: 3 accepted"}, says)
	})
	t.Run("OK dry run", func(t *testing.T) {
		t.Parallel()
		c, file := fresh(t)
		c.run("enqueue", "--file", file, "--dry-run").want(t, exitFailed, append(says,
			"3 lines: 3 would be accepted (1,200 KRW), 0 known already, 0 would be refused\nNothing was enqueued.\n"), nil)
		c.run("enqueue", "--file", file, "--dry-run", "--yes").want(t, exitDone, says, nil)
		f := readJSON[bulk.Forecast](t, c.run("enqueue", "--file", file, "--dry-run", "--json").out)
		if f.New != 3 || f.Amount != 1200 || len(f.Twins) != 2 || f.Twins[1].OtherKey != "002" {
			t.Errorf("forecast %+v", f)
		}
		faulty := c.file("faulty.csv", header+"001,T1,O1,20231215,301,1000,CA\n002,T9,O2,20231215,400,1000,CA\n4,T4,O4,20231299,1,,CA\n")
		c.run("enqueue", "--file", faulty, "--dry-run").want(t, exitFailed, []string{"3 lines: 0 would be accepted (0 KRW), 0 known already, 3 would be refused"},
			[]string{"line 2: 001 was refused", "line 3: 002 was refused", "line 4: ", "orgTrdDt"})
		c.wantStored(stored...)
	})
	t.Run("OK pipe", func(t *testing.T) {
		t.Parallel()
		c, _ := fresh(t)
		c.runIn(t.Context(), strings.NewReader(again), "enqueue", "--file", "-", "--format", "csv").want(t, exitFailed,
			[]string{"3 lines: 1 accepted, 0 known already, 2 refused\n"}, []string{"line 2: it may be the same refund: 1 cancels", "line 3: it may be", "give --yes"})
		c.wantStored(append(stored, "3")...)
		c.runIn(t.Context(), strings.NewReader(again), "enqueue", "--file", "-", "--format", "csv", "--yes").want(t, exitDone,
			[]string{"3 lines: 2 accepted, 1 known already, 0 refused\n"}, nil)
	})
	t.Run("OK redirected", func(t *testing.T) {
		t.Parallel()
		c, file := fresh(t)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.runIn(t.Context(), f, "enqueue", "--file", "-", "--format", "csv").want(t, exitFailed, nil, append(says, "nothing was enqueued"))
		c.wantStored(stored...)
	})
}

// Two lines of one file, too.
func TestEnqueueFileOfSameLines(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	a, b, other := cancellation("a"), cancellation("b"), cancellation("c")
	b.OrgTrdNo, b.OrgMchtTrdNo = a.OrgTrdNo, a.OrgMchtTrdNo
	other.OrgTrdNo, other.OrgMchtTrdNo, other.CanAmt = a.OrgTrdNo, a.OrgMchtTrdNo, 400
	file := c.file("x.ndjson", lines(a, b, other, a))
	o := c.run("enqueue", "--file", file)
	o.want(t, exitFailed, nil, []string{"line 2: it may be the same refund: b cancels as much of TRD-a as line 1, under another key", "1 line may be"})
	if strings.Contains(o.err, "line 3") || strings.Contains(o.err, "line 4") {
		t.Errorf("another amount, or the same key, is taken for the same refund:\n%s", o.err)
	}
	c.wantStored()
}

func TestEnqueueDryRunOfOne(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run(append(oneByFlags("one"), "--dry-run")...).wantOut(t, "1 line: 1 would be accepted (500 KRW), 0 known already, 0 would be refused\nNothing was enqueued.\n")
	c.wantStored()
	c.run(oneByFlags("one")...).want(t, exitDone, []string{"accepted"}, nil)
	c.run(append(oneByFlags("one"), "--dry-run")...).want(t, exitDone, []string{"1 known already"}, nil)
}
