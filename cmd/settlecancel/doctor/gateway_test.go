package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
)

// answering is a gateway that gives each inquiry the same answer.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func refusal(code string) string {
	return fmt.Sprintf(`{"params":{"outStatCd":"0031","outRsltCd":"%s","outRsltMsg":"no"},"data":{}}`, code)
}

func TestMerchants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      int
		body        string
		check       string
		level       Level
		says, mends string
	}{
		"OK":              {200, refusal("ST06"), "protocol", OK, "merchant shop: SettleBank speaks 0A19, as is set", ""},
		"OKKnown":         {200, refusal("CA10"), "merchants", OK, "merchant shop: known to SettleBank, and the hash key is right (an inquiry at /spay/APITrdcheck.do finds", ""},
		"ErrHash":         {200, refusal("1901"), "merchants", Danger, "1901", "the hash key is not the one"},
		"ErrAES":          {200, refusal("1902"), "merchants", Danger, "1902", "correct the AES key"},
		"ErrUnregistered": {200, refusal("ST47"), "merchants", Danger, "ST47", "does not know the merchant"},
		"ErrService":      {200, refusal("GC04"), "merchants", Danger, "GC04", "SETTLEBANK_ENV"},
		"Err401":          {401, "who are you", "merchants", Danger, "HTTP 401", "outgoing address registered"},
		"Err403":          {403, "<html>Forbidden</html>", "merchants", Danger, "HTTP 403", "outgoing address registered"},
		"Err404":          {404, "<html>Not Found</html>", "merchants", Danger, "HTTP 404", "SETTLEBANK_BASE_URL"},
		"Err404Paths":     {404, "<html>Not Found</html>", "merchants", Danger, "neither of the documented paths answers", "SETTLEBANK_INQUIRY_PATH"},
		"ErrForeign":      {200, "<html>Welcome</html>", "merchants", Danger, "HTTP 200", "what stands in front"},
		"Err503":          {503, "", "merchants", Danger, "HTTP 503", "it is up"},
		"ErrMethod":       {405, "", "merchants", Danger, "HTTP 405", "SETTLEBANK_INQUIRY_PATH"},
		"ErrFlat":         {200, `{"resultCode":"1004","resultMsg":"no"}`, "protocol", Danger, "SETTLEBANK_PROTOCOL is 0A19, and SettleBank speaks flat", "SETTLEBANK_PROTOCOL=flat"},
		"ErrFlatInquiry":  {200, `{"resultCode":"1004","resultMsg":"no"}`, "merchants", Danger, "not answered there", "SETTLEBANK_INQUIRY_PATH"},
		"NoteBusy":        {200, refusal("ST41"), "merchants", Note, "SettleBank is busy: ST41", "SETTLEBANK_RATE"},
		"Note429":         {429, "", "merchants", Note, "busy", "later"},
		"NoteOther":       {200, refusal("ST07"), "merchants", Note, "ST07", "ask SettleBank"},
		"NoteUnlisted":    {200, refusal("XX77"), "merchants", Note, "XX77", "ask SettleBank"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &patient{TB: t, o: Options{Timeout: time.Minute, GatewayTimeout: time.Minute, Now: time.Now}}
			p.o.Settings = Settings{Inquiry: true, InquiryPath: settlebank.PathInquiry,
				Merchants: []gateway.Merchant{{ID: "shop", HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey), Protocol: gateway.Protocol0A19}}}
			p.gateway(answering(t, c.status, c.body))
			x, s := &examiner{Options: p.o}, &sheet{check: "merchants"}
			x.merchants(context.Background(), s)
			found := findings{t, s.findings}
			found.want(c.check, c.level, c.says, c.mends)
			if c.level == Danger {
				for _, f := range found.all {
					if f.Level == OK {
						t.Errorf("something is called well: %+v", f)
					}
				}
			}
		})
	}
}

// The simulated SettleBank knows another hash key; several merchants with the same trouble are told
// at once.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.o.Settings.Merchants = nil
	known := []simulator.Merchant{{ID: "well", HashKey: hashKey}}
	for _, id := range []string{"shop", "branch", "well"} {
		p.o.Settings.Merchants = append(p.o.Settings.Merchants, gateway.Merchant{ID: id, HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey)})
		if id != "well" {
			known = append(known, simulator.Merchant{ID: id, HashKey: "another key of SettleBank"})
		}
	}
	sim, err := simulator.New(simulator.Options{Merchants: known})
	p.must(err)
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	p.gateway(web.URL)
	found := p.examine()
	found.want("merchants", Danger, "merchants shop, branch: a request to cancel a payment that does not exist is refused: 1901", "SETTLEBANK_HASH_KEY")
	found.want("merchants", OK, "merchant well: known", "")
	found.wantNoWorse(OK, "merchants", "workers")
	if s := sim.Stats(); s.Effects != 0 {
		t.Errorf("%d effects", s.Effects)
	}
}

// Not every merchant may have cards: the next method is asked for.
func TestOtherMethod(t *testing.T) {
	t.Parallel()
	var asked []string
	gw := inquirer(func(r gateway.InquiryRequest) gateway.Outcome {
		asked = append(asked, r.Method)
		if r.Method == "MP" {
			return gateway.Outcome{Class: gateway.Rejected, Code: "MP03", HTTPStatus: 200, Written: true}
		}
		return gateway.Outcome{Class: gateway.Misconfigured, Code: "ST47", HTTPStatus: 200, Written: true}
	})
	x := &examiner{Options: Options{Gateway: gw, Now: time.Now, Settings: Settings{Inquiry: true}}}
	for _, f := range x.merchant(context.Background(), gateway.Merchant{ID: "phones", Protocol: gateway.Protocol0A19}) {
		if f.Level != OK {
			t.Errorf("%+v", f)
		}
	}
	if got := strings.Join(asked, " "); got != "CA RA MP CA RA VA MP" {
		t.Errorf("asked for %s", got)
	}
}

