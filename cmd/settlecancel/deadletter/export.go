package deadletter

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// The formats of an export.
const (
	formatCSV  = "csv"
	formatJSON = "json"
)

func exportCommand(t terminal.Terminal, withClient WithClient) *cobra.Command {
	var which filterFlags
	var format, out string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the dead letters as CSV or JSON",
		Long: "Writes the dead letters, the newest first, without account numbers: as CSV for spreadsheets, its texts on one line each and\n" +
			"harmless, or as JSON, the records as ls --json shows them. A file gets its name only once it is whole. What breaks off on\n" +
			"standard output ends, as CSV, with a line that says so, as JSON without its bracket; exit code 1.",
		Example: "  settlecancel deadletter export --out dead.csv\n  settlecancel deadletter export --format json --status review",
		Args:    terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter, err := which.read(c.Flags(), time.Now())
			if format == "" && strings.EqualFold(filepath.Ext(out), ".json") {
				format = formatJSON
			}
			if format = cmp.Or(format, formatCSV); format != formatCSV && format != formatJSON {
				err = errors.Join(err, fmt.Errorf("--format is %q%s; there are %s and %s", format, terminal.DidYouMean(format, []string{formatCSV, formatJSON}), formatCSV, formatJSON))
			}
			if c.Flags().Changed("out") && out == "" {
				err = errors.Join(err, errors.New("--out is empty; leave it out for standard output"))
			}
			if err != nil {
				return &terminal.UsageError{Err: err}
			}
			return withClient(c.Context(), func(client *tasks.Client) error {
				return export(c.Context(), t.Out, lister{client: client, filter: filter}, format, out)
			})
		},
	}
	which.flags(c)
	c.Flags().StringVar(&format, "format", "", "csv or json (default: by the ending of --out, else csv)")
	terminal.Choices(c, "format", formatCSV, formatJSON)
	c.Flags().StringVar(&out, "out", "", "write to this file (default: standard output)")
	return c
}

func export(ctx context.Context, out io.Writer, list lister, format, name string) error {
	write := func(out io.Writer) error { return list.csv(ctx, out) }
	if format == formatJSON {
		write = func(out io.Writer) error { return list.json(ctx, out) }
	}
	if name == "" {
		damaged, err := buffered(out, write)
		return errors.Join(damaged, err)
	}
	damaged, err := writeWhole(name, write)
	if err != nil {
		return fmt.Errorf("%s was not written: %w", name, err)
	}
	return damaged
}

// buffered writes in large steps. What cannot be read, damaged, does not keep the rest from being
// written.
func buffered(out io.Writer, write func(io.Writer) error) (damaged, err error) {
	b := bufio.NewWriterSize(out, 64<<10)
	if err = write(b); errors.Is(err, ledger.ErrDamaged) {
		damaged, err = err, nil
	}
	if flushed := b.Flush(); err == nil {
		err = flushed
	}
	return damaged, err
}

// writeWhole gives a file its name once all of it is on the disk.
func writeWhole(name string, write func(io.Writer) error) (damaged, err error) {
	file, err := renameio.NewPendingFile(name, renameio.WithTempDir(filepath.Dir(name)), renameio.WithPermissions(0o600))
	if err != nil {
		return nil, err
	}
	defer file.Cleanup()
	if damaged, err = buffered(file, write); err != nil {
		return damaged, err
	}
	return damaged, file.CloseAtomicallyReplace()
}
