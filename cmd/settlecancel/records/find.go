package records

import (
	"context"
	"errors"
	"fmt"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// Find returns a record, with an error for people where there is none.
func Find(ctx context.Context, client *tasks.Client, key string) (ledger.Record, error) {
	r, err := client.Ledger().Get(ctx, key)
	if errors.Is(err, ledger.ErrNotFound) {
		return r, NoSuch(key)
	}
	return r, err
}

// NoSuch is the error of a key that the ledger does not have.
func NoSuch(key string) error {
	return fmt.Errorf("no such cancellation: %q (what has ended is kept for LEDGER_RETENTION)", key)
}

// PrintJSON shows a record in full as JSON.
func PrintJSON(t terminal.Terminal, r ledger.Record) error {
	shown, err := report.New(r)
	if err != nil {
		return err
	}
	return terminal.PrintJSON(t.Out, shown, true)
}
