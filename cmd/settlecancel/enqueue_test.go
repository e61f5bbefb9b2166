package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// oneByFlags is a command line that enqueues a cancellation, with more flags at its end.
func oneByFlags(key string, more ...string) []string {
	return append([]string{"enqueue", "--key", key, "--org-trd-no", "TRD-" + key, "--org-mcht-trd-no", "ORDER-" + key,
		"--org-trd-dt", "20231215", "--amount", "500", "--org-amount", "1000", "--method", "CA"}, more...)
}

func TestEnqueueByFlags(t *testing.T) {
	t.Parallel()
	c := newCLI(t)

	c.run(oneByFlags("refund-1")...).wantOut(t, "refund-1  queued  accepted\n")
	c.run(oneByFlags("refund-1")...).wantOut(t, "refund-1  queued  known already\n")
	o := c.run(oneByFlags("refund-1", "--amount", "501")...)
	o.want(t, exitFailed, nil, []string{"refund-1 was refused: the idempotency key was used before with other parameters", "settlecancel status refund-1"})
	if got := c.record("refund-1"); got.Amount != 500 || got.MchtID != "shop" {
		t.Errorf("the record has amount %d of merchant %q, want 500 of the default one", got.Amount, got.MchtID)
	}

	o = c.run(oneByFlags("refund-2", "--queue", "urgent", "--json")...)
	o.want(t, exitDone, []string{"refund-2"}, nil)
	shown := readJSON[report.Record](t, o.out)
	if diff := cmp.Diff(cancellation("refund-2"), shown.Cancellation); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if shown.Queue != tasks.QueueUrgent || shown.Status != ledger.Queued || shown.AcceptedAt.IsZero() {
		t.Errorf("record is %s in queue %q, accepted at %v", shown.Status, shown.Queue, shown.AcceptedAt)
	}
}

func TestEnqueueByAllFlags(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.app.environ = append(c.app.environ, "SETTLEBANK_PROTOCOL=0A19")
	// 0500 is five hundred, and nothing octal.
	o := c.run(oneByFlags("all", "--mcht-id", "shop", "--amount", "0500", "--reason", "마음이 \"변함\" \\ 1\n2",
		"--currency", "USD", "--tax-type-cd", "G", "--tax-amt", "300", "--vat-amt", "30", "--tax-free-amt", "170", "--svc-amt", "0", "--json")...)
	o.want(t, exitDone, []string{"all"}, nil)
	want := cancellation("all")
	want.MchtID, want.Reason, want.Currency, want.TaxTypeCd = "shop", "마음이 \"변함\" \\ 1\n2", "USD", "G"
	tax, vat, free, service := int64(300), int64(30), int64(170), int64(0)
	want.TaxAmt, want.VatAmt, want.TaxFreeAmt, want.SvcAmt = &tax, &vat, &free, &service
	if diff := cmp.Diff(want, readJSON[report.Record](t, o.out).Cancellation); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestEnqueueInvalid(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	o := c.run("enqueue", "--key", "a b", "--org-trd-dt", "20231315", "--amount", "0x10", "--org-amount", "-5", "--reason", "\xb0\xed",
		"--method", "XX", "--operation", "refund")
	o.want(t, exitFailed, nil, []string{
		"--key must be made of", "--org-trd-no is required", "--org-mcht-trd-no is required", `--org-trd-dt "20231315" is no date`,
		"--amount must be a whole number", "--org-amount must be a whole number", "--reason holds bytes that are not UTF-8", `--method is "XX"`,
		"refundAcntNo is required for operation refund (by --file only)",
	})
	for key, tt := range map[string]struct{ flag, value, want string }{
		"nobody":  {"--mcht-id", "nobody", "mchtId is no merchant that is configured here"},
		"dollars": {"--currency", "USD", "currency is USD, and the merchant's protocol flat knows only won"},
	} {
		c.run(oneByFlags(key, tt.flag, tt.value)...).want(t, exitFailed, nil, []string{tt.want})
	}
	o = c.run(oneByFlags("above", "--amount", "5000")...)
	o.want(t, exitFailed, nil, []string{"--amount is above orgTrdAmt (--org-amount), the amount of the original"})
	if open, dead, err := c.ledger().Counts(t.Context()); err != nil || open+dead != 0 {
		t.Errorf("the ledger holds %d open and %d dead ones (%v), want none", open, dead, err)
	}
}

func TestEnqueueUsage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"ErrUnknownFlag":    {[]string{"enqueue", "--refund-acnt-no", "1"}, "unknown flag: --refund-acnt-no\nsee settlecancel enqueue --help"},
		"ErrNothing":        {[]string{"enqueue"}, "by flags (--key, …), or many by --file"},
		"ErrArgument":       {[]string{"enqueue", "x"}, `takes no "x"`},
		"ErrBoth":           {[]string{"enqueue", "--file", "-", "--key", "a"}, "not both"},
		"ErrQueue":          {oneByFlags("a", "--queue", "fast"), `--queue is "fast", must be urgent, default or bulk`},
		"ErrFormat":         {[]string{"enqueue", "--file", "-", "--format", "xml"}, `--format is "xml", must be ndjson or csv`},
		"ErrFormatAlone":    {oneByFlags("a", "--format", "csv"), "--format goes with --file"},
		"ErrEmptyFile name": {[]string{"enqueue", "--file", ""}, "--file names no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(tt.args...).want(t, exitUsage, nil, []string{"settlecancel: ", tt.want})
		})
	}
	t.Run("ErrAll", func(t *testing.T) {
		t.Parallel()
		c.run("enqueue", "--queue", "nope", "--file", "", "--format", "xml", "--key", "a").
			want(t, exitUsage, nil, []string{`--queue is "nope"`, `--format is "xml"`, "--file names no file", "not both"})
	})
	t.Run("ErrSettings", func(t *testing.T) {
		t.Parallel()
		broken := *c
		broken.app.environ = append(slices.Clone(c.app.environ), "RETRY_MAX=many")
		broken.run(oneByFlags("a")...).want(t, exitUsage, nil, []string{"RETRY_MAX"})
	})
}

func TestEnqueueWithoutRedis(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.redis.Kill()
	c.run(oneByFlags("a")...).want(t, exitFailed, nil, []string{"no Redis at redis://", "REDIS_URL"})
	c.run("enqueue", "--file", c.file("x.ndjson", lines(cancellation("a")))).want(t, exitFailed, nil, []string{"no Redis at"})
}

func TestEnqueueHelp(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	o := c.run("enqueue", "--help")
	o.want(t, exitDone, []string{"--org-mcht-trd-no", "--file", "Account numbers come by --file only"}, nil)
	for _, account := range []string{"acnt", "dpstr"} {
		if strings.Contains(o.out, account) {
			t.Errorf("there is a flag for %q, which would stay in the shell's history", account)
		}
	}
}
