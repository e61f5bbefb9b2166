package main

import (
	"context"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"settlecancel/cmd/settlecancel/doctor"
	"settlecancel/cmd/settlecancel/listen"
	"settlecancel/cmd/settlecancel/metrics"
	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/cmd/settlecancel/terminal"
)

func (a app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Carry cancellations out until told to stop (SIGTERM lets requests on the wire end)",
		Args:  terminal.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.runWorker(c.Context()) },
	}
}

func (a app) runWorker(ctx context.Context) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	here, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer here.close()
	rdb, client := here.rdb, here.client
	gw, err := newGateway(cfg)
	if err != nil {
		return err
	}
	defer gw.Close()
	seen, err := metrics.New(metrics.Options{Client: client, Redis: rdb, Merchants: merchantIDs(cfg), Version: version,
		Closed: closed(cfg.MaintenanceWindows, protocolsOf(cfg)), Logger: log})
	if err != nil {
		return err
	}
	rdb.AddHook(seen.RedisHook())
	beat, err := pulse.New(pulse.Options{Redis: rdb, Observer: seen, Logger: log})
	if err != nil {
		return err
	}
	w, err := newWorker(here, gw, beat)
	if err != nil {
		return err
	}
	ops, err := listen.On(cfg.OpsAddr, opsRoutes(rdb, seen))
	if err != nil {
		return err
	}
	parts := []func(context.Context) error{w.Run, ops.Serve, beat.Run}
	if _, daily := cfg.ReconcileAt(); daily {
		rec, err := newReconciler(cfg, client.Ledger(), gw, rdb, log)
		if err != nil {
			return err
		}
		parts = append(parts, rec.RunDaily)
	}
	starting := examination(cfg, rdb)
	starting.Starting = true
	doctor.LogDangers(ctx, log, doctor.Run(ctx, starting))
	log.InfoContext(ctx, "worker started", "redis", cfg.RedisAddress(), "gateway", cfg.BaseURL, "ops", ops.URL())
	return together(ctx, parts...)
}

// opsRoutes puts what watches a worker side by side.
func opsRoutes(rdb redis.UniversalClient, seen *metrics.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", health(rdb))
	mux.Handle("GET /metrics", seen.Handler())
	return mux
}

// health returns /healthz while the process lives and /readyz while Redis answers too.
func health(rdb redis.UniversalClient) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := rdb.Ping(ctx).Err(); err != nil {
			http.Error(w, "Redis does not answer", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

// together runs the parts of a process until each has ended, as they do when ctx ends. One that
// fails ends the others.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		group.Go(func() error { return part(ctx) })
	}
	return group.Wait()
}
