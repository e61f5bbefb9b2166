package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/config"
	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker"
)

// slack is what an attempt may take beside its request: the round trips to Redis, and some.
const slack = 5 * time.Second

// dial opens Redis and makes sure that it answers.
func dial(ctx context.Context, cfg config.Config) (redis.UniversalClient, error) {
	rdb := redis.NewUniversalClient(cfg.RedisOptions())
	if err := rdb.Ping(ctx).Err(); err != nil {
		_ = rdb.Close()
		return nil, fmt.Errorf("no Redis at %s (REDIS_URL): %w", cfg.RedisAddress(), err)
	}
	return rdb, nil
}

// withClient runs f with a client on the configured Redis.
func (a app) withClient(ctx context.Context, f func(*tasks.Client) error) error {
	cfg, _, err := a.load()
	if err != nil {
		return err
	}
	rdb, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	return f(newClient(cfg, rdb))
}

func newClient(cfg config.Config, rdb redis.UniversalClient) *tasks.Client {
	return tasks.NewClient(rdb, tasks.ClientOptions{Ledger: ledger.Options{
		Retention: cfg.Retention,
		// A request starts within one time-out of its grant, and ends within the next.
		Lease:        2*cfg.Timeout + slack,
		Margin:       cfg.Timeout + slack,
		VerifyAfter:  cfg.VerifyAfter,
		WaitReplicas: cfg.RedisWaitReplicas,
	}})
}

func newGateway(cfg config.Config) (*gateway.Client, error) {
	merchants := make([]gateway.Merchant, len(cfg.Merchants))
	for i, m := range cfg.Merchants {
		merchants[i] = gateway.Merchant{ID: m.ID, HashKey: gateway.Secret(m.HashKey.Reveal()),
			AESKey: gateway.Secret(m.AESKey.Reveal()), Protocol: gateway.Protocol(m.Protocol)}
	}
	return gateway.New(gateway.Options{
		Merchants: merchants, BaseURL: cfg.BaseURL, InquiryPath: cfg.InquiryPath,
		Timeout: cfg.Timeout, ConnectTimeout: cfg.ConnectTimeout, MaxIdleConns: cfg.Concurrency,
	})
}

// newWorker wires a worker; the hook that it adds to a Redis client is meant for a client of its own.
func newWorker(cfg config.Config, rdb redis.UniversalClient, client *tasks.Client, gw worker.Gateway, log *slog.Logger) (*worker.Worker, error) {
	retries := cfg.RetryMax
	if retries == 0 {
		retries = -1
	}
	protocols := map[string]gateway.Protocol{}
	for _, m := range cfg.Merchants {
		protocols[m.ID] = gateway.Protocol(m.Protocol)
	}
	return worker.New(worker.Options{
		Redis: rdb, Client: client, Gateway: gw, Logger: log,
		Concurrency: cfg.Concurrency, Inquiry: cfg.Inquiry != config.InquiryOff, DefaultMchtID: cfg.DefaultMerchant,
		RetryMax: retries, RetryInitial: cfg.RetryInitial, RetryCap: cfg.RetryCap, VerifyAfter: cfg.VerifyAfter,
		Rate:   cfg.Rate,
		Rounds: func(mchtID string) bool { return protocols[mchtID] == gateway.Standard },
		Closed: func(r gateway.CancelRequest, now time.Time) (time.Time, string) {
			return gateway.Hold(r, protocols[r.MchtID], now)
		},
	})
}
