package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks/clocktest"
	"settlecancel/tasks/ledger/redistest"
)

// shared serves all tests that neither stop it nor flush it.
var shared redistest.Shared

func TestMain(m *testing.M) { shared.Run(m) }

// start is when every test begins.
var start = time.UnixMilli(1_702_600_000_000)

const (
	lease       = time.Minute
	verifyAfter = 90 * time.Second
	retention   = time.Hour
)

// env is a ledger on a database of its own.
type env struct {
	*Ledger
	testing.TB
	ctx   context.Context
	clock *clocktest.Clock
}

func newEnv(t testing.TB) *env {
	t.Helper()
	return envOn(t, shared.Client(t), Options{})
}

// envOn is a ledger on rdb. Of the options, those that a test does not care about are set.
func envOn(t testing.TB, rdb redis.UniversalClient, o Options) *env {
	c := clocktest.New(start)
	o.Lease, o.VerifyAfter, o.Retention, o.Now = lease, verifyAfter, retention, c.Now
	return &env{Ledger: New(rdb, o), TB: t, ctx: t.Context(), clock: c}
}

// partial and full are cancellations of the payment of that name.
func partial(key, payment string) Entry {
	return Entry{Key: key, MchtID: "nxca_jt_bi", OrgTrdNo: payment, Amount: 500,
		Params: json.RawMessage(`{"o":"ORDER20231215143022","d":"20231215","t":1000,"x":"CA"}`)}
}

func full(key, payment string) Entry {
	e := partial(key, payment)
	e.Amount, e.Full = 1000, true
	return e
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) accept(x Entry) Record {
	e.Helper()
	r, known, err := e.Accept(e.ctx, x)
	e.must(err)
	if known {
		e.Fatalf("accept %s: known", x.Key)
	}
	return r
}

// begin asks for a step that must be the one named.
func (e *env) begin(x Entry, want Step) Grant {
	e.Helper()
	g, err := e.Begin(e.ctx, x)
	e.must(err)
	if g.Step != want {
		e.Fatalf("begin %s: step %d, want %d", x.Key, g.Step, want)
	}
	return g
}

func (e *env) finish(g Grant, n Next) {
	e.Helper()
	e.must(e.Finish(e.ctx, g, Attempt{Class: "test", Duration: time.Second}, n))
}

// What policies answer.
func cancelled(x Entry) Next {
	return Next{Status: Cancelled, Credit: x.Amount, Rounds: 1, CanTrdNo: "C-" + x.Key}
}

var (
	queuedAgain  = Next{Status: Queued, After: 5 * time.Second, Spend: 1, Code: "MP95", Message: "busy"}
	outcomeLost  = Next{Status: Unknown, After: verifyAfter, Verification: Verification{Reason: "unknown"}}
	rejectedCode = Next{Status: Rejected, Code: "ST25", Message: "refused"}
)

// reach accepts x and brings it to a status by the steps that lead there.
func (e *env) reach(x Entry, s Status) {
	e.Helper()
	e.accept(x)
	if s == Queued {
		return
	}
	g := e.begin(x, StepSend)
	switch s {
	case Sending:
	case Unknown:
		e.finish(g, outcomeLost)
	case Cancelled:
		e.finish(g, cancelled(x))
	case AlreadyCancelled:
		e.finish(g, Next{Status: s, Credit: x.Amount, Rounds: 1, Code: "ST38"})
	default:
		e.finish(g, Next{Status: s, Code: "ST25", Message: "refused"})
	}
}

// stand is where a cancellation stands in Redis. Times are relative to start.
type stand struct {
	Status   Status
	Due      time.Duration
	In       string // the sets that hold it
	Lease    string // who holds its transaction, and until when
	Attempts []string
	Spent    int
	Check    Verification
	Sum      int64
	Round    int
	Unended  int  // of its transaction
	Expires  bool // transaction
	Index    bool // expires
}

// raw is a transaction as it is stored.
type raw struct {
	document
	N int `json:"n"`
	L *struct {
		K string `json:"k"`
		T string `json:"t"`
		X int64  `json:"x"`
	} `json:"l"`
}

func (e *env) raw(x Entry) raw {
	e.Helper()
	var d raw
	text, err := e.rdb.Get(e.ctx, locate(x.Key, x.MchtID, x.OrgTrdNo).txnKey()).Bytes()
	e.must(err)
	e.must(json.Unmarshal(text, &d))
	return d
}

func (e *env) stand(x Entry) stand {
	e.Helper()
	p := locate(x.Key, x.MchtID, x.OrgTrdNo)
	r, err := e.Get(e.ctx, x.Key)
	e.must(err)
	d := e.raw(x)
	s := stand{Status: r.Status, Spent: r.Spent, Check: r.Verification, Sum: r.Sum, Round: r.Round, Unended: d.N,
		In: e.sets(p), Expires: e.expires(p.txnKey()), Index: e.expires(indexKey(p.key))}
	if !r.DueAt.IsZero() {
		s.Due = r.DueAt.Sub(start)
	}
	if l := d.L; l != nil {
		s.Lease = l.K + " " + time.Duration(l.X*1e6-start.UnixNano()).String()
		if l.X == 0 {
			s.Lease = l.K + " unknown"
		}
	}
	for _, a := range r.Attempts {
		s.Attempts = append(s.Attempts, line(a))
	}
	return s
}

// line tells kind, start, duration and answer of an attempt.
func line(a Attempt) string {
	if a.UnderWay {
		return fmt.Sprintf("%s %v under way", a.Kind, a.StartedAt.Sub(start))
	}
	return strings.TrimSpace(fmt.Sprintf("%s %v %v %s %s", a.Kind, a.StartedAt.Sub(start), a.Duration, a.Class, a.Code))
}

func (e *env) sets(p place) string {
	e.Helper()
	var in []string
	for _, key := range []string{p.openKey(), p.deadKey()} {
		switch _, err := e.rdb.ZScore(e.ctx, key, p.member).Result(); {
		case err == nil:
			in = append(in, key[strings.LastIndexByte(key, ':')+1:])
		case !errors.Is(err, redis.Nil):
			e.Fatal(err)
		}
	}
	return strings.Join(in, " ")
}

// expires reports whether a key has the time to live of what has ended; any other one is a failure.
func (e *env) expires(key string) bool {
	e.Helper()
	ttl, err := e.rdb.PTTL(e.ctx, key).Result()
	e.must(err)
	switch {
	case ttl == -1:
		return false
	case ttl > retention-time.Minute && ttl <= retention:
		return true
	}
	e.Fatalf("%s lives for %v", key, ttl)
	return false
}

func (e *env) wantStand(x Entry, want stand) {
	e.Helper()
	if d := cmp.Diff(want, e.stand(x)); d != "" {
		e.Errorf("%s (-want +got):\n%s", x.Key, d)
	}
}

// wantErr fails unless err is the wanted one, nil included.
func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// sameJSON compares parameters, whose order Redis does not keep.
var sameJSON = cmp.Transformer("JSON", func(raw json.RawMessage) (v any) {
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	return v
})

// told crosses out what has to be told, and answers it.
func (e *env) told() (all []Event) {
	e.Helper()
	for {
		events, err := e.Outbox(e.ctx, 500)
		e.must(err)
		if len(events) == 0 {
			return all
		}
		e.must(e.CrossOut(e.ctx, events))
		all = append(all, events...)
	}
}

// keys lists what a database holds.
func (e *env) keys() []string {
	e.Helper()
	keys, err := e.rdb.Keys(e.ctx, "*").Result()
	e.must(err)
	slices.Sort(keys)
	return keys
}
