package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/config"
	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Where the windows of the settings and the banks' own both hold a request, the later end counts.
func TestClosed(t *testing.T) {
	t.Parallel()
	at := func(clock string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", "2026-01-05 "+clock, settlebank.KST) // a Monday
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const banks, ours = "banks", "maintenance window"
	for name, tt := range map[string]struct {
		windows, mchtID, method string
		now                     string
		until                   time.Time // zero is open
		why                     string
	}{
		"open":                       {"", "std", "VA", "12:00", time.Time{}, ""},
		"the banks' alone":           {"", "std", "VA", "00:10", at("00:35"), banks},
		"a window alone":             {"VA Mon 12:00-13:00", "std", "VA", "12:30", at("13:00"), ours},
		"a window of another method": {"CA 12:00-13:00", "std", "VA", "12:30", time.Time{}, ""},
		"a window of another day":    {"Tue-Sun 12:00-13:00", "std", "VA", "12:30", time.Time{}, ""},
		"the window ends later":      {"00:00-01:00", "std", "VA", "00:10", at("01:00"), ours},
		"the banks end later":        {"00:00-00:20", "std", "VA", "00:10", at("00:35"), banks},
		"begun the day before":       {"Sun 23:50-00:20", "flat", "VA", "00:10", at("00:20"), ours},
		"the last of several":        {"00:00-00:15; VA,RA 00:05-00:25; 12:00-13:00", "flat", "RA", "00:10", at("00:25"), ours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Load([]string{"MAINTENANCE_WINDOWS=" + tt.windows})
			if err != nil {
				t.Fatal(err)
			}
			hold := closed(cfg.MaintenanceWindows, map[string]gateway.Protocol{"std": gateway.Protocol0A19, "flat": gateway.Flat})
			r := gateway.CancelRequest{MchtID: tt.mchtID, Method: tt.method, OrgTrdDt: "20260104", Operation: "refund"}
			until, why := hold(r, at(tt.now).UTC())
			if !until.Equal(tt.until) || !strings.Contains(why, tt.why) || (why == "") != (tt.why == "") {
				t.Errorf("waits until %v (%s), want %v (%s)", until, why, tt.until, tt.why)
			}
		})
	}
}

// A Redis that does not answer is waited for, but not for long, and whoever gives up hears that he
// did.
func TestDial(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	hangsUp := httptest.NewUnstartedServer(nil)
	hangsUp.Config.ErrorLog = log.New(io.Discard, "", 0)
	hangsUp.Start()
	t.Cleanup(hangsUp.Close)
	ended, end := context.WithCancel(t.Context())
	end()
	const short, long = 50 * time.Millisecond, time.Minute
	addr, nowhere := l.Addr().String(), freeAddr(t)
	for name, tt := range map[string]struct {
		url   string
		ctx   context.Context
		limit time.Duration
		say   []string
		not   string
	}{
		"ErrSilent":      {"redis://" + addr, t.Context(), short, []string{"no Redis at redis://" + addr, "within 50ms (REDIS_URL); is it up", "reach it?"}, "TLS"},
		"ErrTLS":         {"rediss://" + addr, t.Context(), short, []string{"within 50ms (REDIS_URL)", "does the port speak TLS?"}, "deadline"},
		"ErrTLSCluster":  {"redis-cluster://" + addr + "?tls=true", t.Context(), short, []string{"within 50ms", "does the port speak TLS?"}, "deadline"},
		"ErrNoTLS":       {"rediss://" + hangsUp.Listener.Addr().String(), t.Context(), long, []string{"(REDIS_URL): ", "; does the port speak TLS?"}, "within"},
		"ErrSentinels":   {"redis-sentinel://" + addr + "/0?master=m", t.Context(), short, []string{"no Redis at redis-sentinel://", "within 50ms"}, "TLS"},
		"ErrInterrupted": {"redis://" + addr, ended, long, []string{"interrupted before Redis at redis://" + addr + "/0 had answered"}, "no Redis"},
		"ErrRefused":     {"rediss://" + nowhere, t.Context(), long, []string{"no Redis at", "(REDIS_URL): ", "refused"}, "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Load([]string{"REDIS_URL=" + tt.url})
			if err != nil {
				t.Fatal(err)
			}
			_, err = dialWithin(tt.ctx, cfg.RedisOptions(), cfg.RedisAddress(), tt.limit)
			if err == nil || strings.Contains(err.Error(), tt.not) {
				t.Fatalf("error %v", err)
			}
			for _, say := range tt.say {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q lacks %q", err, say)
				}
			}
		})
	}
}

// Every method that a cancellation may name may have a window, so that the settings and the
// producers' contract do not drift apart.
func TestWindowMethods(t *testing.T) {
	t.Parallel()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			method := string([]rune{a, b})
			x := (&plant{}).pageExample("key", 500)
			x.Method = method
			_, loadErr := config.Load([]string{"MAINTENANCE_WINDOWS=" + method + " 01:00-02:00"})
			if window, named := loadErr == nil, x.Validate(time.Now()) == nil; window != named {
				t.Errorf("%s: for windows %t, for cancellations %t", method, window, named)
			}
		}
	}
}

// A worker lets what its settings name wait, and carries out what they do not.
func TestMaintenanceWindow(t *testing.T) {
	t.Parallel()
	now := time.Now().In(settlebank.KST)
	window := "VA " + now.Add(-time.Hour).Format("15:04") + "-" + now.Add(time.Hour).Format("15:04")
	p := newPlant(t, simulator.Options{AutoAmount: 1000}, "MAINTENANCE_WINDOWS="+window)
	held := p.pageExample("held", 500)
	held.Method, held.OrgTrdNo = "VA", "STFP_PGVAnx_mid_il0211129135810M1494620"
	p.enqueue(held)
	p.start("worker")
	inspector := asynq.NewInspectorFromRedisClient(p.redis.Client(t))
	p.until("it waits", time.Minute, func() bool {
		task, err := inspector.GetTaskInfo(tasks.QueueDefault, "held")
		return err == nil && task.State == asynq.TaskStateRetry && strings.Contains(task.LastErr, "maintenance window") &&
			time.Until(task.NextProcessAt) > 30*time.Minute
	})
	p.enqueue(p.pageExample("card", 500))
	p.until("the card's is cancelled", time.Minute, func() bool { return p.record("card").Status == ledger.Cancelled })
	if r := p.record("held"); r.Status != ledger.Queued || len(r.Attempts) != 0 || len(p.sim.Effects()) != 1 {
		t.Errorf("%s after %d attempts, %d effects", r.Status, len(r.Attempts), len(p.sim.Effects()))
	}
}
