package dashboard

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// hand is a person at a browser, whose clicks and fields are counted.
type hand struct {
	*tab
	clicks, fields int
}

func (h *hand) click(selector, then string) {
	h.Helper()
	h.clicks++
	h.run(chromedp.Click(chromedp.CSS(selector)), chromedp.WaitVisible(chromedp.CSS(then)))
}

// write fills a field in, which is clicked before, unless it is the search field of a page just
// opened by the keyboard.
func (h *hand) write(selector, text, then string) {
	h.Helper()
	h.fields++
	h.run(chromedp.SendKeys(chromedp.CSS(selector), text))
	if then != "" {
		h.run(chromedp.WaitVisible(chromedp.CSS(then)))
	}
}

// What people come for takes them so many clicks and fields from the overview, and no more.
func TestBrowserTasks(t *testing.T) {
	t.Parallel()
	var clock moving
	now := time.Now().In(settlebank.KST)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, settlebank.KST)
	clock.at.Store(today.Add(-3 * time.Hour).UnixMilli())
	b := newClockFixture(t, clock.now)
	b.put(sample("yesterday"), ledger.Cancelled)
	clock.at.Store(today.Add(10 * time.Hour).UnixMilli())
	b.put(sample("today"), ledger.Cancelled)
	b.put(sample("open"), ledger.Queued)
	for _, x := range []string{"a", "b", "c"} {
		b.put(sample(x), ledger.Rejected)
	}
	other := sample("other")
	other.MchtID = "nx_mid_il"
	b.put(other, ledger.Rejected)
	b.worker(tasks.Queues())
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: "nxca_jt_bi", Who: "kim", Note: "card company is down", At: clock.now()}); err != nil {
		t.Fatal(err)
	}
	tab := newTab(b, 1400, true)
	for _, task := range []struct {
		name           string
		clicks, fields int
		do             func(*hand) (said string)
		want           []string
	}{
		{"was order X refunded", 0, 1, func(h *hand) string {
			h.write(`input[name="q"]`, "ORDER-yesterday\r", "ol.events")
			return h.text(".headline")
		}, []string{"refund-yesterday", "cancelled", "The money has gone back.", "CNCL20231215001"}},
		{"what is wrong now", 0, 0, func(h *hand) string { return h.text(".now") },
			[]string{"nxca_jt_bi: paused by kim", "card company is down"}},
		{"retry all of code 1002 of one merchant", 2, 1, func(h *hand) string {
			h.click(`.codes .act a[href*="code=1002"][href*="mcht=nxca_jt_bi"]`, "form.decide")
			h.write(`input[name="count"]`, "3", "")
			h.click("form.decide button", `p.notice[role="status"]`)
			return h.text("main")
		}, []string{"Retried: 3. Moved on meanwhile: 0. Failed: 0."}},
		{"who paused this", 0, 1, func(h *hand) string {
			h.write(`input[name="q"]`, "ORDER-open\r", "ol.events")
			return h.text(".headline")
		}, []string{"refund-open", "nxca_jt_bi: paused by kim since", "card company is down"}},
		{"hand finance yesterday's list", 3, 0, func(h *hand) string {
			h.click(`header nav a[href*="status=ended"]`, ".tabs")
			h.click(`.tabs a[href*="to=`+today.AddDate(0, 0, -1).Format(time.DateOnly)+`"]`, "a[download]")
			h.clicks++ // the download itself
			return ask(h.tab, chromedp.Evaluate[string](`fetch(document.querySelector("a[download]").href).then(r => r.text())`, chromedp.EvalAwaitPromise))
		}, []string{"refund-yesterday,cancelled,nxca_jt_bi,STFP_yesterday,ORDER-yesterday,20231215,500,1000,KRW,CA"}},
	} {
		h := &hand{tab: tab}
		tab.open(root, "main .tiles")
		begun := time.Now()
		said := task.do(h)
		t.Logf("%s: %d clicks, %d fields, %.1f s of the machine", task.name, h.clicks, h.fields, time.Since(begun).Seconds())
		if h.clicks != task.clicks || h.fields != task.fields {
			t.Errorf("%s takes %d clicks and %d fields", task.name, h.clicks, h.fields)
		}
		for _, want := range task.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q: %s", task.name, want, said)
			}
		}
		for _, stranger := range []string{"refund-today", "refund-other"} {
			if strings.Contains(said, stranger) {
				t.Errorf("%s: it names %s: %s", task.name, stranger, said)
			}
		}
	}
	if r := b.get("refund-other"); r.Status != ledger.Rejected {
		t.Errorf("another merchant's is %s", r.Status)
	}
	tab.clean()
}
