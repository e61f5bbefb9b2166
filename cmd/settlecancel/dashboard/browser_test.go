package dashboard

import (
	"context"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "folder to keep the browser tests' screenshots in")

// browserNames are those that .ci/setup looks for.
var browserNames = []string{"headless-shell", "headless_shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

func browserPath(t testing.TB) string {
	t.Helper()
	for _, name := range browserNames {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium on the PATH: run `make test`, or `apt-get install chromium`")
	return ""
}

// tab is one tab of a real browser, and what it complained about.
type tab struct {
	*fixture
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	foreign    []string // requests to other hosts
}

// newTab starts a browser with an empty profile. Names that end in .example lead to this machine.
func newTab(b *fixture, width int64, script bool) *tab {
	b.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(browserPath(b)), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("host-resolver-rules", "MAP *.example 127.0.0.1"), chromedp.UserDataDir(b.TempDir()),
	}
	ctx, stopBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	b.Cleanup(stopBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	b.Cleanup(closeTab)
	t := &tab{fixture: b, ctx: ctx}
	if err := chromedp.Listen(ctx, t.listen); err != nil {
		b.Fatalf("browser: %v", err)
	}
	t.run(command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{}),
		chromedp.EmulateViewport(width, 900),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script}))
	return t
}

// command is an action that sends one command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (t *tab) listen(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			t.complaints = append(t.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		t.complaints = append(t.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range e.Args {
				t.complaints = append(t.complaints, string(a.Value)+a.Description)
			}
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && u.Port() != t.port() {
			t.foreign = append(t.foreign, e.Request.URL)
		}
	}
}

func (t *tab) port() string { return t.url[strings.LastIndexByte(t.url, ':')+1:] }

// patience is for a machine that is busy with other things.
const patience = 3 * time.Minute

func (t *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ask(t, chromedp.Steps(actions...))
}

func ask[T any](t *tab, a chromedp.Action[T]) T {
	t.Helper()
	if chromedp.FromContext(t.ctx).Target == nil { // the first call starts the browser, and its context must last
		if err := chromedp.Do(t.ctx); err != nil {
			t.Fatalf("browser: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.Fatalf("browser: %v\ncomplaints: %q", err, t.complaints)
	}
	return v
}

// open goes to a page and waits until it holds what selector names.
func (t *tab) open(path, selector string) {
	t.Helper()
	t.run(chromedp.Navigate(t.url+path), chromedp.WaitVisible(chromedp.CSS(selector)))
}

// text returns what the page says.
func (t *tab) text(selector string) string {
	t.Helper()
	return ask(t, chromedp.Text(chromedp.CSS(selector)))
}

// shot keeps what the page looks like, where somebody wants to see it.
func (t *tab) shot(name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	png := ask(t, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// clean fails where the browser complained, or where anything was asked of another host.
func (t *tab) clean() {
	t.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.complaints) > 0 {
		t.Errorf("the browser complains: %q", t.complaints)
	}
	if len(t.foreign) > 0 {
		t.Errorf("asked of other hosts: %q", t.foreign)
	}
}
