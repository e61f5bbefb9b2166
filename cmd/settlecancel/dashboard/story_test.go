package dashboard

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// An open cancellation for which nothing is done says so, and why.
func TestStoryStopped(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("queued"), ledger.Queued)
	b.put(sample("dead"), ledger.Rejected)
	story := cancellations + "show?key=refund-queued"
	at := time.Now().Add(-time.Hour)
	begin := func(mchtID, note string) {
		t.Helper()
		if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: mchtID, Who: "kim", Note: note, At: at}); err != nil {
			t.Fatal(err)
		}
	}
	b.want(b.see(story), "No worker is running.", "Nothing is done for it as long as that is so.")
	b.worker(tasks.Queues())
	b.want(b.see(story), "nothing needs to be done")
	begin("another", "")
	b.want(b.see(story), "nothing needs to be done")
	begin("nxca_jt_bi", "card company is down")
	b.want(b.see(story), "nxca_jt_bi: paused by kim since "+clock(at)+" (60 min ago): card company is down It is accepted. Nothing is done")
	b.want(b.see(story+"&lang=ko"), "nxca_jt_bi: kim 님이 "+clock(at)+"부터 일시 중지 (60분 전). 사유: card company is down 접수되었지만")
	b.want(b.see(cancellations+"show?key=refund-dead"), "just now SettleBank refused it for good.")
	if _, err := pause.End(t.Context(), b.rdb, "nxca_jt_bi"); err != nil {
		t.Fatal(err)
	}
	begin(pause.AllMerchants, "")
	b.want(b.see(story), "EVERY MERCHANT: paused by kim since "+clock(at)+" (60 min ago). It is accepted.")
	if _, err := pause.End(t.Context(), b.rdb, pause.AllMerchants); err != nil {
		t.Fatal(err)
	}
	if err := b.inspector.PauseQueue(tasks.QueueDefault); err != nil {
		t.Fatal(err)
	}
	b.want(b.see(story), "Queue default is paused in asynqmon: nothing is taken from it. It is accepted.")
}

func TestStops(t *testing.T) {
	t.Parallel()
	texts, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	p := &page{Lang: english, text: texts.of(english), now: time.Now()}
	held := pulse.Held{MchtID: "shop", Since: time.Now(), Code: "9999", Message: "hash"}
	s := standing{workersKnown: true, workers: []string{"me"}, pulses: []pulse.Pulse{{}, {Held: []pulse.Held{held}}, {Held: []pulse.Held{held}}}}
	want := []string{"shop: held since " + clock(held.Since) + ", because its requests fail one like the other. Last answer: 9999 hash"}
	if got := p.stops(s, ledger.Record{MchtID: "shop"}); !slices.Equal(got, want) {
		t.Errorf("held: %q", got)
	}
	if got := p.stops(s, ledger.Record{MchtID: "other"}); got != nil {
		t.Errorf("another merchant: %q", got)
	}
	if got := p.stops(standing{}, ledger.Record{MchtID: "shop"}); got != nil {
		t.Errorf("where nothing is known: %q", got)
	}
}

// What SettleBank sent is in the story, folded, as text whatever is in it.
func TestStoryRaw(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("review"), ledger.Review)
	page := b.see(cancellations + "show?key=refund-review")
	if n := strings.Count(page.text, "<details class=\"raw\">"); n != 1 {
		t.Errorf("%d raw answers, want that of the inquiry", n)
	}
	b.want(page, "Raw answer (masked) {&#34;params&#34;:{", "&#34;pktHash&#34;:&#34;•••&#34;", "until SettleBank settles the cancellation")
	b.want(b.see(cancellations+"show?key=refund-review&lang=ko"), "응답 원문(민감 정보 가림)", "확정할 때까지 보관합니다")
	x := sample("page")
	b.enqueue(x)
	b.attempt(x, ledger.Attempt{Class: "unknown", Raw: "<b>502</b>"}, ledger.Next{Status: ledger.Unknown})
	if page := b.see(cancellations + "show?key=refund-page"); !strings.Contains(page.text, "&lt;b&gt;502&lt;/b&gt;") {
		t.Error("a page in front of SettleBank is not shown as text")
	}
}

