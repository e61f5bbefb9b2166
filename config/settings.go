package config

import (
	"slices"
	"strings"

	"settlecancel/gateway/settlebank"
)

// Setting is one row of the table of settings.
type Setting struct {
	// Name is the environment variable.
	Name string
	// Default is what holds where the variable is not set: a value, a phrase
	// that says where the value comes from, or "" where there is none.
	Default string
	// Allowed says what a value must be, as the messages of faults end.
	Allowed string
	// Doc says what the setting is for.
	Doc string
	// Secret settings are also read from the file that Name + "_FILE" names,
	// and are never printed.
	Secret bool
}

// Settings returns the table of all settings, in the order in which people read
// it. manual/settings.md shows the same table; a test holds the two and the struct tags
// together.
func Settings() []Setting {
	return slices.Concat(redisSettings(), gatewaySettings(), workerSettings(), serverSettings(), evidenceSettings(), logSettings())
}

// The texts of what is allowed that several settings share.
const (
	allowDuration = "a positive duration such as 500ms, 30s or 1h"
	allowAddress  = "host:port, such as 127.0.0.1:8080, or :8080 for every interface"
	allowBaseURL  = "https://host or https://host:port without path (http only in test, or to a loopback host)"
)

func redisSettings() []Setting {
	return []Setting{
		{
			Name: "REDIS_URL", Default: "redis://127.0.0.1:6379/0", Secret: true,
			Allowed: "redis://[user:password@]host:port/db, rediss://…, redis-sentinel://host:port,host:port/db?master=NAME, redis-cluster://host:port,host:port or unix:///socket?db=N",
			Doc:     "the Redis that holds the queues and the ledger; parameters: dial_timeout, read_timeout, write_timeout, pool_size; sentinel and cluster: tls=true; sentinel: master, sentinel_username, sentinel_password",
		},
		{
			Name: "REDIS_WAIT_REPLICAS", Default: "0", Allowed: "a whole number from 0 to 100",
			Doc: "replicas that must hold an acceptance before it is confirmed, an intent before it is sent and an event before it is told; where they are missing, nothing is confirmed, sent or told; 0 waits for none",
		},
	}
}

func gatewaySettings() []Setting {
	return []Setting{
		{Name: "SETTLEBANK_ENV", Default: "test", Allowed: "test or production", Doc: "`test` or `production`: which of SettleBank's environments; it gives the hosts"},
		{Name: "SETTLEBANK_BASE_URL", Default: "from SETTLEBANK_ENV", Allowed: allowBaseURL, Doc: "another host for cancellations and inquiries, such as the simulator"},
		{Name: "SETTLEBANK_COLLATION_URL", Default: "from SETTLEBANK_ENV", Allowed: allowBaseURL, Doc: "another host for the daily collation"},
		{Name: "SETTLEBANK_PROTOCOL", Default: "flat in test, none in production", Allowed: "flat or 0A19", Doc: "`0A19` or `flat`: the protocol that the merchant's gateway speaks; every public integration speaks 0A19"},
		{
			Name: "SETTLEBANK_MCHT_ID", Default: "nxca_jt_bi in test, none in production",
			Allowed: "a merchant id of 1 to 12 letters, digits, _ or -", Doc: "the merchant, where there is one",
		},
		{
			Name: "SETTLEBANK_HASH_KEY", Default: "the testbed's in test, none in production", Secret: true,
			Allowed: "the merchant's hash key, together with SETTLEBANK_MCHT_ID and SETTLEBANK_AES_KEY", Doc: "the key that signs requests",
		},
		{
			Name: "SETTLEBANK_AES_KEY", Default: "the testbed's in test, none in production", Secret: true,
			Allowed: "the merchant's AES key of 32 bytes, together with SETTLEBANK_MCHT_ID and SETTLEBANK_HASH_KEY", Doc: "the key that encrypts fields",
		},
		{
			Name: "SETTLEBANK_MERCHANTS_FILE", Allowed: "a YAML file: merchants: [{mchtId, hashKey or hashKeyFile, aesKey or aesKeyFile, protocol}]",
			Doc: "the path of a YAML file of [several merchants](#several-merchants) with their keys, in place of SETTLEBANK_MCHT_ID and its keys",
		},
		{Name: "SETTLEBANK_TIMEOUT", Default: "30s", Allowed: allowDuration + ", longer than SETTLEBANK_CONNECT_TIMEOUT, at most 5m", Doc: "for one request, from dialling to the last byte of the answer"},
		{Name: "SETTLEBANK_CONNECT_TIMEOUT", Default: "5s", Allowed: allowDuration + ", at most 5m", Doc: "for one connection, TLS included"},
		{Name: "SETTLEBANK_INQUIRY", Default: "0A1M", Allowed: "0A1M or off", Doc: "the inquiry that verifies an unknown outcome; off sends what cannot be verified to review"},
		{Name: "SETTLEBANK_INQUIRY_PATH", Default: "/spay/APITrdcheck.do", Allowed: "a path that begins with /, without query", Doc: "its path; SettleBank's 2025 site has /spay/APITrdStatInq.do"},
		{Name: "SETTLEBANK_VERIFY_AFTER", Default: "60s", Allowed: allowDuration + ", at most 24h", Doc: "how long after the end of an unknown attempt to inquire"},
		{
			Name: "SETTLEBANK_RATE", Default: "0", Allowed: "a whole number from 0 to 10000",
			Doc: "requests a second per merchant over all workers, inquiries included, evenly spaced; 0 is no limit",
		},
	}
}

