package config

import (
	"log/slog"
	"net/netip"
	"time"

	"settlecancel/gateway/settlebank"
)

// The values of SETTLEBANK_ENV.
const (
	EnvTest       = settlebank.EnvTest
	EnvProduction = settlebank.EnvProduction
)

// The values of SETTLEBANK_INQUIRY.
const (
	Inquiry0A1M = settlebank.Inquiry0A1M
	InquiryOff  = "off"
)

// The values of LOG_FORMAT; empty leaves the choice to whether standard error
// is a terminal.
const (
	LogText = "text"
	LogJSON = "json"
)

// Config holds every setting, checked. [Load] makes it; a Config that is put
// together by hand is not checked. It prints no secret, whichever way it is
// printed.
type Config struct {
	// RedisURL is where the queues and the ledger live; RedisOptions reads it. A
	// Secret because it may hold passwords. Default redis://127.0.0.1:6379/0.
	RedisURL settlebank.Secret `env:"REDIS_URL" envDefault:"redis://127.0.0.1:6379/0"`
	// RedisWaitReplicas is the number of replicas that must hold a write of the
	// ledger before it counts. Default 0: none.
	RedisWaitReplicas int `env:"REDIS_WAIT_REPLICAS" envDefault:"0"`

	// Env is EnvTest or EnvProduction. Default test; never empty.
	Env string `env:"SETTLEBANK_ENV" envDefault:"test"`
	// BaseURL is scheme and host of the cancel and inquiry API, without a slash
	// at its end. Default: the host of Env; never empty.
	BaseURL string `env:"SETTLEBANK_BASE_URL"`
	// CollationURL is scheme and host of the daily collation, without a slash
	// at its end. Default: the host of Env; never empty.
	CollationURL string `env:"SETTLEBANK_COLLATION_URL"`
	// Protocol is that of merchants that name none. Default flat in test, none in production: then
	// it is empty where every merchant names its own.
	Protocol settlebank.Protocol `env:"SETTLEBANK_PROTOCOL"`
	// Merchants are the merchants this installation cancels for, each with its
	// keys. Default in test: the testbed's public merchants. Never empty.
	Merchants []Merchant `env:"-"`
	// DefaultMerchant is the id that a cancellation without one belongs to: the
	// only merchant configured, or nxca_jt_bi where none is (test). Empty where
	// several are configured: then each cancellation must name its own.
	DefaultMerchant string `env:"-"`
	// Timeout bounds one request to the gateway, connecting included. Default
	// 30 s; longer than ConnectTimeout, at most 5 min.
	Timeout time.Duration `env:"SETTLEBANK_TIMEOUT" envDefault:"30s"`
	// ConnectTimeout bounds one connection's making, TLS included. Default 5 s;
	// positive.
	ConnectTimeout time.Duration `env:"SETTLEBANK_CONNECT_TIMEOUT" envDefault:"5s"`
	// Inquiry is Inquiry0A1M or InquiryOff. Default 0A1M; never empty.
	Inquiry string `env:"SETTLEBANK_INQUIRY" envDefault:"0A1M"`
	// InquiryPath is the inquiry's path on BaseURL. Default
	// /spay/APITrdcheck.do; begins with a slash.
	InquiryPath string `env:"SETTLEBANK_INQUIRY_PATH" envDefault:"/spay/APITrdcheck.do"`
	// VerifyAfter is how long after the end of an unknown attempt the gateway is
	// asked about it. Default 60 s; positive.
	VerifyAfter time.Duration `env:"SETTLEBANK_VERIFY_AFTER" envDefault:"60s"`
	// Rate is the number of requests a second per merchant over all workers.
	// Default 0: no limit.
	Rate int `env:"SETTLEBANK_RATE" envDefault:"0"`

	// Concurrency is the number of cancellations one worker carries out at a
	// time. Default 64; at least 1.
	Concurrency int `env:"WORKER_CONCURRENCY" envDefault:"64"`
	// RetryMax is the number of retries after the first attempt. Default 30;
	// 0 is none.
	RetryMax int `env:"RETRY_MAX" envDefault:"30"`
	// RetryInitial is the wait before the first retry, before jitter; each
	// further one waits twice as long. Default 5 s; positive.
	RetryInitial time.Duration `env:"RETRY_INITIAL" envDefault:"5s"`
	// RetryCap is the longest wait between two retries. Default 1 h; at least
	// RetryInitial.
	RetryCap time.Duration `env:"RETRY_CAP" envDefault:"1h"`
	// MaintenanceWindows are when no request is sent. Default none.
	MaintenanceWindows []Window `env:"-"`
	// Retention is how long an ended cancellation stays in the ledger, and so
	// how long its idempotency key is known. Default 4320 h (180 days);
	// positive.
	Retention time.Duration `env:"LEDGER_RETENTION" envDefault:"4320h"`

	// HTTPAddr is where the server listens, host:port. Default 127.0.0.1:8080;
	// an empty host is every interface, port 0 any free one.
	HTTPAddr string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	// HTTPTLSCert and HTTPTLSKey are the files of the server's certificate and
	// of its private key, in PEM: both set, or neither. Default not set: the
	// server speaks plain HTTP.
	HTTPTLSCert string `env:"HTTP_TLS_CERT"`
	// HTTPTLSKey goes with HTTPTLSCert.
	HTTPTLSKey string `env:"HTTP_TLS_KEY"`
	// OpsAddr is where the worker's health and metrics listen, host:port.
	// Default 127.0.0.1:9090; an empty host is every interface, port 0 any
	// free one.
	OpsAddr string `env:"OPS_ADDR" envDefault:"127.0.0.1:9090"`
	// APITokens are the bearer tokens of producers. Default none.
	APITokens []APIToken `env:"-"`
	// OpsUser and OpsPassword are the basic credentials of ops: both set, or
	// neither. Default not set.
	OpsUser settlebank.Secret `env:"OPS_USER"`
	// OpsPassword goes with OpsUser.
	OpsPassword settlebank.Secret `env:"OPS_PASSWORD"`
	// OpsUsers are the people of ops, each with a password of their own; the
	// pair of OpsUser and OpsPassword counts beside them. Default none.
	OpsUsers []OpsUser `env:"-"`
	// OpsProxyHeader names the header in which a proxy that signs people in
	// tells the dashboard who asks, and OpsProxyAddresses where that proxy's
	// connections come from: both set, or neither. Default not set: no header
	// is believed.
	OpsProxyHeader string `env:"OPS_PROXY_HEADER"`
	// OpsProxyAddresses goes with OpsProxyHeader.
	OpsProxyAddresses []netip.Prefix `env:"-"`
	// DashboardReadOnly leaves ops only looking. Default false.
	DashboardReadOnly bool `env:"DASHBOARD_READ_ONLY" envDefault:"false"`
	// PayloadKeys encrypt account numbers at rest: the first encrypts, all
	// decrypt. Default in test: one key derived from the first merchant's AES
	// key. Empty (production only): nothing can be encrypted, so refunds are
	// refused.
	PayloadKeys []PayloadKey `env:"-"`
	// EventsKeep is about how many events the stream of events keeps, the last
	// ones. Default 10000; at least 1000.
	EventsKeep int `env:"EVENTS_KEEP" envDefault:"10000"`
	// WebhookURL is where outcome webhooks go. A Secret because many receivers
	// carry a token in it. Default not set: no webhooks.
	WebhookURL settlebank.Secret `env:"WEBHOOK_URL"`
	// WebhookSecret is the decoded key, 24 to 64 bytes, that signs webhooks. Set
	// where WebhookURL is.
	WebhookSecret settlebank.Secret `env:"-"`

	// ReconcileDaily is when a worker compares the day before with SettleBank's
	// lists, HH:MM Korean time; ReconcileAt reads it. Default empty: never.
	ReconcileDaily string `env:"RECONCILE_DAILY"`
	// NotiAddresses are where cancellation notifications may come from, single
	// addresses as prefixes of full length. Default none: no notification is
	// taken.
	NotiAddresses []netip.Prefix `env:"-"`

	// LogLevel is the least level that is logged. Default (and zero) info.
	LogLevel slog.Level `env:"-"`
	// LogFormat is LogText or LogJSON. Default empty: text on a terminal, else
	// JSON.
	LogFormat string `env:"LOG_FORMAT"`
	// TracesURL is the collector that takes traces by OTLP over HTTP, with the
	// path that they go to. Default empty: traces are off.
	TracesURL string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
}

// composed holds the settings whose text becomes something else in [Config].
type composed struct {
	MchtID        string            `env:"SETTLEBANK_MCHT_ID"`
	HashKey       settlebank.Secret `env:"SETTLEBANK_HASH_KEY"`
	AESKey        settlebank.Secret `env:"SETTLEBANK_AES_KEY"`
	MerchantsFile string            `env:"SETTLEBANK_MERCHANTS_FILE"`
	APITokens     settlebank.Secret `env:"API_TOKENS"`
	OpsUsers      settlebank.Secret `env:"OPS_USERS"`
	OpsProxy      string            `env:"OPS_PROXY_ADDRESSES"`
	PayloadKey    settlebank.Secret `env:"PAYLOAD_KEY"`
	WebhookSecret settlebank.Secret `env:"WEBHOOK_SECRET"`
	NotiAddresses string            `env:"NOTI_ADDRESSES"`
	Windows       string            `env:"MAINTENANCE_WINDOWS"`
	LogLevel      string            `env:"LOG_LEVEL" envDefault:"info"`
}
