package doctor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

func TestSettings(t *testing.T) {
	t.Parallel()
	well := Settings{
		Production: true, BaseURL: "https://gw.settlebank.co.kr", Inquiry: true, VerifyAfter: time.Minute, GatewayTimeout: 30 * time.Second,
		Rate: 10, RetryMax: 30, RetryInitial: 5 * time.Second, RetryCap: time.Hour, Retention: 4320 * time.Hour, PayloadKey: true,
	}
	examine := func(o Options) findings {
		x, s := &examiner{Options: o}, &sheet{check: "settings"}
		x.settings(context.Background(), s)
		return findings{t, s.findings}
	}
	examine(Options{Settings: well}).wantNoWorse(OK)
	for name, c := range map[string]struct {
		spoil       func(*Settings)
		level       Level
		says, mends string
	}{
		"NoteInquiry":   {func(o *Settings) { o.Inquiry = false }, Note, "goes to review", "0A1M"},
		"ErrHTTP":       {func(o *Settings) { o.BaseURL = "http://gw.example.com" }, Danger, "unencrypted", "unset"},
		"NoteHTTP":      {func(o *Settings) { o.BaseURL, o.Production = "http://sim.example.com", false }, Note, "unencrypted", "https"},
		"OKSimulator":   {func(o *Settings) { o.BaseURL, o.Production = "http://127.0.0.1:8090", false }, OK, "127.0.0.1", ""},
		"NoteOtherHost": {func(o *Settings) { o.BaseURL = "https://relay.example.com" }, Note, "not to gw.settlebank.co.kr", "unset"},
		"NoteRelay":     {func(o *Settings) { o.BaseURL = "http://localhost:8443" }, Note, "localhost", "unset"},
		"ErrURL":        {func(o *Settings) { o.BaseURL = "https://a b" }, Danger, "no URL", "SETTLEBANK_BASE_URL"},
		"NoteBudget":    {func(o *Settings) { o.RetryMax = 3 }, Note, "within 35s", "RETRY_MAX"},
		"NoteNoRetry":   {func(o *Settings) { o.RetryMax = 0 }, Note, "within 0s", "RETRY_MAX"},
		"NotePayload":   {func(o *Settings) { o.PayloadKey = false }, Note, "refused", "PAYLOAD_KEY"},
		"NoteRate":      {func(o *Settings) { o.Rate = 0 }, Note, "too fast", "SETTLEBANK_RATE"},
		"ErrVerify":     {func(o *Settings) { o.VerifyAfter = 9 * time.Second }, Danger, "sent again", "60s"},
		"ErrKept":       {func(o *Settings) { o.Retention = 71 * time.Hour }, Danger, "carried out again", "4320h"},
		"NoteVerify":    {func(o *Settings) { o.VerifyAfter = 15 * time.Second }, Note, "old state", "60s"},
		"NoteTimeout":   {func(o *Settings) { o.GatewayTimeout = 3 * time.Second }, Note, "given up after 3s", "30s"},
		"ErrServer":     {func(o *Settings) { o.ServerFault = errors.New("API_TOKENS must be set") }, Danger, "API_TOKENS must be set", "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			o := well
			c.spoil(&o)
			examine(Options{Settings: o}).want("settings", c.level, c.says, c.mends)
		})
	}
	exposed := well
	exposed.ServerFault = errors.New("API_TOKENS must be set")
	examine(Options{Settings: exposed, Starting: true}).wantNoWorse(OK) // a worker is no server
}

// A check that hangs is told of, and holds nothing up.
func TestHangingCheck(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	c := check{"stuck", 10 * time.Millisecond, func(context.Context, *sheet) { <-release }}
	findings{t, c.within(context.Background())}.want("stuck", Danger, "did not end within 10ms", "run it again")
	polite := check{"polite", 10 * time.Millisecond, func(ctx context.Context, s *sheet) {
		<-ctx.Done()
		s.note("wait", "%v", because(ctx, errors.New("some error")))
	}}
	findings{t, polite.within(context.Background())}.want("polite", Note, "no answer within 10ms", "wait")
}

func TestLogDangers(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	LogDangers(context.Background(), slog.New(slog.NewTextHandler(&b, nil)), []Finding{
		{"redis", OK, "well", ""}, {"redis-memory", Danger, "evicts", "noeviction"}, {"queues", Note, "slow", "wait"}, {"clock", Danger, "late", "chrony"}})
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `level=ERROR msg="danger: evicts" check=redis-memory mend=noeviction`) ||
		!strings.Contains(lines[1], "danger: late") {
		t.Errorf("%s", b.String())
	}
}