func workerSettings() []Setting {
	return []Setting{
		{Name: "WORKER_CONCURRENCY", Default: "64", Allowed: "a whole number from 1 to 10000", Doc: "cancellations one worker carries out at a time"},
		{Name: "RETRY_MAX", Default: "30", Allowed: "a whole number from 0 to 10000", Doc: "retries after the first attempt; 0 is none"},
		{Name: "RETRY_INITIAL", Default: "5s", Allowed: allowDuration + ", at most 8760h", Doc: "wait before the first retry; it doubles with each further one, jittered"},
		{Name: "RETRY_CAP", Default: "1h", Allowed: allowDuration + ", at least RETRY_INITIAL, at most 8760h", Doc: "the longest wait between two retries"},
		{
			Name:    "MAINTENANCE_WINDOWS",
			Allowed: "semicolon-separated [METHODS] [DAYS] HH:MM-HH:MM, such as VA,RA Mon-Fri 23:50-00:10; methods of " + strings.Join(settlebank.Methods(), " ") + ", days Mon to Sun, * for every one",
			Doc:     "when requests wait, in Korean time, such as VA,RA Mon-Fri 23:50-00:10; * Sun 02:00-04:00; 03:00-03:30. The days are those on which a window begins; a cancellation without method waits for the windows of every method alone",
		},
		{Name: "LEDGER_RETENTION", Default: "4320h", Allowed: allowDuration + ", at most 1000000h", Doc: "how long ended cancellations, and so their idempotency keys, are kept; open ones and dead letters never expire"},
	}
}

