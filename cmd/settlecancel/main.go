// Command settlecancel cancels payments at SettleBank for order systems. README.md describes its
// commands.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the gateway's dates are Korean, on any machine

	"github.com/redis/go-redis/v9/logging"

	"settlecancel/cmd/settlecancel/terminal"
)

// version is set by the linker.
var version = "dev"

func main() {
	logging.Disable() // every error of Redis comes back to its caller, who says it once
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := app{Terminal: terminal.New(os.Stdin, os.Stdout, os.Stderr, os.Environ()), environ: os.Environ()}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
