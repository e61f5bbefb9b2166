package dashboard

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// worker lets asynq beat its heart, as in a worker, until the test ends or it is told to stop.
func (b *fixture) worker(queues map[string]int) (stop func()) {
	b.Helper()
	server := asynq.NewServerFromRedisClient(b.rdb, asynq.Config{Queues: queues, Concurrency: 1, LogLevel: asynq.FatalLevel})
	if err := server.Start(asynq.NewServeMux()); err != nil {
		b.Fatal(err)
	}
	b.rdb.Set(b.Context(), sweeperKey, "me", 0)
	stopped := false
	stop = func() {
		if !stopped {
			server.Shutdown()
		}
		stopped = true
	}
	b.Cleanup(stop)
	me := fmt.Sprintf("%s:%d", hostname(b), os.Getpid())
	for !slices.Contains(b.board.standAfresh(b.Context()).workers, me) {
		if err := b.Context().Err(); err != nil {
			b.Fatal(err)
		}
	}
	return stop
}

func hostname(t testing.TB) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// beat publishes a pulse, with what the worker is told.
func (b *fixture) beat(tell func(*pulse.Publisher)) {
	b.Helper()
	p, err := pulse.New(pulse.Options{Redis: b.rdb})
	if err != nil {
		b.Fatal(err)
	}
	tell(p)
	if err := p.Publish(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// standing is what every page says before anything else.
func (a answer) standing() string {
	_, now, _ := strings.Cut(a.text, `<section class="now"`)
	now, _, _ = strings.Cut(now, "</section>")
	return spaces.ReplaceAllString(tags.ReplaceAllString(now, " "), " ")
}

// Green is shown only where all of it is known to be well.
func TestStanding(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	says := func(when string, good bool, words ...string) {
		t.Helper()
		for _, path := range []string{root, cancellations + "list", cancellations + "search?q=nobody", cancellations + "show?key=nobody"} {
			page := b.see(path)
			said := page.standing()
			for _, w := range words {
				if !strings.Contains(said, w) {
					t.Errorf("%s: %s does not say %q: %s", when, path, w, said)
				}
			}
			if shown := strings.Contains(page.text, `<li class="good">`); shown != good {
				t.Errorf("%s: %s: all is well: %v", when, path, shown)
			}
		}
	}
	says("a fresh installation", false, "No worker is running.")
	b.beat(func(*pulse.Publisher) {})
	stop := b.worker(tasks.Queues())
	says("one worker", true, "All is well. Workers: 1.")
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{At: time.Now(), MchtID: "nxca_jt_bi", Who: "kim", Note: "card company is down"}); err != nil {
		t.Fatal(err)
	}
	says("a pause", false, "nxca_jt_bi: paused by kim since "+clock(time.Now())[:10], "(just now): card company is down")
	if _, err := pause.End(t.Context(), b.rdb, "nxca_jt_bi"); err != nil {
		t.Fatal(err)
	}
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{At: time.Now(), MchtID: pause.AllMerchants, Who: "lee"}); err != nil {
		t.Fatal(err)
	}
	says("a pause of all", false, "EVERY MERCHANT: paused by lee")
	if _, err := pause.End(t.Context(), b.rdb, pause.AllMerchants); err != nil {
		t.Fatal(err)
	}
	b.beat(func(p *pulse.Publisher) {
		p.Attempt(t.Context(), ledger.Record{MchtID: "nx_mid_il"}, "CA", ledger.Attempt{Class: "misconfigured", Code: "ST10", Message: "해시 오류"})
		p.Breaker("nx_mid_il", "open")
	})
	says("a merchant is held", false, "nx_mid_il: held since", "Last answer: ST10 해시 오류")
	b.rdb.Del(t.Context(), "settlecancel:pulse")
	says("no pulse", false, "Not known: whether a worker holds a merchant back.")
	b.beat(func(*pulse.Publisher) {})
	says("well again", true)
	b.put(sample("waits"), ledger.Queued)
	stop()
	says("the worker is gone", false, "NO WORKER IS RUNNING. Cancellations that wait: 1.")
}

