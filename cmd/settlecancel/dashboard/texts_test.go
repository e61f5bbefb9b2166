package dashboard

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
)

var verb = regexp.MustCompile(`%[a-z]`)

func TestBothLanguagesAreComplete(t *testing.T) {
	t.Parallel()
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	en, ko := all.of(english), all.of(korean)
	if diff := cmp.Diff(keysOf(en), keysOf(ko)); diff != "" {
		t.Errorf("keys: %s", diff)
	}
	hangul := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
	}
	for key := range en {
		if diff := cmp.Diff(verb.FindAllString(en[key], -1), verb.FindAllString(ko[key], -1)); diff != "" {
			t.Errorf("%s: places for values: %s", key, diff)
		}
		if hangul(en[key]) {
			t.Errorf("%s: not in English: %s", key, en[key])
		}
		if !hangul(ko[key]) && !slices.Contains([]string{"event.by"}, key) {
			t.Errorf("%s: not in Korean: %s", key, ko[key])
		}
	}
}

// Keys in templates and in Go, those put together from parts by their first part.
var (
	templateKey = regexp.MustCompile(`\.T (?:\(print )?"([a-z_A-Z0-9.]+)"`)
	wordGroup   = regexp.MustCompile(`\.Word "([a-z]+)"`)
	goKey       = regexp.MustCompile(`"((?:said|decide|bulk|message|refused|list|overview|search|story|filter|time|nav|now|stop|today|gateway|plot|row)\.[a-z_.]*)"`)
)

func TestEveryTextIsUsedAndKnown(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	groups := map[string]bool{}
	files, err := filepath.Glob("html/*.html")
	if err != nil {
		t.Fatal(err)
	}
	goFiles, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(files, goFiles) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := slices.Concat(templateKey.FindAllStringSubmatch(string(raw), -1), goKey.FindAllStringSubmatch(string(raw), -1))
		for _, m := range found {
			if group, dynamic := strings.CutSuffix(m[1], "."); dynamic {
				groups[group] = true
			} else {
				used[m[1]] = true
			}
		}
		for _, m := range wordGroup.FindAllStringSubmatch(string(raw), -1) {
			groups[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`t\["([a-z.]+)"\]`).FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
		}
	}
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	for key := range used {
		if all.of(english)[key] == "" {
			t.Errorf("%s is used, and there is no such text", key)
		}
	}
	for key := range all.of(english) {
		group := key[:strings.LastIndexByte(key, '.')+1]
		if !used[key] && !groups[strings.TrimSuffix(group, ".")] && !groups[strings.SplitN(key, ".", 2)[0]] {
			t.Errorf("%s is used nowhere", key)
		}
	}
	for _, s := range []ledger.Status{ledger.Cancelled, ledger.Rejected} {
		if all.of(english)["means.closed."+string(s)] == "" {
			t.Errorf("no text for what a person closed as %s", s)
		}
	}
	for _, r := range ledger.Reasons() {
		if all.of(english)["reason."+string(r)] == "" {
			t.Errorf("no text for reason %s", r)
		}
	}
	for _, s := range ledger.Statuses() {
		for _, group := range []string{"status.", "means."} {
			if all.of(english)[group+string(s)] == "" {
				t.Errorf("no text for %s%s", group, s)
			}
		}
	}
}

