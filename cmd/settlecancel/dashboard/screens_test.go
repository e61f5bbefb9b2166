package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// axe returns axe-core's script. Chromium carries it, within Lighthouse, for its developer tools,
// and hands it out where it is steered by a port.
func (t *tab) axe() string {
	t.Helper()
	bundle, err := lighthouse(browserPath(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, found, ok := strings.Cut(bundle, "`/*! axe v")
	if !ok {
		t.Fatalf("this Chromium's developer tools carry no axe-core, in %d bytes", len(bundle))
	}
	end := 0
	for escaped := false; escaped || found[end] != '`'; end++ {
		escaped = !escaped && found[end] == '\\'
	}
	return ask(t, chromedp.Evaluate[string]("`/*! axe v"+found[:end]+"`"))
}

// lighthouse asks a Chromium of its own for the script of that name.
func lighthouse(path, profile string) (string, error) {
	browser := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
		"--user-data-dir="+profile, "about:blank")
	said, err := browser.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := browser.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = browser.Process.Kill()
		_ = browser.Wait()
	}()
	const before = "DevTools listening on ws://"
	for lines := bufio.NewScanner(said); lines.Scan(); {
		address, ok := strings.CutPrefix(lines.Text(), before)
		if !ok {
			continue
		}
		address, _, _ = strings.Cut(address, "/")
		res, err := http.Get("http://" + address + "/devtools/third_party/lighthouse/lighthouse-dt-bundle.js")
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		bundle, err := io.ReadAll(res.Body)
		return string(bundle), err
	}
	return "", errors.New("Chromium ended before it could be asked")
}

