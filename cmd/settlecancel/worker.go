package main

import (
	"context"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
)

func (a app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Carry cancellations out until told to stop (SIGTERM lets requests on the wire end)",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.runWorker(c.Context()) },
	}
}

func (a app) runWorker(ctx context.Context) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	rdb, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	queue, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer queue.Close()
	gw, err := newGateway(cfg)
	if err != nil {
		return err
	}
	defer gw.Close()
	w, err := newWorker(cfg, queue, newClient(cfg, rdb), gw, log)
	if err != nil {
		return err
	}
	ops, err := listen(cfg.OpsAddr, health(rdb))
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "worker started", "redis", cfg.RedisAddress(), "gateway", cfg.BaseURL, "ops", ops.url())
	return together(ctx, w.Run, ops.serve)
}

// health answers /healthz while the process lives and /readyz while Redis answers too.
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

// together runs the parts of a process until each has ended, as they do when ctx ends. One that fails ends the others.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ends <- part(ctx) }()
	}
	var first error
	for range parts {
		if err := <-ends; err != nil {
			cancel()
			if first == nil {
				first = err
			}
		}
	}
	return first
}
