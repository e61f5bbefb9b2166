package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// reachGateway opens the gateway's front page, as its client connects: TLS 1.2 or later, no proxy,
// no redirect. Any answer will do; its Date is the gateway's clock.
func (x *examiner) reachGateway(ctx context.Context, s *sheet) {
	url := x.Settings.BaseURL
	var sent time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = x.Now() }})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", nil)
	if err != nil {
		s.danger("correct SETTLEBANK_BASE_URL", "%v", err)
		return
	}
	resp, err := x.transport(r.URL.Hostname()).RoundTrip(r)
	if err != nil {
		s.danger(mendConnection(err), "no connection to SettleBank at %s: %v", url, err)
		return
	}
	came := x.Now()
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<16)
	_ = resp.Body.Close()
	over := "without TLS"
	if resp.TLS != nil {
		over = "over " + tls.VersionName(resp.TLS.Version)
	}
	s.ok("%s answers %s", url, over)
	x.gatewayClock(s, resp.Header.Get("Date"), sent, came)
}

// gatewayClock compares this machine's clock with the gateway's, which checks the time that
// requests bear.
func (x *examiner) gatewayClock(s *sheet, date string, sent, came time.Time) {
	c := &sheet{check: "clock"}
	told, err := http.ParseTime(date)
	if err != nil {
		c.note("see that a time service runs on this machine", "SettleBank's answer bears no date to compare this machine's clock with")
	} else {
		c.clock("SettleBank", skew(told, time.Second, sent, came), "it may refuse requests for the time that they bear, and dates of payments turn at the wrong midnight")
	}
	s.findings = append(s.findings, c.findings...)
}

// handshakeError is a connection that was made, and TLS that was not.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

func (x *examiner) transport(host string) *http.Transport {
	config := &tls.Config{}
	if x.TLS != nil {
		config = x.TLS.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	config.ServerName = cmp.Or(config.ServerName, host)
	return &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			raw, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			conn := tls.Client(raw, config)
			if err := conn.HandshakeContext(ctx); err != nil {
				raw.Close()
				return nil, &handshakeError{err}
			}
			return conn, nil
		},
	}
}

// mendConnection returns what helps against an error of connecting.
func mendConnection(err error) string {
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var expired x509.CertificateInvalidError
	var handshake *handshakeError
	switch {
	case errors.As(err, &name):
		return "see that this machine resolves names (DNS), and that SETTLEBANK_BASE_URL is right"
	case errors.As(err, &expired):
		return "see that this machine's clock is right, and ask SettleBank for its certificate"
	case errors.As(err, &untrusted):
		return "install the system's CA certificates, and see that nothing between here and SettleBank opens the connection"
	case errors.As(err, &handshake):
		return "see that SETTLEBANK_BASE_URL is a host that speaks TLS 1.2 or later, with nothing in between that does not"
	}
	return "see that the firewall lets this machine out to SettleBank, that SETTLEBANK_BASE_URL is right, and that SettleBank is up"
}
