package main

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/doctor"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/config"
)

func (a app) doctorCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Examine this installation: does it lose nothing, does it do nothing twice, is it at work?",
		Long: "Examine this installation: Redis and what it keeps over a power cut, clocks, SettleBank and the merchants' keys, workers, queues, " +
			"and what waits.\nNothing is changed. SettleBank is asked, in each merchant's name, to cancel a payment that does not exist, and what became of it:\n" +
			"that shows which protocol it speaks, and whether it knows the merchant and its keys.\nExit code 0: no danger; 1: danger; 2: the settings cannot be used.",
		Example: "  settlecancel doctor\n  settlecancel doctor --json | jq '.[] | select(.level == \"danger\")'",
		Args:    terminal.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.runDoctor(c.Context(), asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of findings")
	return c
}

func (a app) runDoctor(ctx context.Context, asJSON bool) error {
	cfg, _, err := a.load()
	if err != nil {
		return err
	}
	gw, err := newGateway(cfg)
	if err != nil {
		return err
	}
	defer gw.Close()
	rdb := impatient(cfg)
	defer rdb.Close()
	o := examination(cfg, rdb)
	o.Gateway = gw
	findings := doctor.Run(ctx, o)
	if ctx.Err() != nil {
		return errors.New("interrupted: nothing was found out; run it again")
	}
	if asJSON {
		err = terminal.PrintJSON(a.Out, findings, true)
	} else {
		err = doctor.Print(a.Terminal, findings)
	}
	if err == nil && len(doctor.Dangers(findings)) > 0 {
		err = terminal.ErrReported
	}
	return err
}

// impatient opens Redis without waiting for it: that it does not answer is a finding, and to be
// found soon.
func impatient(cfg config.Config) redis.UniversalClient {
	o := cfg.RedisOptions()
	o.MaxRetries, o.DialerRetries, o.ContextTimeoutEnabled = -1, 1, true
	return redis.NewUniversalClient(o)
}

// examination is what the doctor is told of an installation.
func examination(cfg config.Config, rdb redis.UniversalClient) doctor.Options {
	return doctor.Options{
		Redis: rdb, Client: (&installation{cfg: cfg, rdb: rdb}).newClient(),
		Settings: doctor.Settings{
			RedisAddress: cfg.RedisAddress(), Failover: cfg.RedisOptions().MasterName != "", WaitReplicas: cfg.RedisWaitReplicas,
			Production: cfg.Env == config.EnvProduction, BaseURL: cfg.BaseURL, Merchants: merchantsOf(cfg),
			Inquiry: cfg.Inquiry != config.InquiryOff, InquiryPath: cfg.InquiryPath, VerifyAfter: cfg.VerifyAfter, GatewayTimeout: cfg.Timeout, Rate: cfg.Rate,
			RetryMax: cfg.RetryMax, RetryInitial: cfg.RetryInitial, RetryCap: cfg.RetryCap, Retention: cfg.Retention,
			Webhook: cfg.WebhookURL.IsSet(), PayloadKey: len(cfg.PayloadKeys) > 0, ServerFault: cfg.CheckServer(),
		},
	}
}
