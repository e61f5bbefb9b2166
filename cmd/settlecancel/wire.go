package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/listing"
	"settlecancel/config"
	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker"
)

// slack is what an attempt may take beside its request: the round trips to Redis, and some.
const slack = 5 * time.Second

// lease is how long an attempt holds a payment without renewing: so soon the death of a worker is
// noticed.
const lease = 15 * time.Second

// dialTime is how long Redis may take to answer a command that begins.
const dialTime = 10 * time.Second

// dial opens Redis and makes sure that it answers.
func dial(ctx context.Context, cfg config.Config) (redis.UniversalClient, error) {
	return dialWithin(ctx, cfg.RedisOptions(), cfg.RedisAddress(), dialTime)
}

// dialWithin does not wait for the client: with several hosts, or TLS, that tries on for longer
// than any of its time-outs.
func dialWithin(ctx context.Context, o *redis.UniversalOptions, where string, limit time.Duration) (redis.UniversalClient, error) {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	rdb := redis.NewUniversalClient(o)
	answered := make(chan error, 1)
	go func() { answered <- rdb.Ping(within).Err() }()
	var err error
	select {
	case err = <-answered:
	case <-within.Done():
		err = within.Err()
	}
	if err == nil {
		return rdb, nil
	}
	go func() { _ = rdb.Close() }() // it may wait for the dialling
	asks, hint := "may this machine reach it?", ""
	if o.TLSConfig != nil && noTLS(err) {
		asks = "does the port speak TLS?"
		hint = "; " + asks
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("interrupted before Redis at %s had answered: %w", where, context.Cause(ctx))
	case within.Err() != nil:
		return nil, fmt.Errorf("no Redis at %s within %s (REDIS_URL); is it up, and %s", where, limit, asks)
	}
	return nil, fmt.Errorf("no Redis at %s (REDIS_URL): %w%s", where, err, hint)
}