// violation is a rule of accessibility that a page breaks.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible fails where the open page breaks a rule of axe-core, or is wider than the screen.
func (t *tab) accessible(axe, name string) {
	t.Helper()
	t.run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](axe+";true"))
		return err
	}))
	raw := ask(t, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	var found []violation
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Errorf("%s: %s (%s), %d times, first: %s\n%s", name, v.Help, v.ID, len(v.Nodes), v.Nodes[0].HTML, v.Nodes[0].Summary)
	}
	if over := ask(t, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`)); over > 0 {
		t.Errorf("%s is %d pixels wider than the screen", name, over)
	}
}

// scheme makes the browser prefer light or dark.
func (t *tab) scheme(name string) {
	t.Helper()
	t.run(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}))
}

// screen is one page of ours.
type screen struct{ name, path string }

var screens = []screen{
	{"overview", root + "?"}, {"list", cancellations + "list?status=dead"}, {"open", cancellations + "list?status=open"},
	{"bulk", cancellations + "bulk?status=dead&code=1002"}, {"story", cancellations + "show?key=refund-review"},
	{"retry", cancellations + "decide?as=retry&key=refund-rejected"}, {"resolve", cancellations + "decide?as=cancelled&key=refund-review"},
	{"ended", cancellations + "list?status=ended"}, {"stopped", cancellations + "show?key=refund-paused"},
	{"resolved", cancellations + "show?key=refund-refunded_elsewhere"},
	{"search", cancellations + "search?q=CNCL20231215001"}, {"message", cancellations + "show?key=nobody"},
}

// busy is an installation with cancellations of every status, and many of them.
func busy(t testing.TB, many int) *fixture {
	t.Helper()
	b := newFixture(t)
	b.board.history = &counted{all: aMonth(time.Now())}
	everyStatus(b)
	paused := sample("paused")
	paused.MchtID = "nx_mid_il"
	b.put(paused, ledger.Queued)
	statuses := []ledger.Status{ledger.Rejected, ledger.Queued, ledger.Exhausted, ledger.Review, ledger.Rejected, ledger.Unknown}
	for i := range many {
		x := sample(fmt.Sprintf("20260302-%05d", i))
		x.CanAmt, x.OrgTrdAmt = int64(1000*(i%97+7)), int64(2000*(i%97+7))
		x.MchtID = []string{"nxca_jt_bi", "nx_mid_il", "nxca_jt_bi"}[i%3]
		x.Method = []string{"CA", "VA", "CA", "PZ"}[i%4]
		b.put(x, statuses[i%len(statuses)])
	}
	return b
}

// aMonth is what may have ended within the last month.
func aMonth(now time.Time) (all []ledger.Counter) {
	for n := int64(0); n < 30*24; n++ {
		at := now.Truncate(time.Hour).Add(-time.Duration(n) * time.Hour)
		day := int64(at.UTC().Hour()*7+3) % 23
		all = append(all, ledger.Counter{Hour: at, MchtID: "nxca_jt_bi", Method: "CA", Status: ledger.Cancelled, Count: day*3 + n%5, Amount: day * 93_000},
			ledger.Counter{Hour: at, MchtID: "nx_mid_il", Method: "VA", Status: ledger.Cancelled, Count: day / 3, Amount: day * 12_900})
		if n%11 == 4 {
			all = append(all, ledger.Counter{Hour: at, MchtID: "nxca_jt_bi", Method: "CA", Status: ledger.Rejected, Count: day, Amount: day * 30_000})
		}
	}
	return all
}

// Every page of ours, in both languages and both colour schemes, wide and on a phone, breaks no rule
// of axe-core. With -shots it keeps what they look like.
func TestBrowserScreens(t *testing.T) {
	t.Parallel()
	b := busy(t, 60)
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: "nx_mid_il", Who: "kim", Note: "카드사 장애", At: time.Now().Add(-40 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	b.beat(func(p *pulse.Publisher) {
		for i := range 40 {
			p.Attempt(t.Context(), ledger.Record{MchtID: "nxca_jt_bi"}, "CA", ledger.Attempt{Class: "ok", Duration: time.Duration(i*20) * time.Millisecond})
		}
	})
	b.worker(tasks.Queues())
	for _, width := range []int64{1400, 390} {
		tab := newTab(b, width, true)
		axe := tab.axe()
		for _, lang := range []string{korean, english} {
			for _, scheme := range []string{"light", "dark"} {
				tab.scheme(scheme)
				for _, s := range screens {
					name := fmt.Sprintf("%s-%d-%s-%s", s.name, width, lang, scheme)
					tab.open(s.path+"&lang="+lang, "footer")
					tab.accessible(axe, name)
					tab.shot(name)
				}
			}
		}
	}
}

// What the worst mornings look like: empty, nobody at work, everything paused, Redis away, and very
// much.
func TestBrowserStates(t *testing.T) {
	t.Parallel()
	look := func(b *fixture, state string, usual ...screen) {
		t.Helper()
		wanted, widths, langs, schemes := usual, []int64{1400}, []string{korean}, []string{"light"}
		if *shots != "" { // every page in every variant, which takes minutes
			wanted, widths, langs, schemes = screens, []int64{1400, 390}, []string{korean, english}, []string{"light", "dark"}
		}
		for _, width := range widths {
			tab := newTab(b, width, true)
			axe := tab.axe()
			for _, lang := range langs {
				for _, scheme := range schemes {
					tab.scheme(scheme)
					for _, s := range wanted {
						name := fmt.Sprintf("%s-%s-%d-%s-%s", state, s.name, width, lang, scheme)
						tab.open(s.path+"&lang="+lang, "footer")
						tab.accessible(axe, name)
						tab.shot(name)
					}
				}
			}
		}
	}
	look(newFixture(t), "empty", screens[0], screens[1])
	b := busy(t, 500)
	look(b, "dead-worker", screens[0], screens[1])
	if tall := b.tall(root); tall > 2*900 {
		t.Errorf("with 500 cancellations and nobody at work the overview is %d pixels tall: more than two screens", tall)
	}
	if err := pause.Begin(t.Context(), b.rdb, pause.Pause{MchtID: pause.AllMerchants, Who: "kim", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	look(b, "all-paused", screens[0])
	look(crowd(t, 12_000), "crowd", screens[0], screens[2])
	away, server := newMortalFixture(t)
	server.Kill()
	look(away, "redis-away", screens[0], screens[4])
}

// Between a desk and a phone no column of a list is squeezed to nothing.
func TestBrowserBetween(t *testing.T) {
	t.Parallel()
	b := busy(t, 3)
	for _, width := range []int64{1150, 1024, 961} {
		tab := newTab(b, width, true)
		for _, path := range []string{root + "?", cancellations + "list?status=dead", cancellations + "list?status=ended", cancellations + "search?q=CNCL20231215001"} {
			tab.open(path+"&lang=en", "footer")
			if least := ask(tab, chromedp.Evaluate[int](`Math.min(...[...document.querySelectorAll(".lines th:not(.tick)")].map(th => th.clientWidth))`)); least < 60 {
				t.Errorf("%s, %d pixels wide, has a column of %d", path, width, least)
			}
		}
	}
}

// tall returns how tall a page is in a wide window.
func (b *fixture) tall(path string) int {
	b.Helper()
	tab := newTab(b, 1400, true)
	tab.open(path, "footer")
	return ask(tab, chromedp.Evaluate[int](`document.documentElement.scrollHeight`))
}
