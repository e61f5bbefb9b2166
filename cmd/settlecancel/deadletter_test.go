package main

import (
	gocmp "cmp"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

func TestDeadletterLs(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.run("deadletter", "ls").wantOut(t, "no dead letters\n")
	c.run("deadletter", "ls", "--json").wantOut(t, "[]\n")

	c.attempts(cancellation("alive"))
	c.attempts(cancellation("refund-1"), rejects("1002", terminaltest.Nasty+strings.Repeat(" very long", 10)))
	dollars := cancellation("dollars-22")
	dollars.CanAmt, dollars.OrgTrdAmt, dollars.Currency = 1_234_50, 9_999_99, "USD"
	c.attempts(dollars, attempt{ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Review}})
	large := cancellation("large")
	large.CanAmt, large.OrgTrdAmt = 1_000_000, 1_000_000
	c.attempts(large, attempt{ledger.Attempt{Class: "transient", Code: "ST41"}, ledger.Next{Status: ledger.Exhausted, Code: "ST41", Message: "busy"}})

	o := c.run("deadletter", "ls")
	o.wantOut(t, strings.TrimPrefix(`
KEY         STATUS     CODE         AMOUNT  ORDER             DIED                       MESSAGE
large       exhausted  ST41  1,000,000 KRW  ORDER-large       2024-01-02T12:04:11+09:00  busy
dollars-22  review            1,234.50 USD  ORDER-dollars-22  2024-01-02T12:04:09+09:00
refund-1    rejected   1002        500 KRW  ORDER-refund-1    2024-01-02T12:04:07+09:00  한도�[2J초과�31m  �gnp end very long very long very long very l…
3 dead letters: 1,000,500 KRW, 1,234.50 USD
`, "\n"))
	terminaltest.WantHarmless(t, o.out)

	o = c.run("deadletter", "ls", "--limit", "1")
	o.want(t, exitDone, []string{"large ", "1 of 3 dead letters: 1,000,000 KRW\n"}, nil)
	c.run("deadletter", "ls", "--limit", "-1").want(t, exitUsage, nil, []string{"--limit"})
	c.run("deadletter", "ls", "--limit", "x").want(t, exitUsage, nil, []string{"--limit", "see settlecancel deadletter ls --help"})
	c.run("deadletter", "lss").want(t, exitUsage, nil, []string{`"lss"`})
	c.run("deadletter").want(t, exitDone, []string{"retry", "resolve"}, nil)
}

// The list is complete where it takes several pages, also as JSON.
func TestDeadletterLsOfManyPages(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	const many = 2*deadletter.PageSize + 7
	var want []string
	for i := range many {
		key := fmt.Sprintf("d-%d", i)
		c.attempts(cancellation(key), rejects("1002", terminaltest.Nasty))
		want = append(want, key)
	}
	slices.Reverse(want)
	for _, limit := range []int{0, deadletter.PageSize + 1, many + 1} {
		o := c.run("deadletter", "ls", "--json", "--limit", fmt.Sprint(limit))
		o.want(t, exitDone, []string{"["}, nil)
		terminaltest.WantHarmless(t, o.out)
		var keys []string
		for _, shown := range readJSON[[]report.Record](t, o.out) {
			keys = append(keys, shown.IdempotencyKey)
			if shown.Message != terminaltest.Nasty || len(shown.Attempts) != 1 || shown.EndedAt == nil {
				t.Fatalf("the record of %s is not complete: %+v", shown.IdempotencyKey, shown)
			}
		}
		if diff := cmp.Diff(want[:min(many, gocmp.Or(limit, many))], keys); diff != "" {
			t.Errorf("limit %d: keys (-want +got):\n%s", limit, diff)
		}
	}
	o := c.run("deadletter", "ls")
	o.want(t, exitDone, []string{fmt.Sprintf("\n%d dead letters: %s\n", many, terminal.Money(500*many, ""))}, nil)
	if got := strings.Count(o.out, "\n"); got != many+2 {
		t.Errorf("%d lines, want %d and a header and a total", got, many)
	}
}

