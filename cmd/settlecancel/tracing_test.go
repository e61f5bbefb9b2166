package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/gateway/simulator"
)

// collector takes traces, as OpenTelemetry's does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var told collectorpb.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &told) != nil {
			t.Errorf("%s %s: no traces", r.Method, r.URL)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range told.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// lineage returns the names of a span and its ancestors, the eldest first.
func (c *collector) lineage(of *tracepb.Span) (names []string) {
	for ; of != nil; of = c.find(func(s *tracepb.Span) bool { return string(s.SpanId) == string(of.ParentSpanId) }) {
		names = append([]string{of.Name}, names...)
	}
	return names
}

func (c *collector) find(is func(*tracepb.Span) bool) *tracepb.Span {
	for _, s := range c.spans {
		if is(s) {
			return s
		}
	}
	return nil
}

func (c *collector) named(name string) (spans []*tracepb.Span) {
	for _, s := range c.spans {
		if s.Name == name {
			spans = append(spans, s)
		}
	}
	return spans
}

func attributeOf(s *tracepb.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// A cancellation is one trace: of the order system that asks for it, the server that accepts it,
// the worker, each attempt, and each request to the gateway, which is told nothing of it.
func TestTrace(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	addr := freeAddr(t)
	p := newPlant(t, simulator.Options{AutoAmount: 1000}, "HTTP_ADDR="+addr, "RETRY_INITIAL=100ms", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL)
	if _, err := p.sim.Script(simulator.Rule{Times: 1, Fault: simulator.Fault{Kind: simulator.KindCode, Code: "CA01"}}); err != nil {
		t.Fatal(err)
	}
	server, worker := p.start("server"), p.start("worker")
	const shop = "4bf92f3577b34da6a3ce929d0e0e4736"
	p.until("it is accepted", time.Minute, func() bool {
		r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/v1/cancellations", strings.NewReader(
			`{"mchtId":"nxca_jt_bi","orgTrdNo":"STFP_1","orgMchtTrdNo":"O1","orgTrdDt":"20231215","canAmt":1000,"orgTrdAmt":1000,"method":"CA"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "traced")
		r.Header.Set("Traceparent", "00-"+shop+"-00f067aa0ba902b7-01")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusAccepted
	})
	p.until("it is cancelled", time.Minute, func() bool { return p.record("traced").Status == "cancelled" })
	server.signal(syscall.SIGTERM)
	worker.signal(syscall.SIGTERM)
	if server.wait() != 0 || worker.wait() != 0 {
		t.Fatalf("%s\n%s", server.log, worker.log)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if got := hex.EncodeToString(s.TraceId); got != shop {
			t.Errorf("%s belongs to trace %s, want %s", s.Name, got, shop)
		}
	}
	requests := c.named("settlebank cancel")
	if len(requests) != 2 {
		t.Fatalf("%d requests traced, want the refused one and the other", len(requests))
	}
	want := []string{"POST /v1/cancellations", "create settlebank:cancel", "process settlebank:cancel", "settlebank cancel"}
	for i, code := range []string{"CA01", "0000"} {
		if diff := cmp.Diff(want, c.lineage(requests[i])); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i, diff)
		}
		if got := attributeOf(requests[i], "code"); got != code {
			t.Errorf("request %d: code %q, want %q", i, got, code)
		}
	}
	last := c.named("process settlebank:cancel")
	if s := last[len(last)-1]; attributeOf(s, "key") != "traced" || attributeOf(s, "status") != "cancelled" || s.Kind != tracepb.Span_SPAN_KIND_CONSUMER {
		t.Errorf("the last attempt is traced as %v", s)
	}
}

// Each line of a file is a trace of its own, and a collector that is away keeps nobody from
// working.
func TestTraceOfFile(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	p := newPlant(t, simulator.Options{AutoAmount: 1000})
	lines := `{"idempotencyKey":"a","orgTrdNo":"A","orgMchtTrdNo":"OA","orgTrdDt":"20231215","canAmt":500}` + "\n" +
		`{"idempotencyKey":"b","orgTrdNo":"B","orgMchtTrdNo":"OB","orgTrdDt":"20231215","canAmt":500}` + "\n"
	for _, url := range []string{c.URL, "http://" + freeAddr(t)} {
		stdout, stderr := &strings.Builder{}, &strings.Builder{}
		a := app{Terminal: terminal.Terminal{In: strings.NewReader(lines), Out: stdout, Err: stderr}, environ: append(p.environ, "OTEL_EXPORTER_OTLP_ENDPOINT="+url, "LOG_LEVEL=error")}
		if code := a.run(t.Context(), []string{"enqueue", "--file", "-"}); code != 0 || stderr.String() != "" {
			t.Errorf("with %s: exit code %d, %s%s", url, code, stdout, stderr)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	made := c.named("create settlebank:cancel")
	if len(made) != 2 || len(c.spans) != 2 || string(made[0].TraceId) == string(made[1].TraceId) || len(made[0].ParentSpanId) > 0 {
		t.Errorf("traced %v, want a trace of each line", c.spans)
	}
}
