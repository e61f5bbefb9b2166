package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/config"
	"settlecancel/gateway/simulator"
)

func (a app) simulatorCommand() *cobra.Command {
	addr := "127.0.0.1:8090"
	var amount int64
	var latency time.Duration
	c := &cobra.Command{
		Use:   "simulator",
		Short: "Run a SettleBank that stands in for the real one, with a control interface under /_sim/",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkSimulator(addr, amount, latency); err != nil {
				return err
			}
			cfg, log, err := a.load()
			if err != nil {
				return err
			}
			sim, err := newSimulator(cfg, simulator.Options{AutoAmount: amount, Latency: latency, Logger: log})
			if err != nil {
				return err
			}
			l, err := listen(addr, sim)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "SettleBank simulator: SETTLEBANK_BASE_URL=%s, control interface %s/_sim/\n", l.url(), l.url())
			return l.serve(c.Context())
		},
	}
	c.Flags().StringVar(&addr, "addr", addr, "where to listen")
	c.Flags().Int64Var(&amount, "auto-amount", 0, "create originals of this amount (KRW) on first sight; 0: only registered ones exist")
	c.Flags().DurationVar(&latency, "latency", 0, "answer after this time")
	return c
}

// maxAutoAmount is the greatest amount that the protocol's twelve digits hold.
const maxAutoAmount = 999_999_999_999

// checkSimulator names everything that is wrong with the flags.
func checkSimulator(addr string, amount int64, latency time.Duration) error {
	var faults []error
	if _, port, err := net.SplitHostPort(addr); err != nil {
		faults = append(faults, usagef("--addr is %q, must be host:port, such as 127.0.0.1:8090", addr))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		faults = append(faults, usagef("--addr is %q, its port must be a number from 0 to 65535", addr))
	}
	if amount < 0 || amount > maxAutoAmount {
		faults = append(faults, usagef("--auto-amount is %d, must be from 0 to %d", amount, int64(maxAutoAmount)))
	}
	if latency < 0 {
		faults = append(faults, usagef("--latency is %s, must be 0s or longer", latency))
	}
	return errors.Join(faults...)
}

// newSimulator makes a simulator that knows the configured merchants and their keys.
func newSimulator(cfg config.Config, o simulator.Options) (*simulator.Simulator, error) {
	for _, m := range cfg.Merchants {
		o.Merchants = append(o.Merchants, simulator.Merchant{ID: m.ID, HashKey: m.HashKey.Reveal(), AESKey: m.AESKey.Reveal()})
	}
	return simulator.New(o)
}
