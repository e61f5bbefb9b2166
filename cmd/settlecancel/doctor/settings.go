package doctor

import (
	"context"
	"net/url"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// Settings are those in force, as far as the doctor judges them.
type Settings struct {
	RedisAddress string // without passwords
	Failover     bool   // Sentinel promotes replicas; of a cluster it is known
	WaitReplicas int    // REDIS_WAIT_REPLICAS

	Production     bool               // SETTLEBANK_ENV
	BaseURL        string             // without a slash at its end
	Merchants      []gateway.Merchant // with their keys
	Inquiry        bool               // SETTLEBANK_INQUIRY is not off
	InquiryPath    string             // SETTLEBANK_INQUIRY_PATH
	VerifyAfter    time.Duration      // SETTLEBANK_VERIFY_AFTER
	GatewayTimeout time.Duration      // SETTLEBANK_TIMEOUT
	Rate           int                // SETTLEBANK_RATE, 0 for no limit

	RetryMax               int // 0 for none
	RetryInitial, RetryCap time.Duration
	Retention              time.Duration // LEDGER_RETENTION

	Webhook     bool  // WEBHOOK_URL is set
	PayloadKey  bool  // account numbers can be encrypted
	ServerFault error // why the HTTP server would not start, nil where it would
}

const (
	productionHost = "gw.settlebank.co.kr"
	// shortBudget is how long an outage of the gateway a retry budget should outlast.
	shortBudget = time.Hour
	// vendorTimeout is the read time-out of SettleBank's own SDKs.
	vendorTimeout = 25 * time.Second
	// shortVerify is below what SettleBank may take until an inquiry shows the new state.
	shortVerify, rashVerify = 30 * time.Second, 10 * time.Second
	// shortRetention hardly outlasts a weekend.
	shortRetention = 72 * time.Hour
)

// settings tells what is allowed and yet seldom meant.
func (x *examiner) settings(_ context.Context, s *sheet) {
	o := x.Settings
	o.host(s)
	if !o.Inquiry {
		s.note("SETTLEBANK_INQUIRY=0A1M, where the merchants may inquire",
			"SETTLEBANK_INQUIRY is off: each partial cancellation whose outcome is not known goes to review, for a person to settle")
	}
	if span := o.budget(); span < shortBudget {
		s.note("raise RETRY_MAX or RETRY_CAP", "all retries of a cancellation are spent within %s (RETRY_MAX, RETRY_INITIAL, RETRY_CAP): a longer outage of SettleBank makes dead letters", age(span))
	} else {
		s.ok("retries outlast an outage of SettleBank of %s", age(span))
	}
	if o.ServerFault != nil && !x.Starting {
		s.danger("set the credentials, or let HTTP_ADDR be of the loopback interface", "the server would not start: %v", o.ServerFault)
	}
	if o.Production {
		o.production(s)
	}
}

// host judges where requests go.
func (o Settings) host(s *sheet) {
	u, err := url.Parse(o.BaseURL)
	if err != nil {
		s.danger("correct SETTLEBANK_BASE_URL", "SETTLEBANK_BASE_URL is no URL")
		return
	}
	open := u.Scheme == "http" && !settlebank.Loopback(u.Hostname())
	switch {
	case o.Production && u.Hostname() != productionHost && settlebank.Loopback(u.Hostname()):
		s.note("leave SETTLEBANK_BASE_URL unset, unless a program on this machine hands the requests on to SettleBank", "requests of production go to %s", o.BaseURL)
	case open && o.Production:
		s.danger("leave SETTLEBANK_BASE_URL unset", "requests of production go unencrypted to %s", o.BaseURL)
	case open:
		s.note("use https:// for whatever is not the simulator", "requests go unencrypted to %s", o.BaseURL)
	case o.Production && u.Hostname() != productionHost:
		s.note("leave SETTLEBANK_BASE_URL unset, unless that host hands the requests on to SettleBank", "requests of production go to %s, not to %s", o.BaseURL, productionHost)
	default:
		s.ok("requests go to %s", o.BaseURL)
	}
}

// production tells what matters once real money is moved.
func (o Settings) production(s *sheet) {
	if !o.PayloadKey {
		s.note("set PAYLOAD_KEY where refunds to bank accounts are needed", "PAYLOAD_KEY is not set: cancellations with an account number are refused")
	}
	if o.Rate == 0 {
		s.note("set SETTLEBANK_RATE to what SettleBank allows each merchant", "SETTLEBANK_RATE is not set: SettleBank refuses requests that come too fast, and each costs a retry")
	}
	if o.VerifyAfter < rashVerify {
		s.danger("SETTLEBANK_VERIFY_AFTER=60s", "unknown outcomes are inquired after within %v: SettleBank may still show an old state then, and what it applied is sent again", o.VerifyAfter)
	} else if o.VerifyAfter < shortVerify {
		s.note("SETTLEBANK_VERIFY_AFTER=60s", "unknown outcomes are inquired after within %v: SettleBank may show an old state for longer", o.VerifyAfter)
	}
	if o.Retention < shortRetention {
		s.danger("LEDGER_RETENTION=4320h", "idempotency keys are forgotten after %s: an order system that asks again later has its cancellation carried out again", age(o.Retention))
	}
	if o.GatewayTimeout < vendorTimeout {
		s.note("SETTLEBANK_TIMEOUT=30s", "requests are given up after %v, and SettleBank's own programs wait for %v: more outcomes than need be are unknown", o.GatewayTimeout, vendorTimeout)
	}
}

// budget returns how long the retries of a cancellation that is always refused for a moment last,
// without jitter.
func (o Settings) budget() (span time.Duration) {
	pause := o.RetryInitial
	for range o.RetryMax {
		span += min(pause, o.RetryCap)
		pause = min(2*pause, o.RetryCap)
	}
	return span
}
