package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
	in       io.Reader
	out, err io.Writer
	environ  []string
	terminal bool // err is a terminal

	patience time.Duration // how long an enqueueing waits for a Redis that is away; 0 is 30 s
}

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// run carries one command line out and answers the exit code.
func (a app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, errReported) {
		a.complain(err)
	}
	var usage *usageError
	var settings *config.Error
	if errors.As(err, &usage) || errors.As(err, &settings) {
		return exitUsage
	}
	return exitFailed
}

// complain tells what went wrong; errors may quote foreign text.
func (a app) complain(err error) { fmt.Fprintf(a.err, "settlecancel: %s\n", cleanLines(err.Error())) }

// errReported is the error of a command that has said itself what went wrong.
var errReported = errors.New("failed")

func (a app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "settlecancel",
		Short:         "Cancels payments at SettleBank: never lost, never twice",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w\nsee %s --help", err, c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.devCommand(), a.workerCommand(), a.serverCommand(), a.simulatorCommand(), a.enqueueCommand(),
		a.statusCommand(), a.deadletterCommand(), a.reconcileCommand(), a.pauseCommand(), a.resumeCommand(), a.eventsCommand(), a.doctorCommand(), a.versionCommand(), a.healthcheckCommand())
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no %q; see settlecancel --help", c.CommandPath(), args[0])
	}
	return nil
}

func oneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one %s", c.CommandPath(), what)
		}
		return nil
	}
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
	if cfg.LogFormat == config.LogText || (cfg.LogFormat == "" && a.terminal) {
		return slog.New(slog.NewTextHandler(a.err, o))
	}
	return slog.New(slog.NewJSONHandler(a.err, o))
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
