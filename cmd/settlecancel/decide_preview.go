package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// selection is what is to be decided on. Of most it keeps the key alone.
type selection struct {
	tally
	Statuses map[ledger.Status]outlook `json:"statuses"`
	Keys     []string                  `json:"keys"`

	first            []report.Record
	earliest, latest time.Time // when they died, where filters selected them
}

// outlook is what follows for those in one status.
type outlook struct {
	tally
	Then  ledger.Status `json:"then"`
	Means string        `json:"means"`
}

func newSelection() selection {
	return selection{tally: tally{Sums: sums{}}, Keys: []string{}, Statuses: map[ledger.Status]outlook{}}
}

// rowsShown is how many a dry run shows.
const rowsShown = 10

func (d *deciding) add(s *selection, c report.Record) {
	s.tally.add(c)
	s.Keys = append(s.Keys, strings.Clone(c.IdempotencyKey)) // without what it was cut from
	x := s.Statuses[c.Status]
	x.add(c)
	x.Then = d.becomes(c.Status)
	x.Means = follows(x.Then)
	s.Statuses[c.Status] = x
	if len(s.first) < rowsShown {
		s.first = append(s.first, c)
	}
}

// selectDead returns what the filters select, the oldest first. With ErrDamaged, which names what
// cannot be read, it is valid.
func (d *deciding) selectDead(ctx context.Context, client *tasks.Client) (selection, error) {
	s := newSelection()
	err := lister{client: client, filter: d.filter}.each(ctx, func(c report.Record) error {
		d.add(&s, c)
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
			d.complain(explain(r, key, err))
			failed = errReported
			continue
		}
		d.add(&s, c)
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
	if err != nil && !errors.Is(err, ledger.ErrDamaged) && !errors.Is(err, errReported) {
		return err
	}
	command := []string{}
	if s.Count > 0 {
		command = d.commandLine(without, d.pin(s)...)
	}
	if d.asJSON {
		return errors.Join(err, printJSON(d.out, struct {
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
		_, err := fmt.Fprintln(d.out, "there is nothing to "+d.doing)
		return err
	}
	rows := newDeadletterTable(d.out)
	for _, c := range s.first {
		rows.add(c)
	}
	if err := rows.flush(); err != nil {
		return err
	}
	if more := s.Count - len(s.first); more > 0 {
		fmt.Fprintf(d.out, "… and %d more\n", more)
	}
	fmt.Fprintf(d.out, "\n%s: %s\n", plural(s.Count, "cancellation"), s.Sums)
	outlooks := &table{out: d.out, indent: "  ", right: map[int]bool{1: true}}
	for _, status := range ledger.Statuses() {
		if x := s.Statuses[status]; x.Count > 0 {
			outlooks.row(string(status), strconv.Itoa(x.Count), x.Sums.String(), "→ "+string(x.Then), x.Means)
		}
	}
	if err := outlooks.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.out, "\nNothing was changed. This would %s them, and none besides:\n  %s\n", d.doing, shell(command))
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

// plainWord needs no quotes in any shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// shell writes a command line as bash takes it, and a terminal shows it.
func shell(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		switch {
		case plainWord.MatchString(word):
			quoted[i] = word
		case !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }):
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		default:
			quoted[i] = "$'" + escaped(word) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func escaped(word string) string {
	var out strings.Builder
	for _, r := range word {
		switch {
		case r == '\'' || r == '\\':
			out.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			for _, b := range []byte(string(r)) {
				fmt.Fprintf(&out, `\x%02x`, b)
			}
		}
	}
	return out.String()
}
