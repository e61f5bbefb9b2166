package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

func exhausts(code string) attempt {
	return attempt{ledger.Attempt{Class: "transient", Code: code}, ledger.Next{Status: ledger.Exhausted, Code: code, Message: "busy"}}
}

func doubts() attempt {
	return attempt{ledger.Attempt{Class: "unknown"}, ledger.Next{Status: ledger.Review}}
}

// deadOf makes a dead letter that died so long ago.
func (c *cli) deadOf(ago time.Duration, key string, last attempt, change func(*tasks.Cancellation)) {
	c.Helper()
	c.clock = time.Now().Add(-ago).Truncate(time.Second)
	x := cancellation(key)
	x.OrgTrdAmt = 2_000_000
	change(&x)
	c.attempts(x, last)
}

// fourDead are dead letters of which no two are alike.
func (c *cli) fourDead() {
	c.deadOf(10*24*time.Hour, "old", rejects("1002", "no"), func(*tasks.Cancellation) {})
	c.deadOf(2*time.Hour, "busy", exhausts("ST41"), func(x *tasks.Cancellation) { x.CanAmt = 5000 })
	c.deadOf(time.Hour, "doubt", doubts(), func(x *tasks.Cancellation) { x.CanAmt, x.Currency, x.OrgMchtTrdNo = 700, tasks.CurrencyUSD, "주문 1" })
	c.deadOf(10*time.Minute, "other", rejects("1002", "no"), func(x *tasks.Cancellation) { x.CanAmt, x.MchtID = 1_000_000, "other-shop" })
	c.attempts(cancellation("alive"))
}

func listedKeys(reports []report.Record) []string {
	keys := []string{}
	for _, r := range reports {
		keys = append(keys, r.IdempotencyKey)
	}
	return keys
}

// Whatever a filter lists is what it exports, and what would be retried or resolved.
func TestDeadletterFilters(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.fourDead()
	at := func(ago time.Duration) string { return time.Now().Add(-ago).Format(time.RFC3339) }
	for filter, want := range map[string]string{
		"--status rejected":                    "other old",
		"--status exhausted":                   "busy",
		"--status review":                      "doubt",
		"--code 1002":                          "other old",
		"--code -":                             "doubt",
		"--code 9999":                          "",
		"--mcht-id shop":                       "doubt busy old",
		"--mcht-id other-shop":                 "other",
		"--order ORDER-busy":                   "busy",
		"--order 주문_1":                         "doubt",
		"--order ORDER":                        "",
		"--org-trd-no TRD-old":                 "old",
		"--older-than 90m":                     "busy old",
		"--older-than 1d":                      "old",
		"--older-than 9d23h":                   "old",
		"--older-than 10d1h":                   "",
		"--newer-than 90m":                     "other doubt",
		"--newer-than 11d":                     "other doubt busy old",
		"--newer-than 3h --older-than 30m":     "doubt busy",
		"--died-before " + at(90*time.Minute):  "busy old",
		"--died-since " + at(90*time.Minute):   "other doubt",
		"--min-amount 501":                     "other busy",
		"--min-amount 500 --max-amount 5000":   "busy old",
		"--max-amount 0":                       "",
		"--max-amount 99999999 --currency USD": "doubt",
		"--min-amount 700 --currency usd":      "doubt",
		"--min-amount 701 --currency USD":      "",
		"--currency KRW":                       "other busy old",
		"--currency USD":                       "doubt",
		"--code 1002 --newer-than 1d --status rejected --mcht-id other-shop": "other",
		"--code 1002 --status exhausted":                                     "",
	} {
		t.Run(filter, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(filter)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "_", " ")
			}
			keys := strings.Fields(want)
			run := func(command string, more ...string) string {
				o := c.run(slices.Concat([]string{"deadletter", command}, args, more)...)
				o.want(t, exitDone, []string{""}, nil)
				return o.out
			}
			if diff := cmp.Diff(keys, listedKeys(readJSON[[]report.Record](t, run("ls", "--json")))); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(keys, listedKeys(readJSON[[]report.Record](t, run("export", "--format", "json")))); diff != "" {
				t.Errorf("exported (-want +got):\n%s", diff)
			}
			slices.Reverse(keys)
			for _, command := range [][]string{{"retry"}, {"resolve", "--as", "cancelled", "--note", "x"}} {
				p := readJSON[shownPreview](t, run(command[0], append(command[1:], "--dry-run", "--json")...))
				if diff := cmp.Diff(keys, p.Keys); diff != "" {
					t.Errorf("%s (-want +got):\n%s", command[0], diff)
				}
			}
			text := run("ls")
			if len(keys) == 0 && text != "no dead letters match\n" || len(keys) > 0 && !strings.Contains(text, "\n"+terminal.Plural(len(keys), "dead letter")+": ") {
				t.Errorf("%d are listed as\n%s", len(keys), text)
			}
		})
	}
}

func TestDeadletterLsOfFilterIsLimited(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.fourDead()
	o := c.run("deadletter", "ls", "--code", "1002", "--limit", "1")
	o.want(t, exitDone, []string{"other ", "\nthe newest 1 dead letter: 1,000,000 KRW\n"}, nil)
	if strings.Contains(o.out, "old") {
		t.Errorf("more than the limit is listed:\n%s", o.out)
	}
	// One that the filter passes over does not count.
	c.run("deadletter", "ls", "--code", "ST41", "--limit", "2").want(t, exitDone, []string{"busy ", "\n1 dead letter: 5,000 KRW\n"}, nil)
}

// Every fault is named at once, by every command, and nothing is asked of Redis.
func TestDeadletterFilterFaults(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.redis.Kill()
	faulty := []string{"--status", "queued", "--code", "", "--mcht-id", "a\x1b[2J", "--org-trd-no", "\xff", "--older-than", "7x", "--newer-than", "-1h",
		"--died-before", "2024-01-02", "--died-since", "soon", "--min-amount", "1,000", "--max-amount", "-1", "--currency", "EUR"}
	for _, command := range [][]string{{"ls"}, {"export"}, {"retry", "--dry-run"}, {"resolve", "--as", "rejected", "--note", "x", "--confirm", "1"}} {
		o := c.run(slices.Concat([]string{"deadletter"}, command, faulty)...)
		o.want(t, exitUsage, nil, []string{`--status is "queued"`, "--code is empty", "--mcht-id holds characters", "--org-trd-no holds characters",
			`--older-than is "7x"`, `--newer-than is "-1h"`, `--died-before is "2024-01-02"`, `--died-since is "soon"`,
			`--min-amount is "1,000"`, `--max-amount is "-1"`, `--currency is "EUR"`})
		terminaltest.WantHarmless(t, o.err)
	}
	for want, args := range map[string][]string{
		"nothing died both since": {"--older-than", "2h", "--newer-than", "1h"},
		"--min-amount 5 is above": {"--min-amount", "5", "--max-amount", "4"},
		"--limit":                 {"--limit", "-1"},
	} {
		c.run(append([]string{"deadletter", "ls"}, args...)...).want(t, exitUsage, nil, []string{want})
	}
	c.run("deadletter", "ls", "--code", "1002", "--older-than", "").want(t, exitUsage, nil, []string{"--older-than is empty"})
	c.run("deadletter", "ls", "--code", "1002").want(t, exitFailed, nil, []string{"no Redis"})
}
