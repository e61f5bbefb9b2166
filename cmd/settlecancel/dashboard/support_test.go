package dashboard

import (
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/tasktest"
)

var shared redistest.Shared // for tests that do not stop it

func TestMain(m *testing.M) { shared.Run(m) }

// fixture is a dashboard on a Redis.
type fixture struct {
	testing.TB
	rdb       *redis.Client
	client    *tasks.Client
	ledger    *ledger.Ledger
	inspector *asynq.Inspector
	board     *Dashboard
	url       string
}

func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	return fixtureOn(t, shared.Client(t), nil, change...)
}

// newClockFixture is a fixture whose ledger lives by the test's clock.
func newClockFixture(t testing.TB, now func() time.Time) *fixture {
	t.Helper()
	return fixtureOn(t, shared.Client(t), now, func(o *Options) { o.Now = now })
}

// steps is a clock that goes on by a second whenever somebody looks at it, so that no two things
// happen at once.
func steps() func() time.Time {
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, settlebank.KST)
	var looks atomic.Int64
	return func() time.Time { return start.Add(time.Duration(looks.Add(1)) * time.Second) }
}

// newMortalFixture is a fixture whose Redis can be killed.
func newMortalFixture(t testing.TB) (*fixture, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t, redistest.Options{})
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	return fixtureOn(t, rdb, nil), server
}

func fixtureOn(t testing.TB, rdb *redis.Client, now func() time.Time, change ...func(*Options)) *fixture {
	t.Helper()
	// What brings cancellations to a status makes no inquiry for its basis; people decide where
	// inquiries are made.
	client := tasks.NewClient(rdb, tasks.ClientOptions{Ledger: ledger.Options{Now: now}})
	asked := tasks.NewClient(rdb, tasks.ClientOptions{Ledger: ledger.Options{Now: now, Inquiry: true}})
	o := Options{Redis: rdb, Client: asked, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, c := range change {
		c(&o)
	}
	board, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	board.seen.life, board.facts.life = 0, 0
	web := httptest.NewServer(board)
	t.Cleanup(web.Close)
	return &fixture{TB: t, rdb: rdb, client: client, ledger: client.Ledger(),
		inspector: asynq.NewInspectorFromRedisClient(rdb), board: board, url: web.URL}
}

// sample is a cancellation that differs from others by its name alone.
func sample(name string) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: "refund-" + name, MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_" + name, OrgMchtTrdNo: "ORDER-" + name,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA", Reason: "customer returned the goods"}
}

func (b *fixture) enqueue(x tasks.Cancellation) tasks.Cancellation {
	b.Helper()
	if _, err := b.client.Enqueue(b.Context(), x, tasks.EnqueueOptions{By: "shop"}); err != nil {
		b.Fatal(err)
	}
	return x
}

func (b *fixture) attempt(x tasks.Cancellation, a ledger.Attempt, n ledger.Next) {
	b.Helper()
	tasktest.Attempt(b, b.ledger, x, a, n)
}

// put brings a new cancellation to a status, as a worker would.
func (b *fixture) put(x tasks.Cancellation, s ledger.Status) tasks.Cancellation {
	b.Helper()
	b.enqueue(x)
	lost := ledger.Attempt{Class: "unknown", Message: "read: connection reset by peer", Duration: 1200 * time.Millisecond}
	shown := int64(300)
	switch s {
	case ledger.Queued:
	case ledger.RefundedElsewhere:
		if _, err := b.ledger.Resolve(b.Context(), x.IdempotencyKey, ledger.Decision{Who: "kim", Note: "paid in cash", As: s}); err != nil {
			b.Fatal(err)
		}
	case ledger.Sending:
		b.attempt(x, ledger.Attempt{}, ledger.Next{Status: ledger.Sending})
	case ledger.Unknown:
		b.attempt(x, lost, ledger.Next{Status: s, After: time.Minute, Message: lost.Message})
	case ledger.Review:
		b.attempt(x, lost, ledger.Next{Status: ledger.Unknown})
		b.attempt(x, ledger.Attempt{Class: "ok", Code: "0000", Message: "정상처리", Duration: 80 * time.Millisecond, Shown: &shown, Raw: rawInquiry},
			ledger.Next{Status: s, Message: lost.Message})
	case ledger.Rejected:
		b.attempt(x, ledger.Attempt{Class: "rejected", Code: "1002", Message: "취소금액 초과", Duration: 90 * time.Millisecond},
			ledger.Next{Status: s, Code: "1002", Message: "취소금액 초과"})
	case ledger.Exhausted:
		b.attempt(x, ledger.Attempt{Class: "transient", Code: "ST41", Message: "잠시 후 다시 시도해 주십시오", Duration: 40 * time.Millisecond},
			ledger.Next{Status: s, Code: "ST41", Message: "잠시 후 다시 시도해 주십시오", Spend: 1})
	default:
		b.attempt(x, ledger.Attempt{Class: "ok", Code: "0000", Message: "정상처리", Duration: 210 * time.Millisecond},
			ledger.Next{Status: s, Credit: x.CanAmt, Rounds: 1, CanTrdNo: "CNCL20231215001"})
	}
	return x
}

// rawInquiry is what the ledger keeps of the answer to an inquiry.
const rawInquiry = `{"params":{"mchtId":"nxca_jt_bi","ver":"0A1M","mchtTrdNo":"INQ-KX3T","trdDt":"20231215","trdTm":"143022",` +
	`"outStatCd":"0021","outRsltCd":"0000","outRsltMsg":"정상처리"},"data":{"pktHash":"•••","method":"CA","trdAmt":"1000","cnclAmt":"300"}}`

// archive makes of a cancellation's task what a worker leaves of a dead letter.
func (b *fixture) archive(x tasks.Cancellation) {
	b.Helper()
	if err := b.inspector.ArchiveTask(tasks.QueueDefault, x.IdempotencyKey); err != nil {
		b.Fatal(err)
	}
}

func (b *fixture) get(key string) ledger.Record {
	b.Helper()
	return tasktest.Record(b, b.ledger, key)
}

// answer is what came back to a request.
type answer struct {
	*http.Response
	text string
}

// visitor is a browser without a script: it keeps cookies and follows redirects.
func (b *fixture) visitor() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func (b *fixture) do(c *http.Client, method, path, body string, header ...string) answer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if method == http.MethodPost && body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	res, err := c.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return answer{res, string(text)}
}

// see reads one page.
func (b *fixture) see(path string) answer {
	b.Helper()
	return b.do(b.visitor(), http.MethodGet, path, "")
}

// send fills in the form of a page and sends it, as a browser would.
func (b *fixture) send(c *http.Client, page string, fields map[string]string) answer {
	b.Helper()
	form := b.do(c, http.MethodGet, page, "")
	values := hidden(form.text)
	for name, value := range fields {
		values.Set(name, value)
	}
	action, _, _ := strings.Cut(page, "?")
	return b.do(c, http.MethodPost, action, values.Encode())
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// hidden returns the hidden fields of a page's form.
func hidden(page string) url.Values {
	values := url.Values{}
	for _, f := range hiddenField.FindAllStringSubmatch(page, -1) {
		values.Add(f[1], html.UnescapeString(f[2]))
	}
	return values
}

func keysOf(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// askPassword lets those in whose password is "secret"; guest may only look.
func askPassword(w http.ResponseWriter, r *http.Request) (Person, bool) {
	user, password, ok := r.BasicAuth()
	if ok = ok && password == "secret"; !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
	}
	return Person{Name: user, LooksOnly: user == "guest"}, ok
}
