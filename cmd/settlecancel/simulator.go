package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/listen"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/config"
	"settlecancel/gateway/simulator"
)

func (a app) simulatorCommand() *cobra.Command {
	addr := "127.0.0.1:8090"
	o := simulator.Options{}
	temper, protocol := string(simulator.TemperReal), string(simulator.ProtocolsBoth)
	c := &cobra.Command{
		Use:   "simulator",
		Short: "Run a SettleBank that stands in for the real one, with a control interface under /_sim/",
		Args:  terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Temper, o.Protocol = simulator.Temper(temper), simulator.Protocols(protocol)
			if err := checkSimulator(addr, o); err != nil {
				return err
			}
			cfg, log, err := a.load()
			if err != nil {
				return err
			}
			o.Logger = log
			sim, err := newSimulator(cfg, o)
			if err != nil {
				return err
			}
			l, err := listen.On(addr, sim)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "SettleBank simulator: SETTLEBANK_BASE_URL=%s, control interface %s/_sim/\n", l.URL(), l.URL())
			return l.Serve(c.Context())
		},
	}
	c.Flags().StringVar(&addr, "addr", addr, "where to listen")
	c.Flags().StringVar(&temper, "temper", temper, "real: take what merchants send, answer as unevenly as the real gateway; strict: hold to the documents")
	c.Flags().StringVar(&protocol, "protocol", protocol, "the protocol it knows for moving money: flat, 0A19, or both")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "choose the ways in which --temper real answers")
	c.Flags().Int64Var(&o.AutoAmount, "auto-amount", 0, "create originals of this amount (KRW) on first sight; 0: only registered ones exist")
	c.Flags().DurationVar(&o.Latency, "latency", 0, "answer after this time")
	return c
}

// maxAutoAmount is the greatest amount that the protocol's twelve digits hold.
const maxAutoAmount = 999_999_999_999

// checkSimulator names everything that is wrong with the flags.
func checkSimulator(addr string, o simulator.Options) error {
	var faults []error
	if _, port, err := net.SplitHostPort(addr); err != nil {
		faults = append(faults, terminal.Usagef("--addr is %q, must be host:port, such as 127.0.0.1:8090", addr))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		faults = append(faults, terminal.Usagef("--addr is %q, its port must be a number from 0 to 65535", addr))
	}
	if o.Temper != simulator.TemperReal && o.Temper != simulator.TemperStrict {
		faults = append(faults, terminal.Usagef("--temper is %q, must be real or strict", o.Temper))
	}
	switch o.Protocol {
	case simulator.ProtocolsFlat, simulator.Protocols0A19, simulator.ProtocolsBoth:
	default:
		faults = append(faults, terminal.Usagef("--protocol is %q, must be flat, 0A19 or both", o.Protocol))
	}
	if o.AutoAmount < 0 || o.AutoAmount > maxAutoAmount {
		faults = append(faults, terminal.Usagef("--auto-amount is %d, must be from 0 to %d", o.AutoAmount, int64(maxAutoAmount)))
	}
	if o.Latency < 0 {
		faults = append(faults, terminal.Usagef("--latency is %s, must be 0s or longer", o.Latency))
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
