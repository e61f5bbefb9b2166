package dashboard

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"settlecancel/tasks/ledger"
)

// asynqmon runs under our policy without a complaint, shows a task, and its Run button retries by
// the ledger's rules.
func TestBrowserAsynqmon(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	x := b.put(sample("x"), ledger.Review)
	b.archive(x)
	tab := newTab(b, 1300, true)
	tab.open("/dashboard/queues/", "#root table")
	tab.shot("queues")
	if got := tab.text("#root table"); !strings.Contains(got, "default") {
		t.Errorf("the queues: %s", got)
	}
	for _, path := range []string{"servers", "schedulers", "settings"} {
		tab.open("/dashboard/queues/"+path, "#root main")
	}
	tab.open("/dashboard/queues/queues/default/tasks/"+x.IdempotencyKey, "#root pre")
	if got := tab.text("#root main"); !strings.Contains(got, "ORDER-x") {
		t.Errorf("the task: %s", got)
	}
	tab.open("/dashboard/queues/queues/default?status=archived", `#root th[scope="row"]`)
	if n := ask(tab, chromedp.Evaluate[int](`document.querySelectorAll('#root td.MuiTableCell-paddingCheckbox').length`)); n != 1 {
		t.Errorf("%d cells to choose several tasks with: asynqmon's page has changed, and queues.css does not fit", n)
	}
	tab.run(chromedp.Click(chromedp.CSS(`#root tbody tr td:last-child button`)))
	const run = `#root button[title="Delete"] + button`
	tab.run(chromedp.WaitVisible(chromedp.CSS(run)))
	hidden := ask(tab, chromedp.Evaluate[string](`getComputedStyle(document.querySelector('#root button[title="Delete"]')).display`))
	if hidden != "none" {
		t.Errorf("the button to delete is shown: %s", hidden)
	}
	tab.shot("archived")
	tab.run(chromedp.Click(chromedp.CSS(run)), chromedp.WaitVisible(chromedp.CSS(".MuiSnackbar-root")))
	if r := b.get(x.IdempotencyKey); r.Status != ledger.Unknown || len(r.Acts) != 1 {
		t.Errorf("after Run it is %s, acts %+v", r.Status, r.Acts)
	}
	tab.clean()
	tab.run(chromedp.Click(chromedp.CSS("a.to-ours")), chromedp.WaitVisible(chromedp.CSS("main .tiles")))
	tab.clean()
}

// A person finds a dead letter by its order number and retries it, on a machine of another name,
// over plain HTTP: there browsers say less about where a form comes from.
func TestBrowserRetry(t *testing.T) {
	t.Parallel()
	b := newFixture(t, func(o *Options) {
		o.Who = askPassword
	})
	for i := range 3 {
		b.put(sample(fmt.Sprint(i)), ledger.Rejected)
	}
	hostileRecord(b)
	tab := newTab(b, 1200, true)
	tab.mu.Lock()
	tab.fixture.url = strings.Replace(b.url, "127.0.0.1", "ops.example", 1)
	tab.mu.Unlock()
	login := strings.Replace(tab.url, "http://", "http://kim:secret@", 1)
	tab.run(chromedp.Navigate(login+root), chromedp.WaitVisible(chromedp.CSS("main .tiles")))
	tab.shot("overview")
	tab.run(
		chromedp.SendKeys(chromedp.CSS(`input[name="q"]`), "ORDER-1\r"), chromedp.WaitVisible(chromedp.CSS("ol.events")))
	tab.shot("story")
	tab.run(chromedp.Click(chromedp.CSS(".choices .primary")), chromedp.WaitVisible(chromedp.CSS("form.decide")))
	tab.shot("retry")
	tab.run(chromedp.SendKeys(chromedp.CSS("textarea"), "한도를 올렸습니다"), chromedp.Click(chromedp.CSS("form.decide button")),
		chromedp.WaitVisible(chromedp.CSS(`p.notice[role="status"]`)))
	tab.shot("retried")
	if got := tab.text("main"); !strings.Contains(got, "Queued again") || !strings.Contains(got, "한도를 올렸습니다") {
		t.Errorf("after the retry: %s", got)
	}
	if r := b.get("refund-1"); r.Status != ledger.Queued || len(r.Acts) != 1 || r.Acts[0].Who != "kim" {
		t.Errorf("it is %s, acts %+v", r.Status, r.Acts)
	}
	tab.run(chromedp.Click(chromedp.CSS(`header nav a[href*="status=dead"]`)), chromedp.WaitVisible(chromedp.CSS(".rows.lines")))
	if got := tab.text(".rows"); strings.Contains(got, "refund-1") || !strings.Contains(got, "refund-2") {
		t.Errorf("the dead letters: %s", got)
	}
	tab.shot("list")
	tab.clean()
}

