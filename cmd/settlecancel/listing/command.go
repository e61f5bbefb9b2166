// Package listing is the command ls: it finds cancellations of any status, and shows them as a
// table, as JSON, or as a file for spreadsheets.
package listing

import (
	"context"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks/ledger"
)

// Installation is where cancellations are looked for.
type Installation struct {
	Ledger    *ledger.Ledger
	Merchants []string // those configured: a payment's number is looked for at each
}

// WithInstallation runs a function with the configured installation.
type WithInstallation func(context.Context, func(Installation) error) error

// Command returns the command ls.
func Command(t terminal.Terminal, with WithInstallation) *cobra.Command {
	var which selection
	asJSON, asCSV := false, false
	c := &cobra.Command{
		Use:   "ls",
		Short: "List cancellations of any status, the newest first: was this order refunded?",
		Long: "Lists cancellations of any status, what was accepted last first. An order number, or the number of a payment, leads to its\n" +
			"cancellations at once; else the days are walked. What has ended is kept for LEDGER_RETENTION. Dead letters that wait for\n" +
			"people are listed by deadletter ls. CSV is for spreadsheets: texts harmless, no account numbers; where it breaks off, its\n" +
			"last line says so.",
		Example: "  settlecancel ls --order ORDER20231215143022\n  settlecancel ls --from 20231201 --to 20231231 --status cancelled,already_cancelled --csv > december.csv",
		Args:    terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := which.read(c.Flags(), asJSON, asCSV)
			if err != nil {
				return &terminal.UsageError{Err: err}
			}
			return with(c.Context(), func(i Installation) error {
				if query.MchtID == "" {
					query.MchtIDs = i.Merchants
				}
				list := lister{ledger: i.Ledger, query: query, limit: which.limit}
				switch {
				case asJSON:
					return list.json(c.Context(), t.Out)
				case asCSV:
					return list.csv(c.Context(), t.Out)
				}
				if !c.Flags().Changed("limit") {
					list.limit = screenful
				}
				return list.text(c.Context(), t)
			})
		},
	}
	which.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of records")
	c.Flags().BoolVar(&asCSV, "csv", false, "print CSV for spreadsheets, with a byte order mark")
	return c
}

// screenful is how many a table shows where nobody says.
const screenful = 100
