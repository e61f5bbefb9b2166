package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

func TestWindows(t *testing.T) {
	t.Parallel()
	night := Window{Methods: []string{"VA"}, From: 23*time.Hour + 30*time.Minute, To: 35 * time.Minute}
	sunday := Window{Days: []time.Weekday{time.Sunday}, From: 2 * time.Hour, To: 4 * time.Hour}
	late := Window{Days: []time.Weekday{time.Saturday}, From: 23 * time.Hour, To: 2 * time.Hour}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, settlebank.KST)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		windows []Window
		method  string
		now     string
		until   string // "" is open
	}{
		"before":                          {[]Window{night}, "VA", "2026-01-05 23:29", ""},
		"at its begin":                    {[]Window{night}, "VA", "2026-01-05 23:30", "2026-01-06 00:35"},
		"past midnight":                   {[]Window{night}, "VA", "2026-01-06 00:34", "2026-01-06 00:35"},
		"at its end":                      {[]Window{night}, "VA", "2026-01-06 00:35", ""},
		"another method":                  {[]Window{night}, "CA", "2026-01-06 00:00", ""},
		"its day":                         {[]Window{sunday}, "CA", "2026-01-04 03:00", "2026-01-04 04:00"},
		"another day":                     {[]Window{sunday}, "CA", "2026-01-05 03:00", ""},
		"begun yesterday, on its day":     {[]Window{late}, "", "2026-01-04 01:00", "2026-01-04 02:00"},
		"begun yesterday, on a wrong day": {[]Window{late}, "", "2026-01-05 01:00", ""},
		"the last of two":                 {[]Window{sunday, late}, "CA", "2026-01-04 02:00", "2026-01-04 04:00"},
		"none":                            {nil, "CA", "2026-01-04 02:00", ""},
	} {
		until, why := Closed(c.windows)(gateway.CancelRequest{Method: c.method}, at(c.now).UTC())
		if c.until == "" && (!until.IsZero() || why != "") || c.until != "" && (!until.Equal(at(c.until)) || why == "") {
			t.Errorf("%s: until %v (%s), want %q", name, until, why, c.until)
		}
	}
}

func TestClosedWaitsWithoutCost(t *testing.T) {
	t.Parallel()
	open := time.Time{}
	b := newBench(t, setup{options: Options{Closed: func(gateway.CancelRequest, time.Time) (time.Time, string) { return open, "the bank sleeps" }}})
	open = b.clock.Now().Add(time.Hour)
	x := b.pay(1000, 500)
	b.accept(x)
	var p *postponed
	if err := b.run(b.worker, x); !errors.As(err, &p) || p.after != time.Hour || !strings.Contains(p.reason, "the bank sleeps") {
		t.Errorf("%v", err)
	}
	b.check(x, ledger.Queued, 0, 0, 0)
	b.drive(x)
	b.check(x, ledger.Cancelled, 1, 0, 1)
	if r := b.record(x); r.Spent != 0 || len(r.Attempts) != 1 {
		t.Errorf("waiting cost %d and %d attempts", r.Spent, len(r.Attempts))
	}
}

func TestPauseHoldsEveryWorker(t *testing.T) {
	t.Parallel()
	for _, whom := range []string{"nxca_jt_bi", pause.AllMerchants} {
		t.Run(whom, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, setup{redis: ownRedis(t)})
			x := b.pay(1000, 500)
			b.accept(x)
			ctx := context.Background()
			if err := pause.Begin(ctx, b.rdb, pause.Pause{MchtID: whom, Who: "kim", Note: "card company is down"}); err != nil {
				t.Fatal(err)
			}
			for _, w := range []*Worker{b.worker, b.newWorker(setup{})} {
				look(t, w)
				var p *postponed
				if err := b.run(w, x); !errors.As(err, &p) || p.after > 2*time.Second || !strings.Contains(p.reason, "kim") {
					t.Errorf("paused: %v", err)
				}
			}
			b.check(x, ledger.Queued, 0, 0, 0)
			if was, err := pause.End(ctx, b.rdb, whom); err != nil || !was {
				t.Errorf("resumed: %v, %v", was, err)
			}
			look(t, b.worker)
			b.drive(x)
			b.check(x, ledger.Cancelled, 1, 0, 1)
		})
	}
}

