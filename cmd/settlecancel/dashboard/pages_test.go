package dashboard

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// words returns what a page says, without its markup.
func (a answer) words() string {
	_, main, _ := strings.Cut(a.text, "<main")
	return spaces.ReplaceAllString(tags.ReplaceAllString(main, " "), " ")
}

// keys returns which cancellations a page lists, in its order.
func (a answer) keys() []string {
	var all []string
	for _, m := range regexp.MustCompile(`<td class="key"><a href="[^"]*show\?key=([^"]*)"`).FindAllStringSubmatch(a.text, -1) {
		key, _ := url.QueryUnescape(m[1])
		all = append(all, key)
	}
	return all
}

func (b *fixture) want(a answer, words ...string) {
	b.Helper()
	for _, w := range words {
		if !strings.Contains(a.words(), w) {
			b.Errorf("%s does not say %q: %s", a.Request.URL, w, a.words())
		}
	}
}

// everyStatus puts one cancellation into each status.
func everyStatus(b *fixture) {
	for _, s := range ledger.Statuses() {
		b.put(sample(string(s)), s)
	}
	dollars := sample("usd")
	dollars.Currency, dollars.CanAmt, dollars.OrgTrdAmt = tasks.CurrencyUSD, 1234, 99900
	b.put(dollars, ledger.Rejected)
	b.put(sample("rejected-2"), ledger.Rejected)
}

func TestOverview(t *testing.T) {
	t.Parallel()
	b := newClockFixture(t, steps())
	b.want(b.see(root), "Waiting for people", "all 0")
	everyStatus(b)
	page := b.see(root)
	b.want(page, "all 5", "all 3", "review 1 ₩500 oldest:", "rejected 3 ₩1,000 US$12.34 oldest:", "exhausted 1 ₩500", "queued 1", "sending 1", "unknown 1",
		"1002 nxca_jt_bi 3 ₩1,000 US$12.34 취소금액 초과", "no code nxca_jt_bi 1 ₩500", "ST41 nxca_jt_bi 1 ₩500")
	doubtful := page.keys()[:2]
	if diff := cmp.Diff([]string{"refund-review", "refund-unknown"}, doubtful); diff != "" {
		t.Errorf("first comes what is in doubt: %s", diff)
	}
	newest := page.keys()[2:]
	if diff := cmp.Diff([]string{"refund-rejected-2", "refund-usd", "refund-review", "refund-exhausted", "refund-rejected"}, newest); diff != "" {
		t.Errorf("newest dead letters: %s", diff)
	}
	b.board.walk = 2
	b.want(b.see(root), "There are more than 2")
}

func TestOverviewIsKeptForAMoment(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.board.seen.life = time.Hour
	b.put(sample("one"), ledger.Rejected)
	b.want(b.see(root), "rejected 1")
	b.put(sample("two"), ledger.Rejected)
	b.want(b.see(root), "rejected 1")
	b.send(b.visitor(), cancellations+"decide?key=refund-one&as=retry", nil)
	b.want(b.see(root), "rejected 1", "queued 1")
}