// One that cannot be read does not hide the others, and is not passed over in silence.
func TestDeadletterLsWithDamage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for _, key := range []string{"good-1", "damaged", "good-2"} {
		c.attempts(cancellation(key), rejects("1002", "no"))
	}
	c.spoil("damaged", "{")
	c.run("deadletter", "ls").want(t, exitFailed, []string{"good-1", "good-2", "2 dead letters"}, []string{"damaged"})
	o := c.run("deadletter", "ls", "--json")
	o.want(t, exitFailed, []string{"good-1", "good-2"}, []string{"damaged"})
	if got := readJSON[[]report.Record](t, o.out); len(got) != 2 {
		t.Errorf("%d records, want the 2 that can be read", len(got))
	}
	c.run("status", "damaged").want(t, exitFailed, nil, []string{"damaged"})
}

// What a person decided on between two steps of the listing is no dead letter any more.
func TestDeadletterLsPassesOverWhatLeft(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("left"))
	c.attempts(cancellation("dead"), rejects("1002", "no"))
	rdb := c.redis.Client(t)
	for shard := range 16 {
		open := fmt.Sprintf("settlecancel:{%d}:open", shard)
		for _, member := range rdb.ZRangeWithScores(t.Context(), open, 0, -1).Val() {
			if err := rdb.ZAdd(t.Context(), strings.Replace(open, "open", "dead", 1), member).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, dead, err := c.ledger().Counts(t.Context()); err != nil || dead != 2 {
		t.Fatalf("%d members of the set (%v), want 2", dead, err)
	}
	o := c.run("deadletter", "ls")
	o.want(t, exitDone, []string{"dead ", "1 dead letter: 500 KRW\n"}, nil)
	if strings.Contains(o.out, "left") {
		t.Errorf("what is no dead letter is listed:\n%s", o.out)
	}
}

func TestDeadletterShow(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.eventful("dead")
	c.attempts(cancellation("alive"))
	c.attempts(cancellation("doubtful"), attempt{ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Review}})

	c.run("deadletter", "show", "dead").wantOut(t, c.run("status", "dead").out)
	c.run("deadletter", "show", "dead", "--json").wantOut(t, c.run("status", "dead", "--json").out)
	c.run("deadletter", "show", "doubtful").want(t, exitDone, []string{"asks SettleBank again what happened; nothing is sent blindly"}, nil)
	c.run("deadletter", "show", "alive").want(t, exitFailed, nil, []string{"alive is queued, no dead letter; see settlecancel status alive"})
	c.run("deadletter", "show", "nobody").want(t, exitFailed, nil, []string{`no such cancellation: "nobody"`})
	c.run("deadletter", "show").want(t, exitUsage, nil, []string{"takes one idempotency key"})
}

func TestDeadletterRetry(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("refused"), rejects("1002", "no"))
	c.attempts(cancellation("doubtful"), attempt{ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Review}})
	c.attempts(cancellation("done"), attempt{ledger.Attempt{Class: "ok"}, ledger.Next{Status: ledger.Cancelled}})

	o := c.run("deadletter", "retry", "refused", "nobody", "doubtful", "done", "--by", "kim", "--note", "raised the limit")
	o.want(t, exitFailed, []string{"refused is queued: queued again with a new budget\n", "doubtful is unknown: will be verified, not sent"},
		[]string{`settlecancel: no such cancellation: "nobody"`, "settlecancel: done is cancelled and has ended: nothing was changed; see settlecancel status done"})
	c.run("deadletter", "retry", "refused").want(t, exitFailed, nil, []string{"refused is queued, no dead letter: it is still being worked at"})
	c.run("deadletter", "retry").want(t, exitUsage, nil, []string{"one or more idempotency keys"})

	for _, key := range []string{"refused", "doubtful"} {
		acts := c.record(key).Acts
		if len(acts) != 1 || acts[0].Who != "kim" || acts[0].What != "retry" || acts[0].Note != "raised the limit" {
			t.Errorf("acts on %s: %+v, want kim's retry with its note", key, acts)
		}
		c.run("status", key).want(t, exitDone, []string{"decisions of people\n", "kim  retry  raised the limit\n"}, nil)
	}
	// The queue holds them too: a worker would take them up.
	if n, err := c.redis.Client(t).LLen(t.Context(), "asynq:{default}:pending").Result(); err != nil || n != 2 {
		t.Errorf("%d tasks wait in the queue (%v), want 2", n, err)
	}
}

