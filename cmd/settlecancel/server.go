package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/dashboard"
	"settlecancel/cmd/settlecancel/listen"
	"settlecancel/cmd/settlecancel/notification"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/config"
	"settlecancel/tasks/httpapi"
)

func (a app) serverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "server",
		Short: "Serve HTTP API and dashboard until told to stop",
		Args:  terminal.NoArgs,
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
	here, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer here.close()
	web, err := newWeb(here)
	if err != nil {
		return err
	}
	l, err := listenServer(cfg, web, log)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "server started", "redis", cfg.RedisAddress(), "api", l.URL()+"/v1/", "dashboard", l.URL()+"/dashboard/")
	return together(ctx, l.Serve, here.client.Ledger().Watch)
}

// listenServer speaks TLS where the settings name a certificate.
func listenServer(cfg config.Config, h http.Handler, log *slog.Logger) (*listen.Listener, error) {
	if cfg.HTTPTLSCert == "" {
		return listen.On(cfg.HTTPAddr, h)
	}
	return listen.OnTLS(cfg.HTTPAddr, h, cfg.HTTPTLSCert, cfg.HTTPTLSKey, log)
}

// apiRate is how many requests a second each producer's token may make; a batch is one.
const apiRate = 500

// notiPath is where SettleBank is told to send its notifications; NOTI_ADDRESSES switches it on.
const notiPath = "/noti"

// newWeb puts what a server serves side by side: the API, the dashboard, and what a container asks.
func newWeb(i *installation) (http.Handler, error) {
	cfg, rdb, client, log := i.cfg, i.rdb, i.client, i.log
	o := httpapi.Options{Client: client, DefaultMchtID: cfg.DefaultMerchant, MchtIDs: merchantIDs(cfg), RatePerToken: apiRate, Tracing: i.traces.provider, Version: version, Logger: log}
	for _, t := range cfg.APITokens {
		o.Tokens = append(o.Tokens, httpapi.Token{Name: t.Name, Token: t.Token})
	}
	if cfg.OpsUser.IsSet() {
		o.Ops = append(o.Ops, httpapi.Credentials{User: cfg.OpsUser.Reveal(), Password: cfg.OpsPassword})
	}
	for _, u := range cfg.OpsUsers {
		o.Ops = append(o.Ops, httpapi.Credentials{User: u.Name, Password: u.Password, LooksOnly: u.LooksOnly})
	}
	if cfg.OpsProxyHeader != "" {
		o.Proxy = &httpapi.Proxy{Header: cfg.OpsProxyHeader, From: cfg.OpsProxyAddresses}
	}
	api, err := httpapi.New(o)
	if err != nil {
		return nil, err
	}
	who := func(w http.ResponseWriter, r *http.Request) (dashboard.Person, bool) {
		p, ok := api.Ops(w, r)
		return dashboard.Person(p), ok
	}
	board, err := dashboard.New(dashboard.Options{Redis: rdb, Client: client, Who: who, Merchants: merchantIDs(cfg), ReadOnly: cfg.DashboardReadOnly, Logger: log})
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
		told, err := notification.New(notification.Options{Ledger: client.Ledger(), Gateway: gw, Addresses: cfg.NotiAddresses, Logger: log})
		if err != nil {
			return nil, err
		}
		mux.Handle(notiPath, told)
	}
	mux.Handle("GET /{$}", http.RedirectHandler("/dashboard/", http.StatusFound))
	return mux, nil
}
