package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/reconcile"
	"settlecancel/config"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// reconciliation is what the reconcile command is asked for.
type reconciliation struct {
	query       reconcile.Query
	out, format string
	asJSON      bool
	limit       int
}

func (a app) reconcileCommand() *cobra.Command {
	var r reconciliation
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare a day with SettleBank's lists, and settle what they decide",
		Long: "Compares the cancellations that the ledger has of a day, Korean time, with SettleBank's lists of it. What is not known\n" +
			"to be applied, and is listed, is resolved as cancelled; nothing is ever resolved because it is not listed.\n" +
			"Exit code 0: all agree; 1: differences remain, or a list could not be had.",
		Example: "  settlecancel reconcile\n  settlecancel reconcile --date 20240102 --dry-run\n  settlecancel reconcile --date 20240102 --out day.csv",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.reconcile(c.Context(), r) },
	}
	f := c.Flags()
	f.StringVar(&r.query.Date, "date", "", "the day, yyyyMMdd, Korean time (default: yesterday)")
	f.StringSliceVar(&r.query.MchtIDs, "merchant", nil, "compare this merchant only; may be given several times (default: all that are configured)")
	f.StringSliceVar(&r.query.Methods, "method", nil, "compare this payment method only; may be given several times (default: all)")
	f.BoolVar(&r.query.DryRun, "dry-run", false, "show what would be resolved, and resolve nothing")
	f.StringVar(&r.out, "out", "", "write every row to this file too")
	f.StringVar(&r.format, "format", "", "of the file: csv or json (default: by its ending)")
	f.BoolVar(&r.asJSON, "json", false, "print one JSON object with every row")
	f.IntVar(&r.limit, "limit", 50, "show so many differences at most; 0: all")
	return c
}

// complete fills in what is not given, and names what is wrong.
func (r *reconciliation) complete(cfg config.Config, now time.Time) error {
	r.query.Date = cmp.Or(r.query.Date, reconcile.Yesterday(now))
	var faults []error
	if r.out != "" {
		r.format = cmp.Or(r.format, strings.TrimPrefix(strings.ToLower(filepath.Ext(r.out)), "."))
		if r.format != "csv" && r.format != "json" {
			faults = append(faults, errors.New("say with --format what --out is to be: csv or json"))
		}
	} else if r.format != "" {
		faults = append(faults, errors.New("--format is that of --out, which is missing"))
	}
	if r.limit < 0 {
		faults = append(faults, errors.New("--limit must be 0 (all of them) or above"))
	}
	if err := errors.Join(append(faults, r.query.Check(merchantIDs(cfg), now))...); err != nil {
		return &usageError{err}
	}
	return nil
}

func merchantIDs(cfg config.Config) []string {
	ids := make([]string, len(cfg.Merchants))
	for i, m := range cfg.Merchants {
		ids[i] = m.ID
	}
	return ids
}

// newReconciler wires what compares; its RunDaily is for a worker where RECONCILE_DAILY is set.
func newReconciler(cfg config.Config, l *ledger.Ledger, gw reconcile.Gateway, rdb redis.UniversalClient, log *slog.Logger) (*reconcile.Reconciler, error) {
	at, _ := cfg.ReconcileAt()
	return reconcile.New(reconcile.Options{
		Ledger: l, Gateway: gw, MchtIDs: merchantIDs(cfg), Redis: rdb, DailyAt: at, Logger: log,
	})
}

func (a app) reconcile(ctx context.Context, r reconciliation) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	if err := r.complete(cfg, time.Now()); err != nil {
		return err
	}
	rdb, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	gw, err := newGateway(cfg)
	if err != nil {
		return err
	}
	defer gw.Close()
	rec, err := newReconciler(cfg, newClient(cfg, rdb, nil).Ledger(), gw, rdb, log)
	if err != nil {
		return err
	}
	s, err := a.writeReconciliation(ctx, rec, r)
	if err != nil {
		return err
	}
	a.warnOfRetention(cfg, r.query.Date)
	if !s.Agrees() {
		return errReported
	}
	return nil
}

// warnOfRetention tells where the ledger no longer has what it is compared with.
func (a app) warnOfRetention(cfg config.Config, date string) {
	if oldest := time.Now().Add(-cfg.Retention); date < settlebank.Date(oldest) {
		a.complain(fmt.Errorf("what ended before %s is kept no longer (LEDGER_RETENTION), so it is shown as not with us", korean(oldest)))
	}
}

// writeReconciliation compares, and writes what it comes to where it was asked for.
func (a app) writeReconciliation(ctx context.Context, rec *reconcile.Reconciler, r reconciliation) (s reconcile.Summary, err error) {
	var writers []reconcile.Writer
	if r.asJSON {
		writers = append(writers, reconcile.NewJSON(a.out, r.query))
	} else {
		writers = append(writers, &differences{out: a.out, most: r.limit, file: r.out})
	}
	if r.out != "" {
		file, err := os.CreateTemp(filepath.Dir(r.out), "."+filepath.Base(r.out)+".*") // half a report gets no name
		if err != nil {
			return s, fmt.Errorf("write --out: %w", err)
		}
		defer os.Remove(file.Name())
		defer file.Close()
		writers = append(writers, &renamed{Writer: fileWriter(file, r), file: file, name: r.out})
	}
	s, err = rec.Run(ctx, r.query, func(row reconcile.Row) error {
		for _, w := range writers {
			if err := w.Row(row); err != nil {
				return fmt.Errorf("write the report: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	for _, w := range writers {
		if err := w.Close(s); err != nil {
			return s, fmt.Errorf("write the report: %w", err)
		}
	}
	return s, nil
}

func fileWriter(out io.Writer, r reconciliation) reconcile.Writer {
	if r.format == "csv" {
		return reconcile.NewCSV(out)
	}
	return reconcile.NewJSON(out, r.query)
}

// renamed gives a file its name once it is whole.
type renamed struct {
	reconcile.Writer
	file *os.File
	name string
}

func (w *renamed) Close(s reconcile.Summary) error {
	if err := errors.Join(w.Writer.Close(s), w.file.Close()); err != nil {
		return err
	}
	return os.Rename(w.file.Name(), w.name)
}
