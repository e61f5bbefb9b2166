package metrics

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

func TestAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	request := ledger.Record{MchtID: shop, Status: ledger.Sending}
	inquiry := ledger.Record{MchtID: "someone-else", Status: ledger.Unknown}
	tell := func(r ledger.Record, method, class, code string, took time.Duration) {
		b.metrics.Attempt(t.Context(), r, method, ledger.Attempt{Class: class, Code: code, Duration: took})
	}
	tell(request, "CA", "ok", "0000", 80*time.Millisecond)
	tell(request, "CA", "ok", "0000", 700*time.Millisecond)
	tell(request, "", "unknown", "", 30*time.Second)
	tell(request, "XX", "rejected", "ZZ99", time.Second)
	tell(request, "CA", "misconfigured", gateway.Local, 0)
	tell(inquiry, "VA", "ok", "0001", 2*time.Second)
	tell(inquiry, "VA", impossible, "", 0)
	tell(inquiry, "VA", "a class of tomorrow", "", time.Minute)

	want := map[string]float64{
		"request ok nxca_jt_bi CA": 2, "request unknown nxca_jt_bi none": 1, "request rejected nxca_jt_bi none": 1,
		"request misconfigured nxca_jt_bi CA": 1,
		"inquiry ok other VA":                 1, "inquiry impossible other VA": 1, "inquiry other other VA": 1,
	}
	if diff := cmp.Diff(want, moved(b.values("settlecancel_attempts_total", "kind", "class", "merchant", "method"))); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	want = map[string]float64{"request 0000": 2, "request none": 1, "request unlisted": 1, "request local": 1, "inquiry 0001": 1, "inquiry none": 2}
	if diff := cmp.Diff(want, b.values("settlecancel_answer_codes_total", "kind", "code")); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	want = map[string]float64{"request ok": 2, "request unknown": 1, "request rejected": 1, "inquiry ok": 1, "inquiry other": 1}
	if diff := cmp.Diff(want, b.values("settlecancel_gateway_duration_seconds_count", "kind", "class")); diff != "" {
		t.Errorf("calls timed (-want +got):\n%s", diff)
	}
	within := b.values("settlecancel_gateway_duration_seconds_bucket", "kind", "class", "le")
	if within["request ok 0.1"] != 1 || within["request ok 1"] != 2 || within["request unknown 20"] != 0 || within["request unknown 30"] != 1 {
		t.Errorf("buckets: %v", within)
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tell := func(s ledger.Status, amount int64, currency, method string) {
		params, err := json.Marshal(map[string]string{"cu": currency})
		if err != nil {
			t.Fatal(err)
		}
		b.metrics.Settled(t.Context(), ledger.Record{MchtID: shop, Status: s, Amount: amount, Params: params}, method)
	}
	tell(ledger.Cancelled, 5000, "", "CA")
	tell(ledger.Cancelled, 700, "", "")
	tell(ledger.Cancelled, 1999, "USD", "CA")
	tell(ledger.Review, 300, "", "VA")
	want := map[string]float64{"cancelled CA nxca_jt_bi": 2, "cancelled none nxca_jt_bi": 1, "review VA nxca_jt_bi": 1}
	if diff := cmp.Diff(want, b.values("settlecancel_settled_total", "status", "method", "merchant")); diff != "" {
		t.Errorf("settled (-want +got):\n%s", diff)
	}
	want = map[string]float64{"cancelled KRW": 5700, "cancelled USD": 1999, "review KRW": 300}
	if diff := cmp.Diff(want, moved(b.values("settlecancel_settled_amount_total", "status", "currency"))); diff != "" {
		t.Errorf("amounts (-want +got):\n%s", diff)
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	check := func(want map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, b.values("settlecancel_breaker_state", "merchant")); diff != "" {
			t.Errorf("breakers (-want +got):\n%s", diff)
		}
	}
	check(map[string]float64{shop: 0, "nxca_jt_il": 0, "other": 0})
	b.metrics.Breaker(shop, "open")
	b.metrics.Breaker("stranger", "open")
	b.metrics.Breaker("stranger too", "half-open")
	check(map[string]float64{shop: 2, "nxca_jt_il": 0, "other": 2})
	b.metrics.Breaker(shop, "half-open")
	b.metrics.Breaker("stranger", "closed")
	check(map[string]float64{shop: 1, "nxca_jt_il": 0, "other": 1})
	b.metrics.Breaker(shop, "closed")
	b.metrics.Breaker("stranger too", "closed")
	check(map[string]float64{shop: 0, "nxca_jt_il": 0, "other": 0})

	for i := range 3 * sharedMerchants {
		b.metrics.Breaker(fmt.Sprint("flood-", i), "open")
	}
	if n := len(b.metrics.breakers.held); n != sharedMerchants {
		t.Errorf("%d merchants remembered, want %d", n, sharedMerchants)
	}
	for i := range 3 * sharedMerchants {
		b.metrics.Breaker(fmt.Sprint("flood-", i), "closed")
	}
	check(map[string]float64{shop: 0, "nxca_jt_il": 0, "other": 0})
	if b.metrics.breakers.spare != sharedMerchants {
		t.Errorf("room for %d more, want %d", b.metrics.breakers.spare, sharedMerchants)
	}
}