func TestLists(t *testing.T) {
	t.Parallel()
	b := newClockFixture(t, steps())
	everyStatus(b)
	other := sample("other")
	other.MchtID, other.CanAmt, other.OrgTrdAmt = "nx_mid_il", 70_000, 80_000
	b.put(other, ledger.Rejected)
	for query, want := range map[string][]string{
		"":                           {"refund-other", "refund-rejected-2", "refund-usd", "refund-review", "refund-exhausted", "refund-rejected"},
		"status=dead&sort=since":     {"refund-rejected", "refund-exhausted", "refund-review", "refund-usd", "refund-rejected-2", "refund-other"},
		"status=nonsense&code=ST41":  {"refund-exhausted"},
		"status=rejected":            {"refund-other", "refund-rejected-2", "refund-usd", "refund-rejected"},
		"status=review":              {"refund-review"},
		"status=dead&code=-":         {"refund-review"},
		"status=dead&code=9999":      nil,
		"status=dead&mcht=nx_mid_il": {"refund-other"},
		"status=dead&min=1000":       {"refund-other", "refund-usd"},
		"status=dead&max=1,234&min=501": {
			"refund-usd"},
		"status=exhausted&method=CA":   {"refund-exhausted"},
		"status=exhausted&method=VA":   nil,
		"status=exhausted&method=-":    nil,
		"status=rejected&sort=-amount": {"refund-other", "refund-usd", "refund-rejected", "refund-rejected-2"},
		"status=rejected&sort=mcht":    {"refund-other", "refund-rejected", "refund-rejected-2", "refund-usd"},
		"status=queued":                {"refund-queued"},
		"status=unknown&code=ST41":     nil,
		"status=open&mcht=nxca_jt_bi":  {"refund-queued", "refund-sending", "refund-unknown"},
		"status=sending&sort=due":      {"refund-sending"},
		"status=cancelled&mcht=nobody": nil,
	} {
		got := b.see(cancellations + "list?" + query)
		if got.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
		if diff := cmp.Diff(want, got.keys()); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	b.want(b.see(cancellations+"list?min=1e3&max=-1&from=2026-02-30&to=today"), "“Amount from” could not be read", "“to” could not be read", "“From (day)” could not be read", "“to (day)” could not be read")
	b.want(b.see(cancellations+"list?status=dead&code=9999"), "None matches this filter.")
}

// A list is narrowed by Korean days: of dying, and of acceptance while it is open.
func TestListDays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 23, 59, 59, 0, settlebank.KST)
	b := newClockFixture(t, func() time.Time { return now })
	b.put(sample("dead"), ledger.Rejected)
	b.put(sample("open"), ledger.Unknown)
	for query, shown := range map[string]bool{"from=2026-03-02": true, "to=2026-03-02": true, "from=2026-03-02&to=2026-03-02": true,
		"from=2026-03-03": false, "to=2026-03-01": false, "from=2026-03-01&to=2026-03-03": true} {
		for _, status := range []string{listDead, listOpen} {
			if got := len(b.see(cancellations+"list?status="+status+"&"+query).keys()) == 1; got != shown {
				t.Errorf("%s, %s: shown %v, want %v", status, query, got, shown)
			}
		}
	}
}

var nextPage = regexp.MustCompile(`<a href="([^"]+)" rel="next">`)

// walk follows the links to the next page, and answers all that was listed.
func (b *fixture) walk(path string) (keys []string, pages int) {
	b.Helper()
	for path != "" && pages < 50 {
		page := b.see(path)
		keys = append(keys, page.keys()...)
		pages++
		next := nextPage.FindStringSubmatch(page.text)
		path = ""
		if next != nil {
			path = html.UnescapeString(next[1])
		}
	}
	return keys, pages
}

func TestPaging(t *testing.T) {
	t.Parallel()
	b := newClockFixture(t, steps())
	const many = 2*pageRows + 30
	var odd, all []string
	for i := range many {
		x := sample(fmt.Sprintf("%03d", i))
		s := ledger.Rejected
		if i%2 == 1 {
			s = ledger.Review
			odd = append(odd, x.IdempotencyKey)
		}
		b.put(x, s)
		all = append(all, x.IdempotencyKey)
	}
	for _, sort := range []string{"-since", "since", "key", "-key"} {
		keys, pages := b.walk(cancellations + "list?sort=" + sort)
		if strings.HasPrefix(sort, "-") {
			slices.Reverse(keys)
		}
		if diff := cmp.Diff(all, keys); diff != "" || pages != 3 {
			t.Errorf("%s, %d pages: %s", sort, pages, diff)
		}
	}
	keys, pages := b.walk(cancellations + "list?status=review&sort=since")
	if diff := cmp.Diff(odd, keys); diff != "" || pages != 2 {
		t.Errorf("of review, %d pages: %s", pages, diff)
	}
	b.want(b.see(cancellations+"list?page=2"), "Matching: 130, together ₩65,000", "shown: 51 to 100")
	if got := b.see(cancellations + "list?page=99&sort=since").keys(); !slices.Equal(got, all[2*pageRows:]) {
		t.Errorf("beyond the end: %d keys", len(got))
	}
	for _, page := range []string{"x", "-1", "0", "1e3", "%00"} {
		if got := b.see(cancellations + "list?page=" + page).keys(); len(got) != pageRows {
			t.Errorf("page %s: %d keys", page, len(got))
		}
	}
	b.board.walk = 100
	b.want(b.see(cancellations+"list"), "There are more than 100")
}