func serverSettings() []Setting {
	return []Setting{
		{Name: "HTTP_ADDR", Default: "127.0.0.1:8080", Allowed: allowAddress, Doc: "where server listens: API and dashboard; beyond loopback only with API_TOKENS and people of ops: OPS_USER and OPS_PASSWORD, OPS_USERS, or OPS_PROXY_HEADER"},
		{
			Name: "HTTP_TLS_CERT", Allowed: "the path of a PEM file: the server's certificate, then its chain, together with HTTP_TLS_KEY",
			Doc: "makes server speak TLS (1.2 or later) alone; the files are read again when they change",
		},
		{Name: "HTTP_TLS_KEY", Allowed: "the path of a PEM file: the certificate's private key without passphrase, together with HTTP_TLS_CERT", Doc: "the certificate's private key"},
		{Name: "OPS_ADDR", Default: "127.0.0.1:9090", Allowed: allowAddress, Doc: "where worker listens: /healthz, /readyz, /metrics"},
		{
			Name: "API_TOKENS", Secret: true,
			Allowed: "comma-separated token or name:token; tokens of at least 16 letters, digits or -._~+/=, names of 1 to 32 letters, digits or ._-, none twice",
			Doc:     "bearer tokens of producers: comma-separated `name:token`, tokens of at least 16 characters; the name stands in the record",
		},
		{Name: "OPS_USER", Secret: true, Allowed: "a name without colon, together with OPS_PASSWORD", Doc: "basic credentials of ops: retry, resolve, dashboard"},
		{Name: "OPS_PASSWORD", Secret: true, Allowed: "a password, together with OPS_USER", Doc: "basic credentials of ops"},
		{
			Name: "OPS_USERS", Secret: true,
			Allowed: "comma-separated name:decide:password or name:look:password; names of 1 to 64 characters without colon, none twice; passwords of at least 8 characters without comma",
			Doc:     "people of ops, comma-separated, each `name:decide:password` or, who may look at the dashboard alone, `name:look:password`; the name stands in the record of what they decide; OPS_USER counts beside them",
		},
		{
			Name: "OPS_PROXY_HEADER", Allowed: "the name of a header, together with OPS_PROXY_ADDRESSES",
			Doc: "the header in which a proxy that signs people in tells the dashboard their name, such as X-Forwarded-Email; the proxy must set it, or remove it, in every request; they decide as OPS_USER does",
		},
		{
			Name: "OPS_PROXY_ADDRESSES", Allowed: "comma-separated IP addresses or networks such as 10.0.0.5 or 10.1.0.0/24, but not every address, together with OPS_PROXY_HEADER",
			Doc: "where that proxy's connections come from; from elsewhere the header is not believed",
		},
		{Name: "DASHBOARD_READ_ONLY", Default: "false", Allowed: "true or false", Doc: "true leaves the dashboard to look at alone: no retrying, no resolving there"},
		{
			Name: "PAYLOAD_KEY", Default: "derived from the merchant's key in test, none in production", Secret: true,
			Allowed: "base64 of 32 bytes, or several id:base64, comma-separated, ids of 1 to 16 letters, digits, _ or -",
			Doc:     "base64 of 32 bytes (`openssl rand -base64 32`), or several `id:base64`, comma-separated: encrypts account numbers at rest, required in production for refunds; the first key encrypts, all decrypt",
		},
		{Name: "EVENTS_KEEP", Default: "10000", Allowed: "a whole number from 1000 to 10000000", Doc: "about how many events the stream settlecancel:events keeps, the last ones; at least 1000"},
		{Name: "WEBHOOK_URL", Allowed: "an https URL (http only to a loopback host), together with WEBHOOK_SECRET", Doc: "where outcome webhooks go"},
		{
			Name: "WEBHOOK_SECRET", Secret: true, Allowed: "base64 of 24 to 64 bytes, with or without whsec_ before it, together with WEBHOOK_URL",
			Doc: "base64 of 24 to 64 bytes (`openssl rand -base64 32`): signs webhooks after the Standard Webhooks convention",
		},
	}
}

// evidenceSettings are of what SettleBank tells beside its answers.
func evidenceSettings() []Setting {
	return []Setting{
		{
			Name: "RECONCILE_DAILY", Allowed: "a time of day in Korea, HH:MM, such as 06:30",
			Doc: "a time of day in Korea, HH:MM: when one of the workers compares the ledger with SettleBank's lists of the day before, as reconcile does; unset is never",
		},
		{
			Name: "NOTI_ADDRESSES", Allowed: "comma-separated addresses or networks such as 14.34.14.23 or 10.1.2.0/24, none of every address",
			Doc: "where cancellation notifications are taken from, by the address of the connection: SettleBank's are 61.252.169.22 in test, 14.34.14.23,61.252.169.24 in production; unset takes none",
		},
	}
}

func logSettings() []Setting {
	return []Setting{
		{Name: "LOG_LEVEL", Default: "info", Allowed: "debug, info, warn or error", Doc: "the least level that is logged to standard error"},
		{Name: "LOG_FORMAT", Default: "text on a terminal, else json", Allowed: "text or json", Doc: "the form of the log"},
		{
			Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Allowed: "http:// or https://host:port of an OpenTelemetry collector, without user and query",
			Doc: "where traces go, by OTLP over HTTP, such as http://127.0.0.1:4318; unset is nowhere. OpenTelemetry's other variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES, …) hold too",
		},
	}
}

// allowed returns what a setting's value must be.
func allowed(name string) string {
	for _, s := range Settings() {
		if s.Name == name {
			return s.Allowed
		}
	}
	return "see the table of settings"
}