// noTLS reports whether a TLS connection failed as it does where the other side does not speak TLS:
// Redis waits then, or hangs up.
func noTLS(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// installation is what a process works with, opened as the settings say.
type installation struct {
	cfg     config.Config
	log     *slog.Logger
	rdb     redis.UniversalClient
	servers *ledger.Servers // that rdb meets
	client  *tasks.Client
	traces  tracing
}

func open(ctx context.Context, cfg config.Config, log *slog.Logger) (*installation, error) {
	i := &installation{cfg: cfg, log: log, servers: ledger.NewServers(log)}
	o := cfg.RedisOptions()
	o.OnConnect = i.servers.Meet
	var err error
	if i.rdb, err = dialWithin(ctx, o, cfg.RedisAddress(), dialTime); err != nil {
		return nil, err
	}
	if i.traces, err = newTracing(ctx, cfg, log); err != nil {
		_ = i.rdb.Close()
		return nil, err
	}
	i.client = i.newClient()
	return i, nil
}

func (i *installation) close() {
	i.traces.close()
	_ = i.rdb.Close()
}

// withClient runs f with a client on the configured Redis.
func (a app) withClient(ctx context.Context, f func(*tasks.Client) error) error {
	return a.withInstallation(ctx, func(i *installation) error { return f(i.client) })
}

// withListing runs f with what cancellations are listed from.
func (a app) withListing(ctx context.Context, f func(listing.Installation) error) error {
	return a.withInstallation(ctx, func(i *installation) error {
		return f(listing.Installation{Ledger: i.client.Ledger(), Merchants: slices.Sorted(maps.Keys(protocolsOf(i.cfg)))})
	})
}

// withRedis runs f with the configured Redis.
func (a app) withRedis(ctx context.Context, f func(redis.UniversalClient) error) error {
	return a.withInstallation(ctx, func(i *installation) error { return f(i.rdb) })
}

func (a app) withInstallation(ctx context.Context, f func(*installation) error) error {
	cfg, log, err := a.load()
	if err != nil {
		return err
	}
	i, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer i.close()
	return f(i)
}

func (i *installation) newClient() *tasks.Client {
	cfg := i.cfg
	protocols := protocolsOf(cfg)
	merchants := func(id string) (settlebank.Protocol, bool) { p, ok := protocols[id]; return p, ok }
	return tasks.NewClient(i.rdb, tasks.ClientOptions{Sealer: newSealer(cfg), Tracing: i.traces.provider, Merchants: merchants, Ledger: ledger.Options{
		Retention: cfg.Retention,
		// A request starts within a lease of its grant, and ends within its time-out.
		Lease:        lease,
		Request:      lease + cfg.Timeout + slack,
		VerifyAfter:  cfg.VerifyAfter,
		Farthest:     max(2*cfg.RetryCap, 2*cfg.VerifyAfter, 24*time.Hour),
		Inquiry:      cfg.Inquiry != config.InquiryOff,
		WaitReplicas: cfg.RedisWaitReplicas,
		Logger:       i.log,
		Servers:      i.servers,
	}})
}

// newSealer returns nil where there are no keys: cancellations with an account number are then
// refused.
func newSealer(cfg config.Config) *tasks.Sealer {
	if len(cfg.PayloadKeys) == 0 {
		return nil
	}
	keys := make([]tasks.SealKey, len(cfg.PayloadKeys))
	for i, k := range cfg.PayloadKeys {
		keys[i] = tasks.SealKey{ID: k.ID, Secret: k.Key.Bytes()}
	}
	s, err := tasks.NewSealer(keys...)
	if err != nil {
		panic("settings hold what they refuse: " + err.Error())
	}
	return s
}

// merchantsOf returns the merchants of the settings as the gateway takes them.
func merchantsOf(cfg config.Config) []gateway.Merchant {
	merchants := make([]gateway.Merchant, len(cfg.Merchants))
	for i, m := range cfg.Merchants {
		merchants[i] = gateway.Merchant{ID: m.ID, HashKey: m.HashKey,
			AESKey: m.AESKey, Protocol: m.Protocol}
	}
	return merchants
}

func newGateway(cfg config.Config) (*gateway.Client, error) {
	return gateway.New(gateway.Options{
		Merchants: merchantsOf(cfg), BaseURL: cfg.BaseURL, CollationURL: cfg.CollationURL, InquiryPath: cfg.InquiryPath,
		Timeout: cfg.Timeout, ConnectTimeout: cfg.ConnectTimeout, MaxIdleConns: cfg.Concurrency,
	})
}

func newWorker(i *installation, gw worker.Gateway, seen worker.Observer) (*worker.Worker, error) {
	cfg := i.cfg
	retries := cfg.RetryMax
	if retries == 0 {
		retries = -1
	}
	protocols := protocolsOf(cfg)
	webhook, err := newWebhook(cfg)
	if err != nil {
		return nil, err
	}
	return worker.New(worker.Options{
		Redis: i.rdb, Client: i.client, Gateway: gw, Observer: seen, Tracing: i.traces.provider, Logger: i.log,
		Concurrency: cfg.Concurrency, DefaultMchtID: cfg.DefaultMerchant,
		RetryMax: retries, RetryInitial: cfg.RetryInitial, RetryCap: cfg.RetryCap, VerifyAfter: cfg.VerifyAfter,
		Rate:   cfg.Rate,
		Rounds: func(mchtID string) bool { return protocols[mchtID] == gateway.Protocol0A19 },
		Closed: closed(cfg.MaintenanceWindows, protocols),

		EventsKeep: int64(cfg.EventsKeep), Webhook: webhook,
	})
}

func protocolsOf(cfg config.Config) map[string]gateway.Protocol {
	protocols := map[string]gateway.Protocol{}
	for _, m := range cfg.Merchants {
		protocols[m.ID] = m.Protocol
	}
	return protocols
}

// newWebhook returns nil where events go to the stream alone.
func newWebhook(cfg config.Config) (*worker.Webhook, error) {
	if !cfg.WebhookURL.IsSet() {
		return nil, nil
	}
	return worker.NewWebhook(cfg.WebhookURL.Reveal(), cfg.WebhookSecret.Bytes())
}

// closed tells until when a request waits for the windows of the settings and those that the
// gateway is known to have.
func closed(windows []config.Window, protocols map[string]gateway.Protocol) func(gateway.CancelRequest, time.Time) (time.Time, string) {
	configured := make([]worker.Window, len(windows))
	for i, w := range windows {
		configured[i] = worker.Window(w)
	}
	maintained := worker.Closed(configured)
	return func(r gateway.CancelRequest, now time.Time) (time.Time, string) {
		until, why := maintained(r, now)
		if banks, reason := gateway.Hold(r, protocols[r.MchtID], now); banks.After(until) {
			return banks, reason
		}
		return until, why
	}
}
