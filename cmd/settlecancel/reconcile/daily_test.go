package reconcile

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"settlecancel/tasks/ledger"
)

// days runs RunDaily from a time on, on a clock that waiting moves, for so many waits. It answers
// the waits.
func (b *bench) days(from time.Time, waits int) []string {
	b.Helper()
	b.clock.Set(from)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var waited []string
	b.rec.opts.Wait = func(ctx context.Context, d time.Duration) error {
		if len(waited) == waits {
			cancel()
			return context.Cause(ctx)
		}
		waited = append(waited, d.String())
		b.clock.Advance(d)
		return ctx.Err()
	}
	if err := b.rec.RunDaily(ctx); err != nil {
		b.Fatal(err)
	}
	return waited
}

func atSix(o *Options) { o.DailyAt = 6 * time.Hour }

// dates are those whose lists were asked for, in their order.
func (b *bench) dates() string {
	var dates []string
	for _, asked := range b.lists.asked {
		if date := asked[len(asked)-8:]; len(dates) == 0 || dates[len(dates)-1] != date {
			dates = append(dates, date)
		}
	}
	return strings.Join(dates, " ")
}

func TestRunDaily(t *testing.T) {
	t.Parallel()
	b := newBench(t, atSix)
	b.send(refund("r1", "P1"), on("2 12:00:00"), done("C1"))
	b.send(refund("r2", "P2"), on("2 12:00:00"), ends(ledger.Review))
	b.lists.put(day, listed("C1", "P1", 500, on("2 12:00:00")), listed("C2", "P2", 500, on("2 12:00:00")), listed("C3", "P3", 500, on("2 12:00:00")))
	waited := b.days(on("3 05:00:00"), 3)
	b.want(waited, "1h0m0s", "30m0s", "0s")
	if got := b.dates(); got != "20240102 20240101 20240103 20240102" { // the second merchant's are the last
		t.Errorf("lists of %s were read", got)
	}
	if r := b.record("r2"); r.Status != ledger.Cancelled {
		t.Errorf("it is %s", r.Status)
	}
	for _, want := range []string{
		`level=WARN msg="daily reconciliation" date=20240102 agrees=false failures=0 agreed=1 settled=1 already_cancelled=0 not_with_us=1`,
		`level=WARN msg="reconciliation differs" key="" mcht_id=nxca_jt_bi org_trd_no=P3 status="" category=not_with_us trd_no=C3`,
		`level=INFO msg="settled by the day's list" key=r2`,
	} {
		if strings.Count(b.log.String(), want) != 1 {
			t.Errorf("the log lacks %q:\n%s", want, b.log)
		}
	}
	if v, err := b.rdb.Get(t.Context(), "settlecancel:reconcile:20240102").Result(); err != nil || v != "done" {
		t.Errorf("remembered as %q, %v", v, err)
	}
}

// TestRunDailyNextDay: what was done is done; the next day follows at its time.
func TestRunDailyNextDay(t *testing.T) {
	t.Parallel()
	b := newBench(t, atSix)
	b.days(on("3 06:00:00"), 2*48)
	if got := b.dates(); got != "20240102 20240103" {
		t.Errorf("lists of %s were read", got)
	}
	if strings.Contains(b.log.String(), "WARN") || strings.Count(b.log.String(), "agrees=true") != 2 {
		t.Errorf("log:\n%s", b.log)
	}
}

// TestRunDailyOne: of several workers one compares.
func TestRunDailyOne(t *testing.T) {
	t.Parallel()
	b := newBench(t, atSix)
	b.clock.Set(on("3 06:00:00"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := b.rec.daily(t.Context(), day); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if want := 2 * len(listNames()); len(b.lists.asked) != want {
		t.Errorf("%d lists were asked for, want %d", len(b.lists.asked), want)
	}
}

// TestRunDailyFails: what failed is tried again after a while, a few times; who dies leaves it to
// others.
func TestRunDailyFails(t *testing.T) {
	t.Parallel()
	key := dailyKey(day)
	b := newBench(t, atSix)
	b.clock.Set(on("3 06:00:00"))
	b.lists.text[shop+" CA "+day] = "ST92|hash|0|\n"
	for try := 1; try <= dailyTries; try++ {
		if err := b.rec.daily(t.Context(), day); err != nil {
			t.Fatal(err)
		}
		value, life := b.rdb.Get(t.Context(), key).Val(), b.rdb.PTTL(t.Context(), key).Val()
		wantValue, wantLife := "failed", dailyAgain
		if try == dailyTries {
			wantValue, wantLife = "done", dailyKept
		}
		if value != wantValue || life > wantLife || life < wantLife-time.Minute {
			t.Errorf("after try %d it is %q for %s", try, value, life)
		}
		if asked := len(b.lists.asked); asked != try*2*len(listNames()) {
			t.Errorf("after try %d, %d lists were asked for", try, asked)
		}
		if err := b.rec.daily(t.Context(), day); err != nil || len(b.lists.asked) != try*2*len(listNames()) {
			t.Errorf("at once it was tried again: %v", err)
		}
		b.rdb.Del(t.Context(), key) // as it would expire
	}
	if n := strings.Count(b.log.String(), "reconciliation could not look at everything"); n != dailyTries {
		t.Errorf("it was told %d times:\n%s", n, b.log)
	}
}

func TestRunDailyShutDown(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, atSix, func(o *Options) {
		o.Wait = func(ctx context.Context, _ time.Duration) error { cancel(); return context.Cause(ctx) }
	})
	b.clock.Set(on("3 06:00:00"))
	b.lists.text[shop+" CA "+day] = "ST10|system|0|\n"
	if err := b.rec.daily(ctx, day); err == nil {
		t.Error("no error")
	}
	if value, life := b.rdb.Get(t.Context(), dailyKey(day)).Val(), b.rdb.PTTL(t.Context(), dailyKey(day)).Val(); value != "shut down" || life > time.Second {
		t.Errorf("it is %q for %s", value, life)
	}
}

func TestRunDailyErr(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*Options){
		"no Redis": func(o *Options) { o.Redis = nil }, "negative": func(o *Options) { o.DailyAt = -1 }, "a day": func(o *Options) { o.DailyAt = 24 * time.Hour },
	} {
		if err := newBench(t, edit).rec.RunDaily(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// A Redis that is away is told, and tried again.
	b := newBench(t, atSix)
	_ = b.rdb.Close()
	b.days(on("3 06:00:00"), 2)
	if !strings.Contains(b.log.String(), "daily reconciliation failed") {
		t.Errorf("log:\n%s", b.log)
	}
}

// TestLogBounded: of very many differences the log tells some; the command tells all.
func TestLogBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, atSix)
	var lines []string
	for i := range dailyRows + 100 {
		lines = append(lines, listed(fmt.Sprint("C", i), fmt.Sprint("P", i), 500, on("2 12:00:00")))
	}
	b.lists.put(day, lines...)
	b.clock.Set(on("3 06:00:00"))
	if err := b.rec.daily(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.log.String(), "reconciliation differs"); n != dailyRows {
		t.Errorf("%d rows were logged", n)
	}
	if !strings.Contains(b.log.String(), fmt.Sprint("not_with_us=", dailyRows+100)) {
		t.Error("the counts are not those of all")
	}
}