func TestDeadletterResolve(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("back"), rejects("1002", "no"))
	c.attempts(cancellation("never"), rejects("1002", "no"))
	busy := cancellation("busy")
	c.attempts(busy)
	entry, err := busy.Entry()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.leased().Begin(t.Context(), entry); err != nil {
		t.Fatal(err)
	}

	c.run("deadletter", "resolve", "back", "--as", "cancelled", "--note", "seen in the console", "--by", "kim").
		want(t, exitDone, []string{"back is cancelled: ended; nothing will be sent; others of the payment that are in doubt will wait for people until SettleBank has shown the sum\n"}, nil)
	c.run("deadletter", "resolve", "never", "--as", "rejected", "--note", "customer kept it").
		want(t, exitDone, []string{"never is rejected: ended; nothing will be sent under this key"}, nil)
	c.run("deadletter", "resolve", "never", "--as", "cancelled", "--note", "x").
		want(t, exitFailed, nil, []string{"never is rejected, decided by a person and has ended: nothing was changed", "needs a new key"})
	c.run("deadletter", "retry", "never").want(t, exitFailed, nil, []string{"has ended: nothing was changed"})
	c.run("deadletter", "resolve", "busy", "--as", "rejected", "--note", "x").
		want(t, exitFailed, nil, []string{"busy was not resolved: a request or an inquiry of it is under way"})
	c.run("deadletter", "resolve", "nobody", "--as", "rejected", "--note", "x").want(t, exitFailed, nil, []string{"no such cancellation"})

	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for key, who := range map[string]string{"back": "kim", "never": u.Username} {
		if r := c.record(key); len(r.Acts) != 1 || r.Acts[0].Who != who || !r.Closed {
			t.Errorf("%s: closed %v by %+v, want by %s", key, r.Closed, r.Acts, who)
		}
	}
	c.run("status", "never").want(t, exitDone, []string{"rejected, decided by a person\n", "resolve rejected  customer kept it\n"}, nil)
	c.run("deadletter", "ls").wantOut(t, "no dead letters\n")
}

func TestDeadletterResolveUsage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("a"), rejects("1002", "no"))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"ErrNoAs":     {[]string{"a", "--note", "x"}, "--as"},
		"ErrAs":       {[]string{"a", "--as", "exhausted", "--note", "x"}, "--as"},
		"ErrNoNote":   {[]string{"a", "--as", "rejected"}, "--note"},
		"ErrBlank":    {[]string{"a", "--as", "rejected", "--note", " \t"}, "--note"},
		"ErrNoteUTF8": {[]string{"a", "--as", "rejected", "--note", "\xb0\xed"}, "--note holds bytes that are not UTF-8"},
		"ErrNoteLong": {[]string{"a", "--as", "rejected", "--note", strings.Repeat("가", terminal.MaxNote+1)}, "--note has 1001 characters"},
		"ErrByLong":   {[]string{"a", "--as", "rejected", "--note", "x", "--by", strings.Repeat("가", terminal.MaxBy+1)}, "--by has 65 characters"},
		"ErrNoKey":    {[]string{"--as", "rejected", "--note", "x"}, "takes one or more idempotency keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(append([]string{"deadletter", "resolve"}, tt.args...)...).want(t, exitUsage, nil, []string{tt.want})
		})
	}
	t.Cleanup(func() {
		if r := c.record("a"); !r.Dead() || len(r.Acts) > 0 {
			t.Errorf("the dead letter has changed: %s, %+v", r.Status, r.Acts)
		}
	})
}
