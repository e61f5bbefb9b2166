package listing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// selection are the flags that say what to list, as typed.
type selection struct {
	status, mchtID, order, orgTrdNo, from, to string
	limit                                     int
}

// flag is one of them that holds a text.
type flag struct {
	name  string
	value *string
	usage string
}

func (s *selection) all() []flag {
	return []flag{
		{"status", &s.status, "only this `status`, or these, with commas between: cancelled,already_cancelled"},
		{"mcht-id", &s.mchtID, "only this merchant `id`"},
		{"order", &s.order, "only this order `number` (orgMchtTrdNo)"},
		{"org-trd-no", &s.orgTrdNo, "only the payment of this `number` (orgTrdNo)"},
		{"from", &s.from, "only what was accepted on this `day` or later, yyyyMMdd, Korean time"},
		{"to", &s.to, "only what was accepted on this `day` or earlier"},
	}
}

func (s *selection) flags(c *cobra.Command) {
	for _, f := range s.all() {
		c.Flags().StringVar(f.value, f.name, "", f.usage)
	}
	c.Flags().IntVar(&s.limit, "limit", 0, "list the newest `n`; 0: all (default: 100 in a table, else all)")
	terminal.Choices(c, "status", names()...)
	for _, name := range []string{"mcht-id", "order", "org-trd-no", "from", "to", "limit"} {
		terminal.Choices(c, name) // no files
	}
}

func names() (names []string) {
	for _, s := range ledger.Statuses() {
		names = append(names, string(s))
	}
	return names
}

// read returns the question that the flags ask, and all that is wrong with them. An empty value is
// a fault: an empty variable of a script must not ask for everything.
func (s *selection) read(flags *pflag.FlagSet, asJSON, asCSV bool) (ledger.Query, error) {
	var faults []error
	for _, f := range s.all() {
		switch {
		case flags.Changed(f.name) && *f.value == "":
			faults = append(faults, fmt.Errorf("--%s is empty; leave it out to list any", f.name))
		case strings.ContainsFunc(*f.value, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
			faults = append(faults, fmt.Errorf("--%s holds characters that cannot be printed", f.name))
			*f.value = ""
		}
	}
	if s.limit < 0 {
		faults = append(faults, errors.New("--limit must be 0 (all of them) or above"))
	}
	if asJSON && asCSV {
		faults = append(faults, errors.New("--json and --csv: one of them"))
	}
	q := ledger.Query{MchtID: s.mchtID, OrgMchtTrdNo: s.order, OrgTrdNo: s.orgTrdNo}
	var wrong [3]error
	q.Statuses, wrong[0] = statuses(s.status)
	q.From, wrong[1] = day("from", s.from)
	q.Before, wrong[2] = day("to", s.to)
	if !q.Before.IsZero() {
		if q.Before.Before(q.From) {
			faults = append(faults, fmt.Errorf("--from %s is later than --to %s", s.from, s.to))
		}
		q.Before = q.Before.AddDate(0, 0, 1)
	}
	return q, errors.Join(append(faults, wrong[:]...)...)
}

func statuses(text string) (found []ledger.Status, err error) {
	if text == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(names(), name) {
			err = errors.Join(err, fmt.Errorf("--status is %q%s; there are %s", name, terminal.DidYouMean(name, names()), strings.Join(names(), ", ")))
		}
		found = append(found, ledger.Status(name))
	}
	return found, err
}

// day returns the start of a Korean day, zero where none is given.
func day(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	start, err := time.ParseInLocation("20060102", text, settlebank.KST)
	if err != nil {
		return start, fmt.Errorf("--%s is %q; it is a day such as 20231215", name, text)
	}
	return start, nil
}
