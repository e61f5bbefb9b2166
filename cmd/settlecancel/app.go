package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/cmd/settlecancel/events"
	"settlecancel/cmd/settlecancel/listing"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/config"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // also a key refused for other parameters
	exitUsage  = 2 // wrong usage or settings
)

// app is what the commands share with the outside, so that tests can stand in for it.
type app struct {
	terminal.Terminal
	environ []string

	patience time.Duration // how long an enqueueing waits for a Redis that is away; 0 is 30 s
}

// run carries one command line out and returns the exit code.
func (a app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, terminal.ErrReported) {
		a.Complain(err)
	}
	var usage *terminal.UsageError
	var settings *config.Error
	if errors.As(err, &usage) || errors.As(err, &settings) {
		return exitUsage
	}
	return exitFailed
}

func (a app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "settlecancel",
		Short:         "Cancels payments at SettleBank: never lost, never twice",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       fullVersion(),
		Args:          terminal.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(terminal.FlagError)
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(a.devCommand(), a.workerCommand(), a.serverCommand(), a.simulatorCommand(), a.enqueueCommand(),
		a.statusCommand(), listing.Command(a.Terminal, a.withListing), deadletter.Command(a.Terminal, a.withClient), a.reconcileCommand(), a.recoverCommand(), a.pauseCommand(), a.resumeCommand(), events.Command(events.Options{Terminal: a.Terminal, WithRedis: a.withRedis, Webhook: a.hasWebhook}), a.doctorCommand(), a.versionCommand(), a.healthcheckCommand())
	return root
}

// load reads the settings and makes the log that they ask for.
func (a app) load() (config.Config, *slog.Logger, error) {
	cfg, err := config.Load(a.environ)
	if err != nil {
		return config.Config{}, nil, err
	}
	return cfg, a.logger(cfg), nil
}

func (a app) logger(cfg config.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == config.LogText || (cfg.LogFormat == "" && a.Screen) {
		return slog.New(slog.NewTextHandler(a.Err, o))
	}
	return slog.New(slog.NewJSONHandler(a.Err, o))
}

// hasWebhook returns why events cannot be told to a webhook, nil where they can.
func (a app) hasWebhook() error {
	cfg, _, err := a.load()
	if err == nil && !cfg.WebhookURL.IsSet() {
		err = &config.Error{Faults: []config.Fault{{Setting: "WEBHOOK_URL", Message: "is missing; without it there is no webhook to tell events to"}}}
	}
	return err
}
