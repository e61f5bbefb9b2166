package main

import (
	"encoding/csv"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
)

// reconciling is a command line with a simulated SettleBank, on a day of which each has what the
// other lacks.
func reconciling(t *testing.T) *cli {
	t.Helper()
	c := newCLI(t)
	sim, err := simulator.New(simulator.Options{Now: func() time.Time { return c.clock },
		Merchants: []simulator.Merchant{{ID: "shop", HashKey: secretHashKey, AESKey: secretAESKey}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	c.app.environ = append(c.app.environ, "SETTLEBANK_BASE_URL="+server.URL, "SETTLEBANK_COLLATION_URL="+server.URL, "LEDGER_RETENTION=999999h")
	elsewhere := func(key string, amount int64) simulator.Effect {
		x := cancellation(key)
		o := simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt, Amount: 1000, Method: "CA"}
		if err := sim.Register(o); err != nil {
			t.Fatal(err)
		}
		e, err := sim.CancelElsewhere(x.MchtID, x.OrgTrdNo, amount)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	ends := func(n ledger.Next) attempt { return attempt{ledger.Attempt{Class: "test"}, n} }
	agreed := elsewhere("agreed", 500)
	c.attempts(cancellation("agreed"), ends(ledger.Next{Status: ledger.Cancelled, CanTrdNo: agreed.CanTrdNo, Credit: 500, Rounds: 1}))
	c.attempts(cancellation("ours"), ends(ledger.Next{Status: ledger.Cancelled, CanTrdNo: "NOWHERE", Credit: 500, Rounds: 1}))
	elsewhere("theirs", 700)
	elsewhere("review", 500)
	c.attempts(cancellation("review"), ends(ledger.Next{Status: ledger.Review}))
	return c
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	c := reconciling(t)
	o := c.run("reconcile", "--date", "20240102", "--dry-run")
	o.want(t, exitFailed, []string{"20240102, Korean time; a dry run: nothing is resolved", "settled            ", "would be resolved as cancelled"}, nil)
	if r := c.record("review"); r.Status != ledger.Review {
		t.Errorf("a dry run made it %s", r.Status)
	}
	o = c.run("reconcile", "--date", "20240102", "--method", "CA")
	o.want(t, exitFailed, []string{
		"20240102, Korean time\n",
		"agreed                      1  500 KRW\n",
		"settled by the list         1  500 KRW\n",
		"at SettleBank, not with us  1  700 KRW\n",
		"with us, not at SettleBank  1  500 KRW\n",
		"undecided                   0    0 KRW\n",
		"not_at_settlebank  shop      ours    cancelled  TRD-ours    500 KRW                NOWHERE",
		"not_with_us        shop                         TRD-theirs                    700  SIMshop",
		"settled            shop      review  cancelled  TRD-review  500 KRW           500  SIMshop",
	}, nil)
	if strings.Contains(o.out, "TRD-agreed") {
		t.Errorf("what agrees is listed:\n%s", o.out)
	}
	if r := c.record("review"); r.Status != ledger.Cancelled || r.Acts[0].Who != "reconcile" {
		t.Errorf("record %+v", r)
	}
	c.run("reconcile", "--date", "20240102", "--limit", "1").want(t, exitFailed, []string{"and 1 more: --limit 0 or --out FILE shows all"}, nil)
	c.run("reconcile", "--date", "20240102", "--method", "RA", "--merchant", "shop").want(t, exitDone, []string{"agreed                      0  0 KRW"}, nil)
	c.run("reconcile").want(t, exitDone, []string{", Korean time"}, nil) // yesterday
}

func TestReconcileForms(t *testing.T) {
	t.Parallel()
	c := reconciling(t)
	dir := t.TempDir()
	o := c.run("reconcile", "--date", "20240102", "--dry-run", "--json", "--out", filepath.Join(dir, "day.csv"))
	o.want(t, exitFailed, []string{`"agrees":false`}, nil)
	type report struct {
		Date           string
		DryRun, Agrees bool
		Rows           []map[string]any
		Totals         map[string]map[string]int64
		Failures       []string
	}
	r := readJSON[report](t, o.out)
	if r.Date != "20240102" || !r.DryRun || len(r.Rows) != 4 || r.Totals["settled"]["count"] != 1 {
		t.Errorf("report %+v", r)
	}
	file, err := os.Open(filepath.Join(dir, "day.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) != 5 || lines[0][0] != "\ufeffcategory" || lines[1][0] != "agreed" {
		t.Errorf("lines %q, %v", lines, err)
	}
	c.run("reconcile", "--date", "20240102", "--limit", "1", "--out", filepath.Join(dir, "x"), "--format", "json").
		want(t, exitFailed, []string{"and 2 more: " + filepath.Join(dir, "x") + " has all"}, nil)
	text, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	readJSON[report](t, string(text))
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestReconcileErr(t *testing.T) {
	t.Parallel()
	c := reconciling(t)
	for _, tt := range []struct {
		args []string
		err  []string
	}{
		{[]string{"--date", "20240230", "--merchant", "nobody", "--method", "XX", "--limit", "-1", "--format", "csv"},
			[]string{"no day yyyyMMdd", `"nobody"`, `"XX"`, "--limit", "--out, which is missing"}},
		{[]string{"--date", "29990101"}, []string{"future"}},
		{[]string{"--out", "report"}, []string{"--format"}},
		{[]string{"--out", "report.csv", "--format", "xml"}, []string{"--format"}},
		{[]string{"day"}, []string{"takes no"}},
	} {
		c.run(append([]string{"reconcile"}, tt.args...)...).want(t, exitUsage, nil, tt.err)
	}
	c.run("reconcile", "--date", "20240102", "--out", filepath.Join(t.TempDir(), "no", "day.csv")).want(t, exitFailed, nil, []string{"write --out"})

	full := c.app.environ
	c.app.environ = append(full, "LEDGER_RETENTION=24h")
	c.run("reconcile", "--date", "20240102").want(t, exitFailed, []string{"not with us"}, []string{"kept no longer (LEDGER_RETENTION)"})
	c.app.environ = append(full, "SETTLEBANK_MCHT_ID=shop2")
	o := c.run("reconcile", "--date", "20240102", "--method", "CA")
	o.want(t, exitFailed, []string{"not looked at: gateway: list of shop2/CA for 20240102: refused with ST90"}, nil)
	o = c.run("reconcile", "--date", "20240102")
	o.want(t, exitFailed, []string{"0 KRW\n\nnot looked at: gateway: list of shop2/CA,RA,MP,", ",VA for 20240102: refused with ST90"}, nil)
	if n := strings.Count(o.out, "not looked at: "); n != 1 {
		t.Errorf("%d lines tell of one cause:\n%s", n, o.out)
	}
	c.redis.Kill()
	c.run("reconcile", "--date", "20240102").want(t, exitFailed, nil, []string{"no Redis"})
}
