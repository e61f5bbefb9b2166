package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/config"
)

// healthcheckCommand lets a container without a shell ask whether its own process is well.
func (a app) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "healthcheck [URL]",
		Short:  "Ask a running worker or server whether it is well (default: the worker, at OPS_ADDR)",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			url := ""
			if len(args) == 1 {
				url = args[0]
			} else {
				cfg, err := config.Load(a.environ)
				if err != nil {
					return err
				}
				url = "http://" + local(cfg.OpsAddr) + "/healthz"
			}
			r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, nil)
			if err != nil {
				return usagef("%w", err)
			}
			resp, err := (&http.Client{Timeout: 3 * time.Second}).Do(r)
			if err != nil {
				return fmt.Errorf("not well: %w", err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("not well: %s answers %s", url, resp.Status)
			}
			return nil
		},
	}
}

// local answers how to reach, from this machine, what listens on addr.
func local(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