type inquirer func(gateway.InquiryRequest) gateway.Outcome

func (f inquirer) Inquire(_ context.Context, r gateway.InquiryRequest) gateway.Inquiry {
	return gateway.Inquiry{Outcome: f(r)}
}

func (f inquirer) Probe(_ context.Context, id string, p gateway.Protocol, method string) gateway.Probe {
	return gateway.Probe{Outcome: f(gateway.InquiryRequest{MchtID: id, Method: method}), Spoken: p}
}

// Whatever SettleBank blames on keys or registration, people are told what to do.
func TestRefusalsHaveRemedies(t *testing.T) {
	t.Parallel()
	for _, code := range settlebank.Codes() {
		if class, _ := settlebank.Classify(code); class != gateway.Misconfigured {
			continue
		}
		f := judge("it", gateway.Outcome{Class: gateway.Misconfigured, Code: code, HTTPStatus: 200})
		if f.Level != Danger || f.Mend == "" {
			t.Errorf("%s: %+v", code, f)
		}
	}
}

func TestGatewayAway(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	p.gateway(gone.URL)
	gone.Close()
	found := p.examine()
	found.want("gateway", Danger, "no connection to SettleBank", "firewall")
	found.want("merchants", Danger, "connection refused", "can be reached from here")
	found.wantNoWorse(OK, "gateway", "merchants", "workers")

	p.o.Settings.BaseURL = "http://no-such-host.invalid"
	p.examine().want("gateway", Danger, "no-such-host.invalid", "resolves names")

	// A worker that starts does not ask.
	p.o.Starting = true
	for _, f := range p.examine().all {
		if f.Check == "gateway" || f.Check == "merchants" || f.Check == "workers" {
			t.Errorf("asked at a worker's start: %+v", f)
		}
	}
}

// A gateway that takes requests and never answers holds nothing up for longer than the time-out.
func TestGatewaySilent(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(release) })
	p.gateway(silent.URL)
	p.o.GatewayTimeout = 300 * time.Millisecond
	found := p.examine()
	found.want("gateway", Danger, "no answer within 300ms", "firewall")
	found.want("merchants", Danger, "no answer within 300ms", "can be reached")
	found.wantNoWorse(OK, "gateway", "merchants", "workers")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	start := func(c *tls.Config) (*httptest.Server, *tls.Config) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS, s.Config.ErrorLog = c, quietLog()
		s.StartTLS()
		t.Cleanup(s.Close)
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return s, &tls.Config{RootCAs: pool}
	}
	reach := func(url string, c *tls.Config, now func() time.Time) findings {
		x := &examiner{Options: Options{TLS: c, Now: now, Settings: Settings{BaseURL: url}}}
		s := &sheet{check: "gateway"}
		x.reachGateway(context.Background(), s)
		return findings{t, s.findings}
	}
	modern, roots := start(&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12})
	reach(modern.URL, roots, time.Now).want("gateway", OK, "over TLS 1.2", "")
	reach(modern.URL, nil, time.Now).want("gateway", Danger, "certificate", "CA certificates")
	expired := roots.Clone()
	expired.Time = func() time.Time { return time.Now().AddDate(100, 0, 0) }
	reach(modern.URL, expired, time.Now).want("gateway", Danger, "expired", "clock is right")
	old, roots := start(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	reach(old.URL, roots, time.Now).want("gateway", Danger, "TLS handshake", "TLS 1.2 or later")
}

func TestClock(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	for ahead, want := range map[time.Duration]struct {
		level Level
		says  string
		mend  string
	}{
		0:                 {OK, "agrees", ""},
		-10 * time.Minute: {Danger, "10m0s behind", "chrony"},
		10 * time.Minute:  {Danger, "ahead of", "chrony"},
	} {
		p.o.Now = func() time.Time { return time.Now().Add(ahead) }
		found := p.examine()
		found.want("clock", want.level, want.says, want.mend)
		found.want("clock", want.level, "Redis", want.mend)
		found.want("clock", want.level, "SettleBank", want.mend)
	}
	p.o.Now = nil
	undated := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }))
	t.Cleanup(undated.Close)
	p.o.Settings.BaseURL = undated.URL
	p.examine().want("clock", Note, "bears no date", "time service")
}

func TestSkew(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	for name, c := range map[string]struct {
		told            time.Time
		precision, want time.Duration
		level           Level
	}{
		"OK":              {at(500 * time.Millisecond), time.Microsecond, 0, OK},
		"OKCutToSeconds":  {at(-900 * time.Millisecond), time.Second, 0, OK},
		"OKWithinARound":  {at(time.Second), time.Microsecond, 0, OK},
		"OKLessThanNoted": {at(1900 * time.Millisecond), time.Microsecond, 900 * time.Millisecond, OK},
		"NoteAhead":       {at(3 * time.Second), time.Microsecond, 2 * time.Second, Note},
		"NoteBehind":      {at(-3 * time.Second), time.Second, -2 * time.Second, Note},
		"ErrAhead":        {at(7 * time.Second), time.Microsecond, 6 * time.Second, Danger},
		"ErrBehind":       {at(-time.Hour), 0, -time.Hour, Danger},
	} {
		t.Run(name, func(t *testing.T) {
			got := skew(c.told, c.precision, at(0), at(time.Second))
			if got != c.want {
				t.Errorf("skew %v, want %v", got, c.want)
			}
			s := &sheet{check: "clock"}
			s.clock("Redis", got, "bad")
			if s.findings[0].Level != c.level {
				t.Errorf("%+v", s.findings)
			}
		})
	}
}
