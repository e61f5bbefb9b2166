package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/config"
	"settlecancel/tasks"
	"settlecancel/tasks/httpapi"
	"settlecancel/worker/dashboard"
	"settlecancel/worker/noti"
)

func (a app) serverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "server",
		Short: "Serve HTTP API and dashboard until told to stop",
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
	web, err := newWeb(cfg, rdb, newClient(cfg, rdb), log)
	if err != nil {
		return err
	}
	l, err := listenServer(cfg, web, log)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "server started", "redis", cfg.RedisAddress(), "api", l.url()+"/v1/", "dashboard", l.url()+"/dashboard/")
	return l.serve(ctx)
}

// apiRate is how many requests a second each producer's token may make; a batch is one.
const apiRate = 500

// notiPath is where SettleBank is told to send its notifications; NOTI_ADDRESSES switches it on.
const notiPath = "/noti"

// newWeb puts what a server serves side by side: the API, the dashboard, and what a container asks.
func newWeb(cfg config.Config, rdb redis.UniversalClient, client *tasks.Client, log *slog.Logger) (http.Handler, error) {
	o := httpapi.Options{Client: client, DefaultMchtID: cfg.DefaultMerchant, RatePerToken: apiRate, Version: version, Logger: log}
	for _, t := range cfg.APITokens {
		o.Tokens = append(o.Tokens, httpapi.Token{Name: t.Name, Token: httpapi.Secret(t.Token.Reveal())})
	}
	if cfg.OpsUser.IsSet() {
		o.Ops = &httpapi.Credentials{User: cfg.OpsUser.Reveal(), Password: httpapi.Secret(cfg.OpsPassword.Reveal())}
	}
	api, err := httpapi.New(o)
	if err != nil {
		return nil, err
	}
	board, err := dashboard.New(dashboard.Options{Redis: rdb, Client: client, Who: api.Ops, ReadOnly: cfg.DashboardReadOnly, Logger: log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("/dashboard/", board)
	mux.Handle("/healthz", health(rdb))
	mux.Handle("/readyz", health(rdb))
	if len(cfg.NotiAddresses) > 0 {
		gw, err := newGateway(cfg)
		if err != nil {
			return nil, err
		}
		told, err := noti.New(noti.Options{Ledger: client.Ledger(), Gateway: gw, Addresses: cfg.NotiAddresses, Logger: log})
		if err != nil {
			return nil, err
		}
		mux.Handle(notiPath, told)
	}
	mux.Handle("GET /{$}", http.RedirectHandler("/dashboard/", http.StatusFound))
	return mux, nil
}