// A pause that begins when a task has passed the gate still stops its request, or its inquiry.
func TestPauseAtTheLastMoment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rate int
	}{{"before the request", 0}, {"before the request", 1000}, {"before the inquiry", 0}, {"before the inquiry", 1000}} {
		t.Run(fmt.Sprintf("%s, rate %d", c.name, c.rate), func(t *testing.T) {
			t.Parallel()
			inquiries := strings.Count(c.name, "inquiry")
			var b *bench
			last := false // of the moments at which a pause may begin
			b = newBench(t, setup{options: Options{Rate: c.rate, Closed: func(gateway.CancelRequest, time.Time) (time.Time, string) {
				if last {
					b.worker.gate.paused.Store(&map[string]pause.Pause{b.mchtID: {Who: "kim"}})
				}
				return time.Time{}, ""
			}}})
			x := b.pay(1000, 500)
			b.accept(x)
			if inquiries > 0 {
				b.script(simulator.PathCancel, x, simulator.Fault{Kind: simulator.KindDrop, Apply: simulator.ApplyYes})
				if err := b.run(b.worker, x); err == nil {
					t.Fatal("nothing is left to verify")
				}
				b.clock.Advance(time.Hour)
			}
			before := b.record(x).Status
			last = true
			var p *postponed
			if err := b.run(b.worker, x); !errors.As(err, &p) || !strings.Contains(p.reason, "stopped "+c.name+": paused by kim") {
				t.Errorf("paused: %v", err)
			}
			b.check(x, before, inquiries, 0, inquiries)
			last = false
			b.worker.gate.paused.Store(nil)
			if err := b.run(b.worker, x); err != nil {
				t.Errorf("resumed: %v; the pause kept the transaction", err)
			}
			b.check(x, ledger.Cancelled, 1, inquiries, 1)
			if r := b.record(x); r.Spent != 0 {
				t.Errorf("the pause cost %d", r.Spent)
			}
		})
	}
}

// look makes a worker's gate look once at what is paused.
func look(t *testing.T, w *Worker) {
	t.Helper()
	paused, err := pause.All(context.Background(), w.opts.Redis)
	if err != nil {
		t.Fatal(err)
	}
	w.gate.paused.Store(&paused)
}

// Two workers together never take slots faster than the rate.
func TestRateOverTwoWorkers(t *testing.T) {
	t.Parallel()
	const rate, slots = 200, 60
	start := time.Now()
	var all sync.WaitGroup
	for range 2 {
		p := &pacers{rate: rate, limiter: redis_rate.NewLimiter(shared.Server(t).Client(t))}
		for range slots / 2 {
			all.Go(func() {
				if err := p.waitForSlot(context.Background(), "rate-test"); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if took, least := time.Since(start), time.Second*(slots-2)/rate; took < least {
		t.Errorf("%d slots at %d a second were given within %v, want %v at least", slots, rate, took, least)
	}
}

// An easy payment is asked after under one provider's name after the other: each of these messages
// waits for its turn, too.
func TestRateOfProviders(t *testing.T) {
	t.Parallel()
	const rate = 20
	b := newBench(t, setup{options: Options{Rate: rate}, protocol: gateway.Protocol0A19})
	b.unseeded = true
	if err := b.sim.SetConduct(simulator.Conduct{Temper: simulator.TemperReal}); err != nil {
		t.Fatal(err)
	}
	x := b.pay(1000, 300)
	x.Method, x.OrgTrdNo, x.OrgMchtTrdNo = settlebank.EasyPay, x.OrgTrdNo+"z", x.OrgMchtTrdNo+"z"
	if err := b.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Amount: 1000, Method: x.Method, Provider: "WL"}); err != nil {
		t.Fatal(err)
	}
	b.accept(x)
	start := time.Now()
	b.drive(x)
	took := time.Since(start)
	cancels, inquiries := b.requests(x)
	if want := len(settlebank.InquiryMethods(settlebank.EasyPay)); cancels != 1 || inquiries != want {
		t.Errorf("%d requests and %d inquiries, want 1 and %d", cancels, inquiries, want)
	}
	if least := time.Second * time.Duration(cancels+inquiries-1) / rate; took < least*9/10 {
		t.Errorf("%d messages at %d a second took %v, want %v at least", cancels+inquiries, rate, took, least)
	}
}

func TestCrowd(t *testing.T) {
	t.Parallel()
	p := &pacers{rate: 10}
	p.of("m").waiting.Store(9)
	if d := p.queueDelay("m"); d != 0 {
		t.Errorf("nine wait at ten a second: step back for %v", d)
	}
	p.of("m").waiting.Store(25)
	if d := p.queueDelay("m"); d != 2500*time.Millisecond {
		t.Errorf("25 wait at ten a second: step back for %v", d)
	}
	if d := (&pacers{}).queueDelay("m"); d != 0 {
		t.Errorf("without a limit: step back for %v", d)
	}
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("taken back"))
	slow := &pacers{rate: 1, limiter: redis_rate.NewLimiter(shared.Client(t))}
	if err := slow.waitForSlot(ended, "crowd-test"); err == nil {
		t.Error("a task that was taken back got a slot")
	}
}
