package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// Protocol names a way to ask for a cancellation.
type Protocol = settlebank.Protocol

// The protocols, as package settlebank explains them.
const (
	Flat         = settlebank.Flat
	Protocol0A19 = settlebank.Protocol0A19
)

// Merchant is a merchant of SettleBank with its keys.
type Merchant struct {
	// ID is the merchant id (mchtId), up to 12 characters.
	ID string
	// HashKey signs requests; required.
	HashKey settlebank.Secret
	// AESKey encrypts fields, 32 bytes; required for [Protocol0A19], while [Flat] does without.
	AESKey settlebank.Secret
	// Protocol is [Flat] where empty.
	Protocol Protocol
}

// Options are the settings of a [Client]. Zero values mean the defaults named with each.
type Options struct {
	// Merchants are those the client speaks for: at least one, each id once.
	Merchants []Merchant
	// BaseURL is the gateway's, for example https://tbgw.settlebank.co.kr; required, http or https,
	// without user, query and fragment. A path is put before the message's.
	BaseURL string
	// CollationURL is that of the daily lists, for example https://tb-nspay.settlebank.co.kr,
	// formed like BaseURL; empty: no list can be asked for.
	CollationURL string
	// InquiryPath is where inquiries go; /spay/APITrdcheck.do. (The 2025 site has
	// /spay/APITrdStatInq.do.)
	InquiryPath string
	// Timeout bounds a whole call, from the look-up of the address to the last byte of the answer;
	// 30 s.
	Timeout time.Duration
	// ConnectTimeout bounds address look-up, dialling and TLS handshake of a connection; 5 s, at
	// most Timeout.
	ConnectTimeout time.Duration
	// MaxConnAge is how long a connection takes requests; 60 s. The name is looked up at each new
	// connection, so a switch of the gateway's data centre is followed within this time.
	MaxConnAge time.Duration
	// MaxIdleConns is how many idle connections are kept; 256.
	MaxIdleConns int
	// TLS is copied; nil: the system's roots. Its MinVersion is raised to TLS 1.2, and HTTP/2 is
	// not offered.
	TLS *tls.Config
	// Now is the clock for message times and connection ages; time.Now.
	Now func() time.Time
}

const (
	defaultInquiryPath    = settlebank.PathInquiry
	defaultTimeout        = 30 * time.Second
	defaultConnectTimeout = 5 * time.Second
	defaultMaxConnAge     = time.Minute
	defaultMaxIdleConns   = 256
)

// withDefaults returns o with its zero values replaced.
func (o Options) withDefaults() Options {
	if o.InquiryPath == "" {
		o.InquiryPath = defaultInquiryPath
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Timeout > 0 {
		o.ConnectTimeout = min(o.ConnectTimeout, o.Timeout)
	}
	if o.MaxConnAge == 0 {
		o.MaxConnAge = defaultMaxConnAge
	}
	if o.MaxIdleConns == 0 {
		o.MaxIdleConns = defaultMaxIdleConns
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// validate names every fault of o, whose defaults are in place, and returns the parsed BaseURL.
func (o Options) validate() (*url.URL, error) {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("gateway: "+format, args...))
	}
	base, err := parseBaseURL(o.BaseURL)
	if err != nil {
		faults = append(faults, err)
	}
	if o.CollationURL != "" {
		if _, err := parseURL("CollationURL", o.CollationURL); err != nil {
			faults = append(faults, err)
		}
	}
	if !strings.HasPrefix(o.InquiryPath, "/") || strings.ContainsAny(o.InquiryPath, "?# ") {
		fault("InquiryPath %q: want a path that begins with / and has no query", o.InquiryPath)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Timeout", o.Timeout}, {"ConnectTimeout", o.ConnectTimeout}, {"MaxConnAge", o.MaxConnAge}} {
		if d.value < 0 {
			fault("%s %s: want a positive duration", d.name, d.value)
		}
	}
	if o.MaxIdleConns < 0 {
		fault("MaxIdleConns %d: want a positive number", o.MaxIdleConns)
	}
	if o.TLS != nil && o.TLS.MaxVersion != 0 && o.TLS.MaxVersion < tls.VersionTLS12 {
		fault("TLS.MaxVersion %s: the gateway speaks TLS 1.2 or later", tls.VersionName(o.TLS.MaxVersion))
	}
	if len(o.Merchants) == 0 {
		fault("Merchants: want at least one")
	}
	seen := make(map[string]bool)
	for i, m := range o.Merchants {
		if seen[m.ID] {
			fault("merchant %q stands twice", m.ID)
		}
		seen[m.ID] = true
		for _, f := range m.faults() {
			fault("merchant %d (%q): %s", i+1, m.ID, f)
		}
	}
	return base, errors.Join(faults...)
}

func parseBaseURL(s string) (*url.URL, error) { return parseURL("BaseURL", s) }

// parseURL parses s, the value of a field. Its errors do not repeat s, which may hold a password.
func parseURL(field, s string) (*url.URL, error) {
	base, err := url.Parse(s)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" {
		return nil, fmt.Errorf("gateway: %s: want http:// or https:// and a host", field)
	}
	if base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "" {
		return nil, fmt.Errorf("gateway: %s: want no user, no query and no fragment", field)
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), ""
	return base, nil
}

func (m Merchant) faults() []string {
	var faults []string
	faults = checkText(faults, "ID", m.ID, settlebank.MaxMchtID)
	if !m.HashKey.IsSet() {
		faults = append(faults, "HashKey is missing")
	}
	if m.AESKey.IsSet() {
		if _, err := newFieldCipher(m.AESKey); err != nil {
			faults = append(faults, err.Error())
		}
	} else if m.Protocol == Protocol0A19 {
		faults = append(faults, "AESKey is missing: protocol 0A19 encrypts with it")
	}
	if _, err := protocolOf(m.Protocol); err != nil {
		faults = append(faults, err.Error())
	}
	return faults
}