func TestStandingQueues(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.beat(func(*pulse.Publisher) {})
	b.worker(map[string]int{tasks.QueueDefault: 1})
	said := b.see(root).standing()
	for _, want := range []string{"No worker takes cancellations from queue bulk.", "No worker takes cancellations from queue urgent."} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
}

// What is late is told by the measure of the shipped alarms.
func TestStandingAlarms(t *testing.T) {
	t.Parallel()
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, settlebank.KST)
	p := &page{Lang: english, text: all.of(english), now: now}
	well := func() standing {
		return standing{workersKnown: true, workers: []string{"a:1"}, started: now.Add(-time.Hour), sweeper: true, pulsesKnown: true,
			served: map[string]bool{"default": true, "bulk": true, "urgent": true}, pulses: make([]pulse.Pulse, 1), pausesKnown: true, queuesKnown: true, alarmsKnow: true}
	}
	for name, c := range map[string]struct {
		change func(*standing)
		want   string
	}{
		"well":           {func(*standing) {}, "All is well"},
		"overdue":        {func(s *standing) { s.oldestDue = now.Add(-time.Hour) }, "Cancellations are overdue, the oldest by 60 min"},
		"due just now":   {func(s *standing) { s.oldestDue = now.Add(-time.Minute) }, "All is well"},
		"untold":         {func(s *standing) { s.backlog = ledger.Backlog{Waiting: 1200, Oldest: now.Add(-time.Hour)} }, "Events that wait: 1,200"},
		"told soon":      {func(s *standing) { s.backlog = ledger.Backlog{Waiting: 12, Oldest: now.Add(-time.Second)} }, "All is well"},
		"damaged":        {func(s *standing) { s.backlog.Damaged = 2 }, "told to nobody: 2"},
		"forgotten":      {func(s *standing) { s.epochs = ledger.Epochs{Raised: 1, Since: now.Add(-time.Hour), Forgotten: 3} }, "REDIS HAS FORGOTTEN confirmed writes, last at 2026-03-02 09:00:00 (at least 3)"},
		"long forgotten": {func(s *standing) { s.epochs = ledger.Epochs{Raised: 1, Since: now.AddDate(0, 0, -9)} }, "All is well"},
		"old":            {func(s *standing) { s.oldestDead = now.AddDate(0, 0, -5) }, "waiting for a person for 5 days"},
		"no sweeper":     {func(s *standing) { s.sweeper = false }, "No worker sweeps"},
		"just started":   {func(s *standing) { s.sweeper, s.started = false, now }, "All is well"},
		"alarms":         {func(s *standing) { s.alarmsKnow = false }, "Not known: whether anything is late."},
		"pauses":         {func(s *standing) { s.pausesKnown = false }, "Not known: which merchants are paused."},
		"workers":        {func(s *standing) { s.workersKnown = false }, "Not known: whether a worker is running."},
		"queues":         {func(s *standing) { s.queuesKnown = false }, "Not known: whether a queue is paused."},
		"nobody, idle":   {func(s *standing) { s.workers, s.pulses = nil, nil }, "No worker is running. Nothing waits"},
		"nobody, works":  {func(s *standing) { s.workers, s.pulses, s.open = nil, nil, 7 }, "NO WORKER IS RUNNING. Cancellations that wait: 7."},
		"Redis":          {func(s *standing) { s.redisAway = true }, "Redis does not answer."},
	} {
		s := well()
		c.change(&s)
		facts := p.facts(s)
		if len(facts) != 1 || !strings.Contains(facts[0].Text, c.want) || (facts[0].Tone == "good") != strings.HasPrefix(c.want, "All is well") {
			t.Errorf("%s: %+v, want %q alone", name, facts, c.want)
		}
	}
}