func TestPagesAround(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page, last int
		want       []int
	}{{1, 1, []int{1}}, {1, 3, []int{1, 2, 3}}, {1, 9, []int{1, 2, 3, 0, 9}}, {5, 9, []int{1, 0, 3, 4, 5, 6, 7, 0, 9}}, {9, 9, []int{1, 0, 7, 8, 9}}} {
		if diff := cmp.Diff(c.want, pagesAround(c.page, c.last)); diff != "" {
			t.Errorf("page %d of %d: %s", c.page, c.last, diff)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	everyStatus(b)
	second := sample("rejected")
	second.IdempotencyKey, second.OrgTrdAmt = "refund-second", 0
	b.put(second, ledger.Cancelled) // of the same payment
	for query, want := range map[string]string{
		"refund-review":                     "refund-review", // a key
		"  refund-review  ":                 "refund-review",
		"refund-cancelled":                  "refund-cancelled",
		"ORDER-usd":                         "refund-usd", // an order
		"STFP_exhausted":                    "refund-exhausted",
		"STFP_cancelled":                    "refund-cancelled", // ended, found because its merchant is known
		"ORDER-sending":                     "refund-sending",
		"ORDER-cancelled":                   "refund-cancelled", // ended
		"ORDER-refunded_elsewhere":          "refund-refunded_elsewhere",
		"nxca_jt_bi:STFP_already_cancelled": "refund-already_cancelled",
	} {
		got := b.see(cancellations + "search?q=" + url.QueryEscape(query))
		if got.Request.URL.Query().Get("key") != want {
			t.Errorf("%q leads to %s, want %s", query, got.Request.URL, want)
		}
	}
	for _, query := range []string{"STFP_rejected", "nxca_jt_bi:STFP_rejected"} {
		got := b.see(cancellations + "search?q=" + query).keys()
		if slices.Sort(got); cmp.Diff([]string{"refund-rejected", "refund-second"}, got) != "" {
			t.Errorf("%s: %v", query, got)
		}
	}
	b.want(b.see(cancellations+"search?q=nobody"), "Nothing was found")
	byNumber := b.see(cancellations + "search?q=CNCL20231215001").keys()
	if slices.Sort(byNumber); !slices.Equal(byNumber, []string{"refund-already_cancelled", "refund-cancelled", "refund-second"}) {
		t.Errorf("by the gateway's number: %v", byNumber)
	}
	b.want(b.see(cancellations+"search?q="), "Enter an idempotency key")
	if got := b.see(cancellations + "search?q=" + strings.Repeat("한", 5000)); got.StatusCode != http.StatusOK {
		t.Errorf("a long query: %d", got.StatusCode)
	}
}

func TestStory(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	everyStatus(b)
	b.worker(tasks.Queues())
	for _, s := range ledger.Statuses() {
		page := b.see(cancellations + "show?key=refund-" + string(s))
		b.want(page, "Accepted by shop", "Order number ORDER-"+string(s), "Transaction number STFP_"+string(s), "of a payment of ₩1,000", "card CA",
			"customer returned the goods", b.board.texts.of(english)["means."+string(s)])
	}
	b.want(b.see(cancellations+"show?key=refund-review"), "Request outcome not known 1 s read: connection reset by peer", "Inquiry done 80 ms 0000 정상처리",
		"SettleBank showed ₩300 as cancelled so far", "Became a dead letter review")
	b.want(b.see(cancellations+"show?key=refund-cancelled"), "Number at SettleBank: CNCL20231215001", "Cancelled so far ₩500")
	b.want(b.see(cancellations+"show?key=refund-sending"), "Request under way")
	b.want(b.see(cancellations+"show?key=refund-queued"), "Next step due")
	second := sample("cancelled")
	second.IdempotencyKey = "refund-again"
	b.put(second, ledger.Rejected)
	page := b.see(cancellations + "show?key=refund-again")
	b.want(page, "Other cancellations of this payment")
	if got := page.keys(); !slices.Equal(got, []string{"refund-cancelled"}) {
		t.Errorf("of the same payment: %v", got)
	}
	b.want(b.see(cancellations+"show?key=refund-review"), "Date of the payment 2023-12-15", "settlecancel status refund-review settlecancel deadletter retry refund-review")
	if got := b.see(cancellations + "show?key=nobody"); got.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown key: %d", got.StatusCode)
	}
	stamp := clock(b.get("refund-review").Attempts[1].StartedAt)
	if _, err := time.ParseInLocation("2006-01-02 15:04:05", stamp, settlebank.KST); err != nil {
		t.Fatal(err)
	}
	b.want(b.see(cancellations+"show?key=refund-review"), stamp)
}
