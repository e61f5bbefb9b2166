package listing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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

func (s *selection) all() []terminal.TextFlag {
	return []terminal.TextFlag{
		terminal.Text("status", &s.status, "only this `status`, or these, with commas between: cancelled,already_cancelled"),
		terminal.Text("mcht-id", &s.mchtID, "only this merchant `id`"),
		terminal.Text("order", &s.order, "only this order `number` (orgMchtTrdNo)"),
		terminal.Text("org-trd-no", &s.orgTrdNo, "only the payment of this `number` (orgTrdNo)"),
		terminal.Text("from", &s.from, "only what was accepted on this `day` or later, yyyyMMdd, Korean time"),
		terminal.Text("to", &s.to, "only what was accepted on this `day` or earlier"),
	}
}

func (s *selection) flags(c *cobra.Command) {
	terminal.DefineTexts(c.Flags(), s.all())
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

// read returns the question that the flags ask, and all that is wrong with them.
func (s *selection) read(flags *pflag.FlagSet, asJSON, asCSV bool) (ledger.Query, error) {
	faults := terminal.CheckTexts(flags, s.all(), "list")
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