// Every page, in every status, says everything in both languages.
func TestNoTextIsMissingOnAnyPage(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	everyStatus(b)
	paths := []string{root, cancellations + "search?q=", cancellations + "search?q=nobody", cancellations + "show?key=nobody", cancellations + "bulk", cancellations + "list?from=x&min=x&max=x",
		cancellations + "bulk?code=1002", cancellations + "bulk?code=-", cancellations + "bulk?code=ST41", cancellations + "nowhere", cancellations + "list?page=x"}
	for _, s := range slices.Concat(deadLists, openLists) {
		paths = append(paths, cancellations+"list?status="+s, cancellations+"list?sort=amount&status="+s, cancellations+"bulk?status="+s)
	}
	for _, s := range ledger.Statuses() {
		paths = append(paths, cancellations+"show?key=refund-"+string(s))
		for _, as := range decisions {
			paths = append(paths, cancellations+"decide?key=refund-"+string(s)+"&as="+as)
		}
	}
	for _, path := range paths {
		for _, lang := range languages {
			got := b.do(b.visitor(), "GET", path, "", "Accept-Language", lang)
			if strings.ContainsAny(got.text, "⟦⟧") || strings.Contains(got.text, "%!") {
				t.Errorf("%s in %s lacks a text: %s", path, lang, got.words())
			}
			if got.Header.Get("Content-Language") != lang || !strings.Contains(got.text, `<html lang="`+lang+`">`) {
				t.Errorf("%s is not in %s", path, lang)
			}
		}
	}
	for as, fields := range map[string]map[string]string{asRetry: nil, asRejected: {"note": "x", "sure": "yes"}} {
		c := b.visitor()
		b.do(c, "GET", root+"?lang=ko", "")
		key := map[string]string{asRetry: "refund-rejected", asRejected: "refund-review"}[as]
		if got := b.send(c, cancellations+"decide?key="+key+"&as="+as, fields); !strings.Contains(got.text, b.board.texts.of(korean)["said."+as]) {
			t.Errorf("%s does not answer in Korean: %s", as, got.words())
		}
	}
}

func TestLanguageIsRemembered(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	c := b.visitor()
	lang := func(path string) string {
		return b.do(c, "GET", path, "", "Accept-Language", "en-GB, ko;q=0.5").Header.Get("Content-Language")
	}
	for i, step := range []struct{ path, want string }{{root, "en"}, {root + "?lang=ko", "ko"}, {cancellations + "list", "ko"}, {root + "?lang=de", "ko"},
		{cancellations + "list?lang=en&status=dead", "en"}, {root, "en"}} {
		if got := lang(step.path); got != step.want {
			t.Errorf("step %d, %s: %s, want %s", i, step.path, got, step.want)
		}
	}
	page := b.see(cancellations + "list?status=review&code=1002")
	if want := `href="/dashboard/cancellations/list?code=1002&amp;lang=ko&amp;status=review"`; !strings.Contains(page.text, want) {
		t.Errorf("the link to the other language does not stay on the page")
	}
	if got := b.do(http.DefaultClient, "GET", "/dashboard/queues/", "", "Accept-Language", "ko"); !strings.Contains(got.text, b.board.texts.of(korean)["nav.ours"]) {
		t.Error("asynqmon's page points to ours in the wrong language")
	}
}

func TestPreferredLanguage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{"": english, "ko": korean, "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7": korean, "en-US,en;q=0.9,ko;q=0.8": english,
		"de, ko;q=0.3": korean, "de": english, "KO-kr ; q=0.2 , en;q=0.1": korean, "en;q=x, ko;q=0.1": korean, "ko;q=0": english, "*": english, ",,;;=": english} {
		if got := preferred(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount         int64
		currency, lang string
		want           string
	}{
		{0, "KRW", english, "₩0"}, {999, "", english, "₩999"}, {1000, "KRW", english, "₩1,000"}, {123456789012, "KRW", korean, "123,456,789,012원"},
		{5, "USD", english, "US$0.05"}, {123456, "USD", korean, "US$1,234.56"}, {-1005, "USD", english, "-US$10.05"}, {-1000, "KRW", english, "₩-1,000"}, {7, "<b>", english, "7 <b>"},
	} {
		if got := money(c.amount, c.currency, c.lang); got != c.want {
			t.Errorf("money(%d, %s, %s) is %s, want %s", c.amount, c.currency, c.lang, got, c.want)
		}
	}
	if got := clock(time.Date(2023, 12, 31, 15, 0, 1, 0, time.UTC)); got != "2024-01-01 00:00:01" {
		t.Errorf("Korean time: %s", got)
	}
	if got := cut("가나다라", 3) + cut("가나다", 3); got != "가나…가나다" {
		t.Errorf("cut: %s", got)
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := &page{Lang: english, text: all.of(english), now: now}
	for d, want := range map[time.Duration]string{0: "just now", 9 * time.Second: "just now", -500 * time.Millisecond: "just now", 90 * time.Second: "90 s ago", 119 * time.Minute: "119 min ago",
		47 * time.Hour: "47 h ago", 49 * time.Hour: "2 days ago", -30 * time.Second: "in 30 s", -3 * time.Hour: "in 3 h"} {
		if got := p.Ago(now.Add(-d)); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
