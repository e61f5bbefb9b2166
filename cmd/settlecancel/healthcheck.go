package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"settlecancel/config"
	"settlecancel/gateway/settlebank"
)

// healthcheckCommand lets a container without a shell ask whether its own process is well.
func (a app) healthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck [URL]",
		Short: "Ask a running worker or server whether it is well (default: the worker, at OPS_ADDR)",
		Long: "Ask a running worker or server whether it is well, by default the worker, at OPS_ADDR.\n" +
			"A server with HTTP_TLS_CERT is asked at https://127.0.0.1:8080/healthz: on loopback its certificate is not verified, elsewhere it is.",
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
			transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialTLSContext: dialTLS, DisableKeepAlives: true}
			resp, err := (&http.Client{Timeout: 3 * time.Second, Transport: transport}).Do(r)
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

// dialTLS verifies whom it talks to, but on this machine: a certificate has the name that others
// call it by. The address decides at each connection, so that no redirect takes the leniency
// elsewhere.
func dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: settlebank.Loopback(addr)}}).DialContext(ctx, network, addr)
}

// local returns how to reach, from this machine, what listens on addr.
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
