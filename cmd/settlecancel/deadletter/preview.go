package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// selection is what is to be decided on. Of most it keeps the key alone.
type selection struct {
	records.Tally
	Outlooks []*outlook `json:"outlooks"` // by status, in the order of a cancellation's life
	Keys     []string   `json:"keys"`

	first            []report.Record
	earliest, latest time.Time // when they died, where filters selected them
}

// outlook is what follows for those of one status that the decision does the same to.
type outlook struct {
	records.Tally
	Status   ledger.Status    `json:"status"`
	Then     ledger.Status    `json:"then"`
	Means    string           `json:"means"`
	Warnings []ledger.Warning `json:"warnings,omitempty"`
}

func newSelection() selection {
	return selection{Tally: records.Tally{Sums: records.Sums{}}, Keys: []string{}, Outlooks: []*outlook{}}
}

// rowsShown is how many a dry run shows.
const rowsShown = 10

func (d *deciding) add(s *selection, r ledger.Record, c report.Record) {
	s.Tally.Add(c)
	s.Keys = append(s.Keys, strings.Clone(c.IdempotencyKey)) // without what it was cut from
	s.outlook(r.Status, d.effect(r)).Add(c)
	if len(s.first) < rowsShown {
		s.first = append(s.first, c)
	}
}

// outlook returns the outlook of those in a status that a decision does this to.
func (s *selection) outlook(status ledger.Status, e ledger.Effect) *outlook {
	x := &outlook{Status: status, Then: e.Next, Means: means(e), Warnings: e.Warnings}
	at, found := slices.BinarySearchFunc(s.Outlooks, x, func(a, b *outlook) int {
		order := ledger.Statuses()
		return cmp.Or(cmp.Compare(slices.Index(order, a.Status), slices.Index(order, b.Status)),
			cmp.Compare(a.Then, b.Then), cmp.Compare(a.Means, b.Means))
	})
	if !found {
		s.Outlooks = slices.Insert(s.Outlooks, at, x)
	}
	return s.Outlooks[at]
}

// selectDead returns what the filters select, the oldest first. With ErrDamaged, which names what
// cannot be read, it is valid.
func (d *deciding) selectDead(ctx context.Context, client *tasks.Client) (selection, error) {
	s := newSelection()
	err := lister{client: client, filter: d.filter}.records(ctx, func(r ledger.Record, c report.Record) error {
		d.add(&s, r, c)
		if s.Count == 1 {
			s.latest = *c.EndedAt
		}
		s.earliest = *c.EndedAt
		return nil
	})
	slices.Reverse(s.Keys)
	return s, err
}

// before returns the first moment after the latest of them died: the ledger knows nothing shorter
// than a millisecond.
func (s selection) before() time.Time { return s.latest.Add(time.Millisecond) }

// selectKeys returns which of the keys can be decided on, and complains of the others.
func (d *deciding) selectKeys(ctx context.Context, client *tasks.Client) (selection, error) {
	s := newSelection()
	var failed error
	for _, key := range d.keys {
		var c report.Record
		r, err := client.Ledger().Get(ctx, key)
		if err == nil {
			err = d.refusal(r)
		}
		if err == nil {
			c, err = report.New(r)
		}
		if err != nil {
			d.Complain(explain(r, key, err))
			failed = terminal.ErrReported
			continue
		}
		d.add(&s, r, c)
	}
	d.keys = s.Keys
	return s, failed
}

// preview shows what would be done, and the command line that does it.
func (d *deciding) preview(ctx context.Context, client *tasks.Client) error {
	choose, without := d.selectDead, []string{"dry-run", flagOlderThan, flagNewerThan, flagDiedSince, flagDiedBefore}
	if len(d.keys) > 0 {
		choose, without = d.selectKeys, []string{"dry-run"}
	}
	s, err := choose(ctx, client)
	if err != nil && !errors.Is(err, ledger.ErrDamaged) && !errors.Is(err, terminal.ErrReported) {
		return err
	}
	command := []string{}
	if s.Count > 0 {
		command = d.commandLine(without, d.pin(s)...)
	}
	if d.asJSON {
		return errors.Join(err, terminal.PrintJSON(d.Out, struct {
			Action string `json:"action"`
			selection
			Command []string `json:"command"` // empty where there is nothing to do
		}{d.doing, s, command}, true))
	}
	return errors.Join(err, d.showPreview(s, command))
}

// pin returns the flags that make filters select the same again, however much later: times in the
// place of ages.
func (d *deciding) pin(s selection) (flags []string) {
	if len(d.keys) > 0 {
		return nil
	}
	moment := func(t time.Time) string {
		return t.In(settlebank.KST).Format("2006-01-02T15:04:05.000Z07:00")
	}
	if !d.filter.From.IsZero() {
		flags = append(flags, "--"+flagDiedSince, moment(s.earliest))
	}
	return append(flags, "--"+flagDiedBefore, moment(s.before()), "--confirm", strconv.Itoa(s.Count))
}

func (d *deciding) showPreview(s selection, command []string) error {
	if s.Count == 0 {
		_, err := fmt.Fprintln(d.Out, "there is nothing to "+d.doing)
		return err
	}
	rows := newLetterTable(d.Terminal)
	for _, c := range s.first {
		rows.add(c)
	}
	if err := rows.Flush(); err != nil {
		return err
	}
	if more := s.Count - len(s.first); more > 0 {
		fmt.Fprintf(d.Out, "… and %d more\n", more)
	}
	fmt.Fprintf(d.Out, "\n%s: %s\n", terminal.Plural(s.Count, "cancellation"), s.Sums)
	outlooks := d.Table(4)
	outlooks.Indent, outlooks.Right, outlooks.Wrap = "  ", map[int]bool{1: true}, true
	for _, x := range s.Outlooks {
		outlooks.Row(string(x.Status), strconv.Itoa(x.Count), x.Sums.String(), "→ "+string(x.Then), x.Means)
	}
	if err := outlooks.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.Out, "\nNothing was changed. This would %s them, and none besides:\n  %s\n", d.doing, terminal.Shell(command))
	return err
}

// commandLine returns the command line as it was given, without some of its flags, and with more.
func (d *deciding) commandLine(without []string, more ...string) []string {
	words := strings.Fields(d.command.CommandPath())
	d.command.Flags().Visit(func(f *pflag.Flag) {
		value := f.Value.String()
		switch {
		case slices.Contains(without, f.Name):
		case f.Value.Type() != "bool":
			words = append(words, "--"+f.Name, value)
		case value == "true":
			words = append(words, "--"+f.Name)
		}
	})
	words = append(words, more...)
	if slices.ContainsFunc(d.keys, func(key string) bool { return strings.HasPrefix(key, "-") }) {
		words = append(words, "--")
	}
	return append(words, d.keys...)
}