func TestPostponed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for text, want := range map[string]string{
		"held: circuit breaker is open":                   "held",
		"waiting for another cancellation of the payment": "payment",
		"not due yet":                                            "not_due",
		"more steps are due":                                     "not_due",
		"paused by kim: bank holiday":                            "paused",
		"waits until 00:35: maintenance window":                  "window",
		"waits for its turn: SETTLEBANK_RATE":                    "rate",
		"stopped before the request: the lease is too old":       "stopped",
		"queued: transient ST41 busy":                            "retry",
		"queued: misconfigured 1901 hash mismatch":               "misconfigured",
		"unknown: unknown  read: connection reset by peer":       "verify",
		"ledger: begin refund-1: dial tcp: connection refused":   "ledger",
		"refund-1 by a customer called Kim, 010-1234-5678":       "other",
		strings.Repeat("what a payload could hold ", 100_000/26): "other",
	} {
		before := b.values("settlecancel_postponed_total", "reason")
		b.metrics.Postponed(text, time.Second)
		after := b.values("settlecancel_postponed_total", "reason")
		if after[want] != before[want]+1 || len(after) != len(before) {
			t.Errorf("%.60q is not counted as %s alone: %v", text, want, after)
		}
	}
}

// TestReasons reads the worker's source: each reason that it gives for a postponement has a class.
func TestReasons(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../worker/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			kv, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if name, ok := kv.Key.(*ast.Ident); !ok || name.Name != "reason" {
				return true
			}
			text := firstText(kv.Value)
			if text == "" {
				return true // an error of the ledger, which says so first
			}
			found++
			if text = strings.Replace(text, "%s", string(ledger.Queued), 1); reasonLabel(text) == other {
				t.Errorf("%s: the reason %q has no class", file, text)
			}
			return true
		})
	}
	if found < 8 {
		t.Errorf("found only %d reasons", found)
	}
}

// firstText returns the first string that an expression holds.
func firstText(e ast.Expr) (text string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && text == "" {
			text, _ = strconv.Unquote(lit.Value)
		}
		return text == ""
	})
	return text
}

// TestMethods compares the methods that are labels with those that tasks takes.
func TestMethods(t *testing.T) {
	t.Parallel()
	var taken []string
	for a := 'A'; a <= 'Z'; a++ {
		for c := 'A'; c <= 'Z'; c++ {
			x := sample("methods")
			if x.Method = string([]rune{a, c}); x.Validate(time.Now()) == nil {
				taken = append(taken, x.Method)
			}
		}
	}
	known := slices.Sorted(slices.Values(settlebank.Methods()))
	if diff := cmp.Diff(taken, known); diff != "" {
		t.Errorf("methods (-tasks +metrics):\n%s", diff)
	}
}

// TestBounded shows values of all kinds to the metrics: the number of series stays what it is.
func TestBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	count := func(from, to int) int {
		for i := from; i < to; i++ {
			text := fmt.Sprint("x", i)
			r := ledger.Record{Key: text, MchtID: text, OrgTrdNo: text, Status: ledger.Status(text), Params: []byte("{}")}
			b.metrics.Attempt(t.Context(), r, text, ledger.Attempt{Class: text, Code: text, Message: text})
			b.metrics.Settled(t.Context(), r, text)
			b.metrics.Breaker(text, text)
			b.metrics.Postponed(text, 0)
		}
		return len(ours(b.scrape()))
	}
	if one, many := count(0, 1), count(1, 500); one != many {
		t.Errorf("%d series, then %d", one, many)
	}
	secret := regexp.MustCompile(`x\d+`)
	for _, s := range b.scrape() {
		for name, value := range s.labels {
			if secret.MatchString(value) {
				t.Errorf("%s shows %s=%q", s.name, name, value)
			}
		}
	}
}

// ours leaves out what Go's runtime and the process tell.
func ours(all []series) []series {
	return slices.DeleteFunc(slices.Clone(all), func(s series) bool { return !strings.HasPrefix(s.name, "settlecancel_") })
}

func FuzzReasonLabel(f *testing.F) {
	f.Add("held: circuit breaker is open")
	f.Add("queued: misconfigured")
	f.Fuzz(func(t *testing.T, text string) {
		if label := reasonLabel(text); !slices.Contains(reasons(), label) {
			t.Errorf("%q is of class %q, which is none", text, label)
		}
	})
}
