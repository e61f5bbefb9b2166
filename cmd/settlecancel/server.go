package main

import (
	"context"
	"crypto/subtle"
	"net/http"

	"github.com/spf13/cobra"

	"settlecancel/config"
	"settlecancel/worker/dashboard"
)

func (a app) serverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "server",
		Short: "Serve the dashboard until told to stop",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.runServer(c.Context()) },
	}
}

func (a app) runServer(ctx context.Context) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	if err := cfg.CheckServer(); err != nil {
		return err
	}
	rdb, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	board, err := dashboard.New(dashboard.Options{Redis: rdb, Client: newClient(cfg, rdb), Who: opsWho(cfg), Logger: log})
	if err != nil {
		return err
	}
	l, err := listen(cfg.HTTPAddr, routes(board, health(rdb)))
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "server started", "redis", cfg.RedisAddress(), "dashboard", l.url()+"/dashboard/")
	return l.serve(ctx)
}

// routes puts what a server serves side by side.
func routes(board, health http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/dashboard/", board)
	mux.Handle("/healthz", health)
	mux.Handle("/readyz", health)
	mux.Handle("GET /{$}", http.RedirectHandler("/dashboard/", http.StatusFound))
	return mux
}

// opsWho tells whether a request carries the credentials of ops. Without credentials in the settings the server is reachable
// from this machine alone, and everybody on it is ops.
func opsWho(cfg config.Config) func(*http.Request) (string, bool) {
	if !cfg.OpsUser.IsSet() {
		return nil
	}
	return func(r *http.Request) (string, bool) {
		user, password, ok := r.BasicAuth()
		right := subtle.ConstantTimeCompare([]byte(user), cfg.OpsUser.Bytes()) & subtle.ConstantTimeCompare([]byte(password), cfg.OpsPassword.Bytes())
		return user, ok && right == 1
	}
}
