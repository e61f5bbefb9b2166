package dashboard

import (
	"strings"
	"testing"

	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"settlecancel/tasks/ledger"
)

// The overview reads itself again, but takes nothing away from somebody who types or reads a detail,
// and says so where the server is away.
func TestBrowserRefresh(t *testing.T) {
	t.Parallel()
	b := newClockFixture(t, steps())
	b.put(sample("first"), ledger.Rejected)
	tab := newTab(b, 1200, true)
	tab.run(command(cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: `window.setInterval = f => { window.tick = f; return 1; }`}))
	tab.open(root, "main .tiles")
	tick := func() {
		t.Helper()
		ask(tab, chromedp.Evaluate[bool](`tick().then(() => true)`, chromedp.EvalAwaitPromise))
	}
	shows := func(key string, want bool) {
		t.Helper()
		if got := strings.Contains(tab.text("main"), key); got != want {
			t.Errorf("%s is shown: %v, want %v", key, got, want)
		}
	}
	made := tab.text("footer")
	b.put(sample("second"), ledger.Rejected)
	shows("refund-second", false)
	tick()
	shows("refund-second", true)
	if now := tab.text("footer"); now == made {
		t.Errorf("it does not say when it was made anew: %s", now)
	}

	b.put(sample("third"), ledger.Rejected)
	tab.run(chromedp.SendKeys(chromedp.CSS(`input[name="q"]`), "ORDER"))
	tick()
	shows("refund-third", false)
	tab.run(chromedp.Click(chromedp.CSS("main h2"))) // and not in the field any more
	tick()
	shows("refund-third", true)
	if got := ask(tab, chromedp.Evaluate[string](`document.querySelector('input[name="q"]').value`)); got != "ORDER" {
		t.Errorf("what was typed: %q", got)
	}

	b.put(sample("fourth"), ledger.Rejected)
	tab.run(chromedp.Click(chromedp.CSS("main summary")), chromedp.Click(chromedp.CSS("main h2")))
	tick()
	shows("refund-fourth", false)
	tab.run(chromedp.Click(chromedp.CSS("main summary")), chromedp.Click(chromedp.CSS("main h2")))

	ask(tab, chromedp.Evaluate[bool](`window.works = fetch; window.fetch = () => Promise.reject(new TypeError("away")); true`))
	tick()
	tick()
	if got := tab.text(".now"); strings.Count(got, "The server does not answer. This page stands as it was at 10:") != 1 {
		t.Errorf("the server is away: %s", got)
	}
	ask(tab, chromedp.Evaluate[bool](`window.fetch = () => Promise.resolve(new Response("bad gateway")); true`))
	tick()
	shows("refund-third", true)
	ask(tab, chromedp.Evaluate[bool](`window.fetch = works; true`))
	tick()
	shows("refund-fourth", true)
	if got := tab.text(".now"); strings.Contains(got, "does not answer") {
		t.Errorf("the server is back: %s", got)
	}
	tab.clean()
}

// Without scripts the overview comes anew by itself, whatever somebody types: the search field is
// where nothing does.
func TestBrowserSearchWithoutScript(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("first"), ledger.Rejected)
	tab := newTab(b, 1200, false)
	tab.open(root+"?lang=en", "main .tiles")
	visible := func(css string) bool {
		return ask(tab, chromedp.Evaluate[bool](`document.querySelector('`+css+`').checkVisibility()`))
	}
	if visible(`input[name="q"]`) || !visible(".find.instead") {
		t.Error("the field is on a page that comes anew")
	}
	tab.run(chromedp.Click(chromedp.CSS(".find.instead")), chromedp.WaitVisible(chromedp.CSS(`input[name="q"]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name="q"]`), "ORDER-first\r"), chromedp.WaitVisible(chromedp.CSS(".headline")))
	if strings.Contains(b.see(cancellations+"search?q=").text, `http-equiv="refresh"`) {
		t.Error("the search page comes anew")
	}
	tab.clean()
}
