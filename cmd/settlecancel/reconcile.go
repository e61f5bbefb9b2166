package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/reconcile"
	"settlecancel/cmd/settlecancel/terminal"
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
		Args:    terminal.NoArgs,
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
		return &terminal.UsageError{Err: err}
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
	rec, err := newReconciler(cfg, (&installation{cfg: cfg, rdb: rdb, log: log}).newClient().Ledger(), gw, rdb, log)
	if err != nil {
		return err
	}
	s, err := a.writeReconciliation(ctx, rec, r)
	if err != nil {
		return err
	}
	a.warnOfRetention(cfg, r.query.Date)
	if !s.Agrees() {
		return terminal.ErrReported
	}
	return nil
}

// warnOfRetention tells where the ledger no longer has what it is compared with.
func (a app) warnOfRetention(cfg config.Config, date string) {
	if oldest := time.Now().Add(-cfg.Retention); date < settlebank.Date(oldest) {
		a.Complain(fmt.Errorf("what ended before %s is kept no longer (LEDGER_RETENTION), so it is shown as not with us", terminal.Korean(oldest)))
	}
}

// writeReconciliation compares, and writes what it comes to where it was asked for. Half a report
// gets no name.
func (a app) writeReconciliation(ctx context.Context, rec *reconcile.Reconciler, r reconciliation) (reconcile.Summary, error) {
	shown := reconcile.NewText(a.Terminal, r.limit, r.out)
	if r.asJSON {
		shown = reconcile.NewJSON(a.Out, r.query)
	}
	if r.out == "" {
		return rec.Write(ctx, r.query, shown)
	}
	file, err := renameio.NewPendingFile(r.out, renameio.WithTempDir(filepath.Dir(r.out)), renameio.WithPermissions(0o600))
	if err != nil {
		return reconcile.Summary{}, fmt.Errorf("write --out: %w", err)
	}
	defer file.Cleanup()
	kept := reconcile.NewJSON(file, r.query)
	if r.format == "csv" {
		kept = reconcile.NewCSV(file)
	}
	s, err := rec.Write(ctx, r.query, shown, kept)
	if err != nil {
		return s, err
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return s, fmt.Errorf("write --out: %w", err)
	}
	return s, nil
}
