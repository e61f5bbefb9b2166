package doctor

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
)

func TestMain(m *testing.M) {
	logging.Disable() // the outages that the tests make
	os.Exit(m.Run())
}

// patient is an installation to examine: a real Redis and a simulated SettleBank, well until a test
// spoils something.
type patient struct {
	testing.TB
	redis *redistest.Server
	rdb   *redis.Client
	sim   *simulator.Simulator
	o     Options
}

// hashKey is the merchant's, at both ends. No finding may show it.
const hashKey, aesKey = "HASHKEY-7364518283746", "abcdefghijklmnopqrstuvwxyz012345"

// safe is a Redis that keeps what it was told.
var safe = []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "512mb", "--maxmemory-policy", "noeviction"}

func newPatient(t testing.TB, redisArgs ...string) *patient {
	t.Helper()
	return patientOn(t, redistest.Start(t, redistest.Options{Args: append(append([]string{}, safe...), redisArgs...)}))
}

func patientOn(t testing.TB, server *redistest.Server) *patient {
	t.Helper()
	p := &patient{TB: t, redis: server, rdb: server.Client(t)}
	p.o = Options{
		Redis: p.rdb, Client: tasks.NewClient(p.rdb, tasks.ClientOptions{}),
		// Patience, lest a slow machine fail a test; those that wait for a time-out shorten it.
		Timeout: time.Minute, GatewayTimeout: time.Minute,
		Settings: Settings{
			RedisAddress: server.URL(), Inquiry: true, InquiryPath: settlebank.PathInquiry, VerifyAfter: time.Minute, GatewayTimeout: 30 * time.Second,
			RetryMax: 30, RetryInitial: 5 * time.Second, RetryCap: time.Hour, Retention: 4320 * time.Hour, PayloadKey: true,
			Merchants: []gateway.Merchant{{ID: "shop", HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey)}},
		},
	}
	var err error
	if p.sim, err = simulator.New(simulator.Options{Merchants: []simulator.Merchant{{ID: "shop", HashKey: hashKey, AESKey: aesKey}}}); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(p.sim)
	t.Cleanup(web.Close)
	p.gateway(web.URL)
	return p
}

// gateway lets the merchants, as they are now, ask the gateway at url.
func (p *patient) gateway(url string) {
	p.Helper()
	gw, err := gateway.New(gateway.Options{Merchants: p.o.Settings.Merchants, BaseURL: url})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(gw.Close)
	p.o.Gateway, p.o.Settings.BaseURL = gw, url
}

// examine runs all checks. Whatever they find, each note and danger says what to do, and none shows
// a key.
func (p *patient) examine() findings {
	p.Helper()
	found := Run(context.Background(), p.o)
	for _, f := range found {
		if f.Text == "" || f.Check == "" || (f.Mend == "") != (f.Level == OK) {
			p.Errorf("incomplete: %+v", f)
		}
		secrettest.Hidden(p, "a finding", fmt.Sprint(f), hashKey, aesKey, string(settlebank.TestbedHashKey), string(settlebank.TestbedAESKey))
	}
	return findings{p, found}
}

type findings struct {
	testing.TB
	all []Finding
}

func (f findings) String() string {
	var b strings.Builder
	for _, x := range f.all {
		fmt.Fprintf(&b, "%-6s %-17s %s → %s\n", x.Level, x.Check, x.Text, x.Mend)
	}
	return b.String()
}

// want looks for a finding of a check, with this level, in whose text and mend these words stand.
func (f findings) want(check string, level Level, text, mend string) {
	f.Helper()
	for _, x := range f.all {
		if x.Check == check && x.Level == level && strings.Contains(x.Text, text) && strings.Contains(x.Mend, mend) {
			return
		}
	}
	f.Errorf("no %s of %s says %q and mends with %q:\n%s", level, check, text, mend, f)
}

// wantNoWorse checks that no finding is worse than level, but for those of the checks named.
func (f findings) wantNoWorse(level Level, but ...string) {
	f.Helper()
	for _, x := range f.all {
		slow := strings.Contains(x.Text, "a round trip takes") // says something of the machine that the test runs on
		worse := x.Level == Danger && level != Danger || x.Level == Note && level == OK
		if worse && !slow && !strings.Contains(" "+strings.Join(but, " ")+" ", " "+x.Check+" ") {
			f.Errorf("unexpected: %+v", x)
		}
	}
}

// set changes a setting of Redis.
func (p *patient) set(name, value string) {
	p.Helper()
	p.must(p.rdb.ConfigSet(context.Background(), name, value).Err())
}

func (p *patient) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// at returns a client whose ledger lives at another time.
func (p *patient) at(when time.Time) *tasks.Client {
	return tasks.NewClient(p.rdb, tasks.ClientOptions{Ledger: ledger.Options{Now: func() time.Time { return when }}})
}

// accept enqueues a cancellation at a time.
func (p *patient) accept(key string, when time.Time) tasks.Cancellation {
	p.Helper()
	c := tasks.Cancellation{IdempotencyKey: key, MchtID: "shop", OrgTrdNo: "TRD-" + key, OrgMchtTrdNo: "ORDER-" + key,
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
	_, err := p.at(when).Enqueue(context.Background(), c, tasks.EnqueueOptions{})
	p.must(err)
	return c
}
