package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// deciding is one command line that decides on dead letters.
type deciding struct {
	terminal.Terminal
	terminal.Signature
	withClient  WithClient
	command     *cobra.Command
	doing, done string // the verb, for texts
	resolve     bool   // else retry
	as          string // what to resolve as

	keys      []string
	which     filterFlags
	all       bool
	filter    Filter // of which
	dryRun    bool
	confirm   string
	confirmed int // the number of confirm
	asJSON    bool
}

func retryCommand(t terminal.Terminal, withClient WithClient) *cobra.Command {
	d := &deciding{Terminal: t, withClient: withClient, doing: "retry", done: "retried"}
	d.command = &cobra.Command{
		Use:   "retry KEY... | FILTER --dry-run | FILTER --confirm N",
		Short: "Take dead letters back to work; one in review is verified again, never simply sent",
		Example: "  settlecancel deadletter retry refund-1 refund-2 --note 'limit raised'\n" +
			"  settlecancel deadletter retry --code 1002 --dry-run",
	}
	return d.build()
}

func resolveCommand(t terminal.Terminal, withClient WithClient) *cobra.Command {
	d := &deciding{Terminal: t, withClient: withClient, resolve: true, doing: "resolve", done: "resolved"}
	d.command = &cobra.Command{
		Use:   "resolve KEY... | FILTER --dry-run | FILTER --confirm N --as cancelled|refunded_elsewhere|rejected --note TEXT",
		Short: "End cancellations by your word: SettleBank shows them as cancelled, the customer was paid in another way, or they are given up",
		Example: "  settlecancel deadletter resolve refund-1 --as cancelled --note 'seen in the merchant console, canTrdNo 20231216…'\n" +
			"  settlecancel deadletter resolve --status review --older-than 30d --as refunded_elsewhere --note 'paid by bank transfer' --dry-run",
	}
	d.command.Flags().StringVar(&d.as, "as", "", "cancelled: only what SettleBank itself shows as cancelled; refunded_elsewhere: the customer was paid in another way, such as a bank transfer; rejected: given up, nobody was paid")
	terminal.Choices(d.command, "as", endings()...)
	return d.build()
}

// endings are what a dead letter can be resolved as.
func endings() (all []string) {
	for _, s := range ledger.Resolutions() {
		all = append(all, string(s))
	}
	return all
}

// build gives the command what retrying and resolving have in common.
func (d *deciding) build() *cobra.Command {
	d.command.Long = d.command.Short + ".\n\n" +
		"Which ones is said by their keys, or by filters that a dead letter must all pass, or by --all. What filters select is first\n" +
		"looked at with --dry-run, which changes nothing and prints the command line to run then: it holds their number, and leaves out\n" +
		"what dies later. Where the number is another one by then, nothing is changed. Takes some 200 bytes of memory for each."
	d.command.RunE = func(c *cobra.Command, keys []string) error {
		d.keys = keys
		if err := errors.Join(d.readWhich(time.Now()), d.readWords()); err != nil {
			return &terminal.UsageError{Err: err}
		}
		return d.withClient(c.Context(), func(client *tasks.Client) error { return d.run(c.Context(), client) })
	}
	f := d.command.Flags()
	d.which.flags(d.command)
	f.BoolVar(&d.all, "all", false, "every dead letter")
	f.BoolVar(&d.dryRun, "dry-run", false, "show what would be "+d.done+", and change nothing")
	f.StringVar(&d.confirm, "confirm", "", d.doing+" what the filters select if there are `n` of them")
	f.BoolVar(&d.asJSON, "json", false, "print one JSON object")
	d.Signature.Flags(f)
	return d.command
}

// readWhich finds out what to decide on, and names all that is wrong with it.
func (d *deciding) readWhich(now time.Time) error {
	flags := d.command.Flags()
	filter, err := d.which.read(flags, now)
	d.filter = filter
	faults := []error{err}
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	filtered, confirms := d.which.given(flags), flags.Changed("confirm")
	switch {
	case len(d.keys) > 0 && (filtered || d.all):
		fault("give either keys or filters, not both")
	case filtered && d.all:
		fault("--all takes every dead letter: leave it out, or the filters")
	case len(d.keys) > 0 && confirms:
		fault("--confirm goes with filters; keys say by themselves which ones are meant")
	case len(d.keys) > 0:
	case !filtered && !d.all:
		fault("%s takes one or more idempotency keys, or filters such as --code C, or --all; see %[1]s --help",
			d.command.CommandPath())
	case d.dryRun && confirms:
		fault("give either --dry-run or --confirm, not both")
	case !d.dryRun && !confirms:
		fault("look first: this shows what would be %s, and the command line that does it\n  %s",
			d.done, terminal.Shell(d.commandLine(nil, "--dry-run")))
	}
	if confirms {
		if d.confirmed, err = strconv.Atoi(d.confirm); err != nil || d.confirmed < 0 {
			fault("--confirm is %q; it is the number of dead letters that --dry-run showed", d.confirm)
		}
	}
	return errors.Join(faults...)
}

// readWords finds out by whom, why and as what, and names all that is wrong with it.
func (d *deciding) readWords() error {
	faults := []error{d.Complete()}
	if d.resolve && !slices.Contains(endings(), d.as) {
		faults = append(faults, fmt.Errorf("say with --as what it is%s: %s (SettleBank itself shows it as cancelled), %s (paid in another way, such as a bank transfer) or %s (given up)",
			terminal.DidYouMean(d.as, endings()), ledger.Cancelled, ledger.RefundedElsewhere, ledger.Rejected))
	}
	if d.resolve && d.Note == "" {
		faults = append(faults, errors.New("say with --note how you know: it stays in the record"))
	}
	return errors.Join(faults...)
}

// decideTimeout bounds one decision, which is seen to its end even where the command is
// interrupted.
const decideTimeout = 15 * time.Second

// decide decides on one.
func (d *deciding) decide(ctx context.Context, client *tasks.Client, key string) (ledger.Record, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), decideTimeout)
	defer cancel()
	decided := ledger.Decision{Who: d.By, Note: d.Note, As: ledger.Status(d.as)}
	if d.resolve {
		return client.Ledger().Resolve(ctx, key, decided)
	}
	return client.Retry(ctx, key, decided)
}

// explain says why a decision was refused, and what to do instead. r is the record as it is, where
// the ledger answered it.
func explain(r ledger.Record, key string, err error) error {
	status := "see settlecancel status " + key
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return records.NoSuch(key)
	case errors.Is(err, ledger.ErrBusy):
		return fmt.Errorf("%s was not resolved: a request or an inquiry of it is under way; wait for what it brings (%s), then decide again", key, status)
	case errors.Is(err, ledger.ErrEnded), errors.Is(err, ledger.ErrNotDead) && r.Ended():
		return fmt.Errorf("%s is %s and has ended: nothing was changed; %s. A further refund of this payment needs a new key", key, records.State(r), status)
	case errors.Is(err, ledger.ErrNotDead):
		return fmt.Errorf("%s is %s, no dead letter: it is still being worked at, so there is nothing to retry; %s", key, records.State(r), status)
	}
	return err
}
