package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/listen"
	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/cmd/settlecancel/story"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/config"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/worker"
)

func (a app) devCommand() *cobra.Command {
	once := false
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run everything in one process: Redis, SettleBank simulator, worker, dashboard, and a few cancellations to watch",
		Args:  terminal.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.runDev(c.Context(), once) },
	}
	c.Flags().BoolVar(&once, "once", false, "end after the story; exit 0 only if every cancellation ended as it should")
	return c
}

// devSettings make the story quick; whoever sets them otherwise is heard.
var devSettings = map[string]string{
	"RETRY_INITIAL": "500ms", "RETRY_CAP": "10s", "SETTLEBANK_VERIFY_AFTER": "2s", "SETTLEBANK_TIMEOUT": "3s",
	"SETTLEBANK_CONNECT_TIMEOUT": "1s", "LOG_LEVEL": "error",
}

func (a app) runDev(ctx context.Context, once bool) error {
	environ := a.environ
	for name, value := range devSettings {
		environ = append([]string{name + "=" + value}, environ...)
	}
	cfg, err := config.Load(environ)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d, err := a.openDev(cfg)
	if err != nil {
		return err
	}
	defer d.close()

	fmt.Fprintf(a.Out, "settlecancel dev: nothing here is real, and all of it is gone when it ends.\n\n")
	fmt.Fprintf(a.Out, "  dashboard   %s/dashboard/\n  API         %s/docs\n  SettleBank  %s/_sim/ (simulator)\n  Redis       %s\n\n", d.web.URL(), d.web.URL(), d.gateway.URL(), d.redis.Addr())
	parts := []func(context.Context) error{d.passTime, d.gateway.Serve, d.web.Serve, d.worker.Run, d.pulse.Run}
	parts = append(parts, func(ctx context.Context) error {
		err := story.Teller{Out: a.Out, Client: d.client, Sim: d.sim, MchtID: d.mchtID}.Tell(ctx)
		if once || err != nil {
			stop()
		} else {
			fmt.Fprintf(a.Out, "\nStill running; Ctrl-C ends it. Try, in another terminal:\n\n  %s\n  %s\n  SETTLEBANK_BASE_URL=%s %s\n\n",
				d.try("status story-full"), d.try("deadletter ls"), d.gateway.URL(), d.try("doctor"))
		}
		return err
	})
	return together(ctx, parts...)
}

// dev is a whole installation in one process.
type dev struct {
	*installation
	redis   *miniredis.Miniredis
	sim     *simulator.Simulator
	gateway *listen.Listener
	web     *listen.Listener
	worker  *worker.Worker
	pulse   *pulse.Publisher
	mchtID  string
}

func (a app) openDev(cfg config.Config) (_ *dev, err error) {
	d := &dev{redis: miniredis.NewMiniRedis(), mchtID: cfg.Merchants[0].ID}
	if err := a.startRedis(d.redis, cfg); err != nil {
		return nil, fmt.Errorf("embedded Redis: %w", err)
	}
	d.installation = &installation{cfg: cfg, log: a.logger(cfg), rdb: redis.NewClient(&redis.Options{Addr: d.redis.Addr()})}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	o := simulator.Options{Temper: simulator.TemperReal, Latency: 150 * time.Millisecond, AutoAmount: 1000}
	if d.sim, err = newSimulator(cfg, o); err != nil {
		return nil, err
	}
	if d.gateway, err = listen.On("127.0.0.1:0", d.sim); err != nil {
		return nil, err
	}
	d.cfg.BaseURL, d.cfg.CollationURL = d.gateway.URL(), d.gateway.URL()
	d.client = d.newClient()
	web, err := newWeb(d.installation)
	if err != nil {
		return nil, err
	}
	if d.web, err = a.listenDev(cfg, web); err != nil {
		return nil, err
	}
	gw, err := newGateway(d.cfg)
	if err != nil {
		return nil, err
	}
	if d.pulse, err = pulse.New(pulse.Options{Redis: d.rdb, Logger: d.log}); err != nil {
		return nil, err
	}
	d.worker, err = newWorker(d.installation, gw, d.pulse)
	return d, err
}

// startRedis has the embedded Redis listen where REDIS_URL has it, so that the other commands find
// it as they stand. Where something listens there already, or that is elsewhere, it takes another
// port.
func (a app) startRedis(r *miniredis.Miniredis, cfg config.Config) error {
	o := cfg.RedisOptions()
	here := len(o.Addrs) == 1 && settlebank.Loopback(o.Addrs[0])
	if here && o.MasterName == "" && !o.IsClusterMode && o.TLSConfig == nil && o.Password == "" {
		failed := r.StartAddr(o.Addrs[0])
		if failed == nil {
			return nil
		}
		fmt.Fprintf(a.Out, "cannot listen on %s (REDIS_URL): %s; the embedded Redis is at another port.\n\n", o.Addrs[0], terminal.Clean(failed.Error()))
	}
	return r.Start()
}

// listenDev takes another port where the usual one is taken: dev is for looking around.
func (a app) listenDev(cfg config.Config, h http.Handler) (*listen.Listener, error) {
	l, failed := listen.On(cfg.HTTPAddr, h)
	if failed == nil {
		return l, nil
	}
	l, err := listen.On("127.0.0.1:0", h)
	if err == nil {
		fmt.Fprintf(a.Out, "%s (HTTP_ADDR); the dashboard is at another port.\n\n", terminal.CleanLines(failed.Error()))
	}
	return l, err
}

func (d *dev) close() {
	_ = d.rdb.Close()
	d.redis.Close()
}

// passTime moves the embedded Redis's clock, which stands still otherwise: keys would never expire.
func (d *dev) passTime(ctx context.Context) error {
	const step = time.Second
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			d.redis.FastForward(step)
		}
	}
}

// try is how to call this program against the embedded Redis.
func (d *dev) try(command string) string {
	self := os.Args[0]
	if strings.HasPrefix(self, os.TempDir()) { // where go run builds
		self = "go run ./cmd/settlecancel"
	}
	command = self + " " + command
	if o := d.cfg.RedisOptions(); slices.Equal(o.Addrs, []string{d.redis.Addr()}) && o.DB == 0 {
		return command // finds it without being told
	}
	return "REDIS_URL=redis://" + d.redis.Addr() + " " + command
}
