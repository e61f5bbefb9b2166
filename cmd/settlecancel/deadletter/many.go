package deadletter

import (
	"context"
	"errors"
	"fmt"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// run carries the command line out.
func (d *deciding) run(ctx context.Context, client *tasks.Client) error {
	switch {
	case d.dryRun:
		return d.preview(ctx, client)
	case len(d.keys) > 0:
		return d.decideKeys(ctx, client)
	}
	return d.decideSelected(ctx, client)
}

// decideKeys decides on each key, and tells of each what became of it.
func (d *deciding) decideKeys(ctx context.Context, client *tasks.Client) error {
	refused := 0
	done := DecideAll(ctx, d.keys, func(ctx context.Context, key string) (ledger.Record, error) {
		var e ledger.Effect
		r, err := client.Ledger().Get(ctx, key)
		if err == nil {
			e = d.effect(r)
			r, err = d.decide(ctx, client, key)
		}
		if err != nil {
			refused++
			d.Complain(explain(r, key, err))
		} else if !d.asJSON {
			fmt.Fprintf(d.Out, "%s is %s: %s\n", r.Key, r.Status, means(e))
		}
		return r, err
	}, func(string, error) {})
	if d.asJSON {
		decided := len(d.keys) - refused - done.Left
		if err := d.printResult(Decisions{Done: decided, Failed: refused, Left: done.Left}); err != nil {
			return err
		}
	}
	d.complainOfLeft(ctx, done)
	if refused+done.Left > 0 {
		return terminal.ErrReported
	}
	return nil
}

// decideSelected decides on what the filters select, if that is as many as was confirmed.
func (d *deciding) decideSelected(ctx context.Context, client *tasks.Client) error {
	s, damaged := d.selectDead(ctx, client)
	if damaged != nil && !errors.Is(damaged, ledger.ErrDamaged) {
		return damaged
	}
	if s.Count != d.confirmed {
		return errors.Join(damaged, fmt.Errorf("nothing was changed: %s selected now, --confirm says %d; look again with\n  %s",
			are(s.Count), d.confirmed, terminal.Shell(d.commandLine([]string{"confirm"}, "--dry-run"))))
	}
	seen := d.filter
	seen.Before = s.before()
	done := DecideAll(ctx, s.Keys, func(ctx context.Context, key string) (ledger.Record, error) {
		// Resolving ends whatever is open: one that left the dead letters since it was selected is
		// not what was confirmed.
		if d.resolve {
			r, err := client.Ledger().Get(ctx, key)
			if err == nil && !(r.Dead() && seen.Matches(r)) {
				err = ledger.ErrNotDead
			}
			if err != nil {
				return r, err
			}
		}
		return d.decide(ctx, client, key)
	}, func(key string, err error) { d.Complain(fmt.Errorf("%s was not %s: %w", key, d.done, err)) })
	if err := d.printResult(done); err != nil {
		return err
	}
	d.complainOfLeft(ctx, done)
	if damaged != nil {
		d.Complain(damaged)
	}
	if done.Failed+done.Left > 0 || damaged != nil {
		return terminal.ErrReported
	}
	return nil
}

func are(n int) string {
	if n == 1 {
		return "1 dead letter is"
	}
	return terminal.Plural(n, "dead letter") + " are"
}

// printResult says what became of them all.
func (d *deciding) printResult(x Decisions) error {
	all := x.Done + x.Moved + x.Failed + x.Left
	if d.asJSON {
		return terminal.PrintJSON(d.Out, struct {
			Action   string `json:"action"`
			Selected int    `json:"selected"` // the sum of the others
			Done     int    `json:"done"`
			Moved    int    `json:"moved"` // somebody else had decided meanwhile
			Failed   int    `json:"failed"`
			Left     int    `json:"left"` // not tried
		}{d.doing, all, x.Done, x.Moved, x.Failed, x.Left}, true)
	}
	if all == 0 {
		_, err := fmt.Fprintln(d.Out, noneSelected)
		return err
	}
	left := ""
	if x.Left > 0 {
		left = fmt.Sprintf(", %d not tried", x.Left)
	}
	_, err := fmt.Fprintf(d.Out, "%s: %d %s, %d moved on meanwhile, %d failed%s\n", terminal.Plural(all, "dead letter"), x.Done, d.done, x.Moved, x.Failed, left)
	return err
}

func (d *deciding) complainOfLeft(ctx context.Context, x Decisions) {
	why := "too many failed in a row"
	if ctx.Err() != nil {
		why = "interrupted"
	}
	if x.Left > 0 {
		d.Complain(fmt.Errorf("%s: %d were not tried and are as they were", why, x.Left))
	}
}