// On a phone asynqmon keeps to the screen, its ids can be read, and its numbers do not lie over each
// other.
func TestBrowserAsynqmonPhone(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.archive(b.put(sample("ORDER20231215143022"), ledger.Review))
	tab := newTab(b, 390, true)
	tab.open("/dashboard/queues/queues/default?status=archived", `#root th[scope="row"]`)
	tab.shot("phone-archived")
	for what, question := range map[string]string{
		"the page is wider than the screen":    `document.documentElement.scrollWidth > 390`,
		"an id breaks at every few letters":    `document.querySelector('#root th[scope="row"]').clientWidth < 130`,
		"there are no numbers of the queue":    `document.querySelectorAll('#root h6.MuiTypography-subtitle2').length < 9`,
		"a name lies over its neighbour":       `[...document.querySelectorAll('#root h6.MuiTypography-subtitle2')].some(h => h.scrollWidth > h.parentElement.clientWidth)`,
		"the list cannot be moved to the side": `[...document.querySelectorAll('#root .MuiTableContainer-root')].some(c => getComputedStyle(c).overflowX != "auto")`,
	} {
		if ask(tab, chromedp.Evaluate[bool](question)) {
			t.Error(what)
		}
	}
	tab.open("/dashboard/queues/", "#root table")
	if wide := ask(tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); wide > 390 {
		t.Errorf("the queues are %d pixels wide", wide)
	}
	tab.clean()
}

// On a phone, without a script, in Korean: everything is there, and nothing is wider than the
// screen.
func TestBrowserPhone(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	everyStatus(b)
	long := sample(strings.Repeat("long", 14))
	long.OrgTrdNo, long.OrgMchtTrdNo, long.Reason = strings.Repeat("T", 50), strings.Repeat("M", 100), strings.Repeat("x", 900)
	b.put(long, ledger.Review)
	hostile := hostileRecord(b)
	tab := newTab(b, 360, false)
	tab.open(root+"?lang=ko", "main .tiles")
	for name, path := range map[string]string{"overview": root, "list": cancellations + "list?status=dead&code=1002", "open": cancellations + "list?status=open", "story": cancellations + "show?key=" + long.IdempotencyKey,
		"hostile": cancellations + "show?key=" + url.QueryEscape(hostile.Key), "search": cancellations + "search?q=nobody", "bulk": cancellations + "bulk?code=1002",
		"resolve": cancellations + "decide?as=cancelled&key=" + long.IdempotencyKey, "retry": cancellations + "decide?as=retry&key=refund-rejected"} {
		tab.open(path, "footer")
		if wide := ask(tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); wide > 360 {
			t.Errorf("%s is %d pixels wide", name, wide)
		}
		tab.shot("phone-" + name)
	}
	tab.open(cancellations+"list?status=review", "main .rows")
	tab.run(chromedp.Click(chromedp.CSS(`td.key a[href$="refund-review"]`)), chromedp.WaitVisible(chromedp.CSS(".choices")),
		chromedp.Click(chromedp.CSS(`.choices a[href*="as=cancelled"]`)), chromedp.WaitVisible(chromedp.CSS("form.decide")),
		chromedp.SendKeys(chromedp.CSS("textarea"), "관리자 화면에서 확인"), chromedp.Click(chromedp.CSS(`input[name="sure"]`)),
		chromedp.Click(chromedp.CSS("form.decide button")), chromedp.WaitVisible(chromedp.CSS(`p.notice[role="status"]`)))
	if r := b.get("refund-review"); r.Status != ledger.Cancelled || !r.Closed || r.Acts[0].Note != "관리자 화면에서 확인" {
		t.Errorf("it is %s, acts %+v", r.Status, r.Acts)
	}
	tab.run(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}))
	tab.shot("phone-dark")
	tab.clean()
}