// A story still tells when a cancellation became a dead letter after a person has moved it.
func TestStoryRemembersDeath(t *testing.T) {
	t.Parallel()
	b := newClockFixture(t, steps())
	refused := func(x tasks.Cancellation) {
		b.attempt(x, ledger.Attempt{Class: "rejected", Code: "1002"}, ledger.Next{Status: ledger.Rejected, Code: "1002", Reason: ledger.ReasonRefused})
	}
	x := sample("twice")
	b.enqueue(x)
	refused(x)
	if _, err := b.client.Retry(t.Context(), x.IdempotencyKey, ledger.Decision{Who: "kim"}); err != nil {
		t.Fatal(err)
	}
	refused(x)
	b.resolve(x.IdempotencyKey, ledger.Cancelled)
	b.want(b.see(cancellations+"show?key=refund-twice"), "Became a dead letter 2026", "Retried by kim", "Became a dead letter rejected 2026", "Resolved as cancelled by lee")
	open := b.put(sample("open"), ledger.Unknown)
	b.resolve(open.IdempotencyKey, ledger.Rejected)
	for _, e := range newStory(b.get("refund-open")).Events {
		if e.Kind == "died" {
			t.Errorf("one that was never dead: %+v", e)
		}
	}
	whole := newStory(b.get("refund-twice"))
	if kinds := kindsOf(whole.Events); !slices.Equal(kinds, []string{"accepted", "request", "died", "act", "request", "died", "act"}) {
		t.Errorf("it happened: %q", kinds)
	}
}

func kindsOf(events []event) (kinds []string) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (b *fixture) resolve(key string, as ledger.Status) {
	b.Helper()
	if _, err := b.ledger.Resolve(context.WithoutCancel(b.Context()), key, ledger.Decision{Who: "lee", Note: "seen", As: as}); err != nil {
		b.Fatal(err)
	}
}

// Each form names the command that does the same.
func TestCommands(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("dead"), ledger.Rejected)
	for path, want := range map[string]string{
		"decide?key=refund-dead&as=retry":                            "settlecancel deadletter retry refund-dead</code>",
		"decide?key=refund-dead&as=refunded_elsewhere":               "settlecancel deadletter resolve refund-dead --as refunded_elsewhere --note &#39;…&#39;</code>",
		"bulk?status=dead":                                           "settlecancel deadletter retry --all --dry-run</code>",
		"bulk?status=rejected&code=1002&mcht=nxca_jt_bi&as=rejected": "settlecancel deadletter resolve --status rejected --code 1002 --mcht-id nxca_jt_bi --as rejected --note &#39;…&#39; --dry-run</code>",
	} {
		if got := b.see(cancellations + path).text; !slices.Contains(commandsOf(got), want) {
			t.Errorf("%s: %q", path, commandsOf(got))
		}
	}
	for _, path := range []string{"bulk?status=dead&min=500", "bulk?status=dead&mcht=nxca_jt_bi&method=CA"} {
		if got := commandsOf(b.see(cancellations + path).text); got != nil {
			t.Errorf("%s, which no command says: %q", path, got)
		}
	}
	days := selection{filter: filter{Status: listDead}, As: asRetry}
	days.from = time.Date(2026, 3, 2, 0, 0, 0, 0, time.FixedZone("KST", 9*3600))
	if got := days.Command(); got != "settlecancel deadletter retry --died-since 2026-03-02T00:00:00+09:00 --dry-run" {
		t.Error(got)
	}
	days.Merchant = "shop; rm"
	if got := days.Command(); got != "" {
		t.Error(got)
	}
}

// commandsOf returns the commands that a page names, as it writes them.
func commandsOf(page string) (all []string) {
	for _, m := range commandLine.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

var commandLine = regexp.MustCompile(`<pre class="command"><code>(.*?</code>)</pre>`)
