package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"settlecancel/gateway/settlebank"
)

// shown returns every setting that is in force with its value for people to
// read: no secret, of a webhook's URL only the host.
func (c Config) shown() []slog.Attr {
	ids := make([]string, 0, len(c.Merchants))
	for _, m := range c.Merchants {
		ids = append(ids, m.ID+"="+string(m.Protocol))
	}
	tokens := make([]string, 0, len(c.APITokens))
	for _, t := range c.APITokens {
		tokens = append(tokens, t.Name)
	}
	keys := make([]string, 0, len(c.PayloadKeys))
	for _, k := range c.PayloadKeys {
		keys = append(keys, k.ID)
	}
	people := make([]string, 0, len(c.OpsUsers))
	for _, u := range c.OpsUsers {
		people = append(people, u.Name+map[bool]string{true: "=look", false: "=decide"}[u.LooksOnly])
	}
	windows := make([]string, 0, len(c.MaintenanceWindows))
	for _, w := range c.MaintenanceWindows {
		windows = append(windows, w.String())
	}
	text := func(name, value string) slog.Attr { return slog.String(name, value) }
	return []slog.Attr{
		text("REDIS_URL", c.RedisAddress()),
		text("REDIS_WAIT_REPLICAS", strconv.Itoa(c.RedisWaitReplicas)),
		text("SETTLEBANK_ENV", c.Env),
		text("SETTLEBANK_BASE_URL", c.BaseURL),
		text("SETTLEBANK_COLLATION_URL", c.CollationURL),
		text("SETTLEBANK_PROTOCOL", string(c.Protocol)),
		text("merchants", strings.Join(ids, ",")),
		text("default_merchant", c.DefaultMerchant),
		text("SETTLEBANK_TIMEOUT", c.Timeout.String()),
		text("SETTLEBANK_CONNECT_TIMEOUT", c.ConnectTimeout.String()),
		text("SETTLEBANK_INQUIRY", c.Inquiry),
		text("SETTLEBANK_INQUIRY_PATH", c.InquiryPath),
		text("SETTLEBANK_VERIFY_AFTER", c.VerifyAfter.String()),
		text("SETTLEBANK_RATE", strconv.Itoa(c.Rate)),
		text("WORKER_CONCURRENCY", strconv.Itoa(c.Concurrency)),
		text("RETRY_MAX", strconv.Itoa(c.RetryMax)),
		text("RETRY_INITIAL", c.RetryInitial.String()),
		text("RETRY_CAP", c.RetryCap.String()),
		text("MAINTENANCE_WINDOWS", strings.Join(windows, "; ")),
		text("LEDGER_RETENTION", c.Retention.String()),
		text("HTTP_ADDR", c.HTTPAddr),
		text("HTTP_TLS_CERT", c.HTTPTLSCert),
		text("HTTP_TLS_KEY", c.HTTPTLSKey),
		text("OPS_ADDR", c.OpsAddr),
		text("API_TOKENS", strings.Join(tokens, ",")),
		text("OPS_USER", c.OpsUser.String()),
		text("OPS_PASSWORD", c.OpsPassword.String()),
		text("OPS_USERS", strings.Join(people, ",")),
		text("OPS_PROXY_HEADER", c.OpsProxyHeader),
		text("OPS_PROXY_ADDRESSES", join(c.OpsProxyAddresses)),
		text("DASHBOARD_READ_ONLY", strconv.FormatBool(c.DashboardReadOnly)),
		text("PAYLOAD_KEY", strings.Join(keys, ",")),
		text("EVENTS_KEEP", strconv.Itoa(c.EventsKeep)),
		text("WEBHOOK_URL", hostOf(c.WebhookURL)),
		text("WEBHOOK_SECRET", c.WebhookSecret.String()),
		text("RECONCILE_DAILY", c.ReconcileDaily),
		text("NOTI_ADDRESSES", join(c.NotiAddresses)),
		text("LOG_LEVEL", strings.ToLower(c.LogLevel.String())),
		text("LOG_FORMAT", c.LogFormat),
		text("OTEL_EXPORTER_OTLP_ENDPOINT", c.TracesURL),
	}
}

// hostOf returns scheme and host of a URL, whose path and query may hold a
// token.
func hostOf(secret settlebank.Secret) string {
	u, err := url.Parse(secret.Reveal())
	if err != nil || u.Host == "" {
		return secret.String()
	}
	return u.Scheme + "://" + u.Host
}

func join(prefixes []netip.Prefix) string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ",")
}

// printed lists the settings in force, one NAME=value a line, without secrets: of API_TOKENS and
// OPS_USERS the names, of PAYLOAD_KEY the ids, of WEBHOOK_URL the host.
func printed(c Config) string {
	var b strings.Builder
	for i, attr := range c.shown() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s=%s", attr.Key, attr.Value)
	}
	return b.String()
}
