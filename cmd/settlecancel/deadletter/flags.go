package deadletter

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// filterFlags are the flags that select dead letters, as typed.
type filterFlags struct {
	status, code, mchtID, order, orgTrdNo       string
	olderThan, newerThan, diedSince, diedBefore string
	minAmount, maxAmount, currency              string
}

// Those that name a time; a command line that is to mean the same later has them as times.
const (
	flagOlderThan  = "older-than"
	flagNewerThan  = "newer-than"
	flagDiedSince  = "died-since"
	flagDiedBefore = "died-before"
)

func (f *filterFlags) all() []terminal.TextFlag {
	return []terminal.TextFlag{
		terminal.Text("status", &f.status, "only this `status`: rejected, exhausted or review"),
		terminal.Text("code", &f.code, "only this result `code`; - is those without one"),
		terminal.Text("mcht-id", &f.mchtID, "only this merchant `id`"),
		terminal.Text("order", &f.order, "only this order `number` (orgMchtTrdNo)"),
		terminal.Text("org-trd-no", &f.orgTrdNo, "only the payment of this `number` (orgTrdNo)"),
		terminal.Text(flagOlderThan, &f.olderThan, "only what died this `duration` ago or earlier, such as 30m, 12h, 7d or 1d12h"),
		terminal.Text(flagNewerThan, &f.newerThan, "only what died no longer ago than this `duration`"),
		terminal.Text(flagDiedSince, &f.diedSince, "only what died at this `time` or later, such as 2023-12-15T14:00:00+09:00"),
		terminal.Text(flagDiedBefore, &f.diedBefore, "only what died before this `time`"),
		terminal.Text("min-amount", &f.minAmount, "only amounts of `n` or more, in the smallest unit: won, or cents with --currency USD"),
		terminal.Text("max-amount", &f.maxAmount, "only amounts of `n` or less"),
		terminal.Text("currency", &f.currency, "only this `currency`: KRW or USD (default: KRW where an amount is given, else both)"),
	}
}

func (f *filterFlags) flags(c *cobra.Command) {
	terminal.DefineTexts(c.Flags(), f.all())
	terminal.Choices(c, "status", statusNames()...)
	terminal.Choices(c, "currency", tasks.CurrencyKRW, tasks.CurrencyUSD)
}

// given reports whether any of them is.
func (f *filterFlags) given(flags *pflag.FlagSet) bool {
	return slices.ContainsFunc(f.all(), func(x terminal.TextFlag) bool { return flags.Changed(x.Name) })
}

// read returns what they select, and all that is wrong with them.
func (f *filterFlags) read(flags *pflag.FlagSet, now time.Time) (Filter, error) {
	faults := terminal.CheckTexts(flags, f.all(), "select")
	s := Filter{Code: f.code, MchtID: f.mchtID, OrgMchtTrdNo: f.order, OrgTrdNo: f.orgTrdNo}
	var wrong [3][]error
	s.Status, s.Currency, wrong[0] = f.choices()
	s.From, s.Before, wrong[1] = f.times(now)
	s.Min, s.Max, wrong[2] = f.amounts()
	if s.Min != nil || s.Max != nil {
		s.Currency = cmp.Or(s.Currency, tasks.CurrencyKRW)
	}
	return s, errors.Join(append(faults, slices.Concat(wrong[:]...)...)...)
}

func statusNames() []string {
	return []string{string(ledger.Rejected), string(ledger.Exhausted), string(ledger.Review)}
}

func (f *filterFlags) choices() (status ledger.Status, currency string, faults []error) {
	status, currency = ledger.Status(f.status), strings.ToUpper(f.currency)
	if !slices.Contains([]ledger.Status{"", ledger.Rejected, ledger.Exhausted, ledger.Review}, status) {
		faults = append(faults, fmt.Errorf("--status is %q%s; dead letters are %s, %s or %s", f.status, terminal.DidYouMean(f.status, statusNames()), ledger.Rejected, ledger.Exhausted, ledger.Review))
	}
	if !slices.Contains([]string{"", tasks.CurrencyKRW, tasks.CurrencyUSD}, currency) {
		faults = append(faults, fmt.Errorf("--currency is %q; there are %s and %s", f.currency, tasks.CurrencyKRW, tasks.CurrencyUSD))
	}
	return status, currency, faults
}

// times returns the span that ages and times leave together.
func (f *filterFlags) times(now time.Time) (from, before time.Time, faults []error) {
	narrow := func(flag, text string, read func(string) (time.Time, error), by func(time.Time)) {
		if text == "" {
			return
		}
		t, err := read(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--%s is %q; %w", flag, text, err))
			return
		}
		by(t)
	}
	since := func(t time.Time) {
		if t.After(from) {
			from = t
		}
	}
	until := func(t time.Time) {
		if before.IsZero() || t.Before(before) {
			before = t
		}
	}
	ago := func(text string) (time.Time, error) {
		d, err := parseAge(text)
		return now.Add(-d), err
	}
	narrow(flagNewerThan, f.newerThan, ago, since)
	narrow(flagDiedSince, f.diedSince, parseTime, since)
	narrow(flagOlderThan, f.olderThan, ago, until)
	narrow(flagDiedBefore, f.diedBefore, parseTime, until)
	if len(faults) == 0 && !before.IsZero() && !from.Before(before) {
		faults = append(faults, fmt.Errorf("nothing died both since %s and before %s", terminal.Korean(from), terminal.Korean(before)))
	}
	return from, before, faults
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("it is a time such as 2023-12-15T14:00:00+09:00")
	}
	return t, nil
}

// parseAge reads a duration of Go, before which there may be days: 90m, 7d, 1d12h.
func parseAge(text string) (time.Duration, error) {
	fault := errors.New("it is a duration above 0 such as 30m, 12h, 7d or 1d12h")
	var age time.Duration
	rest := text
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fault
		}
		age, rest = time.Duration(n)*24*time.Hour, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, fault
		}
		age += d
	}
	if age <= 0 {
		return 0, fault
	}
	return age, nil
}

func (f *filterFlags) amounts() (least, most *int64, faults []error) {
	read := func(flag, text string) *int64 {
		if text == "" {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			faults = append(faults, fmt.Errorf("--%s is %q; it is a whole number of the smallest unit, won or cents, without commas", flag, text))
			return nil
		}
		return &n
	}
	least, most = read("min-amount", f.minAmount), read("max-amount", f.maxAmount)
	if least != nil && most != nil && *least > *most {
		faults = append(faults, fmt.Errorf("--min-amount %d is above --max-amount %d", *least, *most))
	}
	return least, most, faults
}
