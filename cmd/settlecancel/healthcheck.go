package main

import (
	"net/http"

	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/listen"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/config"
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
				url = "http://" + listen.Local(cfg.OpsAddr) + "/healthz"
			}
			r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, url, nil)
			if err != nil {
				return terminal.Usagef("%w", err)
			}
			return listen.AskWell(r)
		},
	}
}
