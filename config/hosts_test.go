package config

import (
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	p := load(t, production()...)
	if p.BaseURL != "https://gw.settlebank.co.kr" || p.CollationURL != "https://nspay.settlebank.co.kr" {
		t.Errorf("production goes to %s and %s", p.BaseURL, p.CollationURL)
	}
	tests := []struct {
		name, env, value string
		want             string // the base URL
		fault            string // or what the fault says
	}{
		{"OK", "production", "https://relay.example", "https://relay.example", ""},
		{"OK slash and port", "test", "https://relay.example:8443/", "https://relay.example:8443", ""},
		{"OK plain in test", "test", "http://simulator:8090", "http://simulator:8090", ""},
		{"OK loopback name", "production", "http://localhost:8090", "http://localhost:8090", ""},
		{"OK loopback v4", "production", "http://127.8.9.1", "http://127.8.9.1", ""},
		{"OK loopback v6", "production", "http://[::1]:8090", "http://[::1]:8090", ""},
		{"OK own host spelled out", "production", "https://gw.settlebank.co.kr", "https://gw.settlebank.co.kr", ""},
		{"ErrPlain", "production", "http://relay.example", "", "in production"},
		{"ErrPlainLookalike", "production", "http://127.0.0.1.example", "", "in production"},
		{"ErrScheme", "test", "ftp://relay.example", "", "in test"},
		{"ErrNoScheme", "test", "relay.example:443", "", "no URL with a host"},
		{"ErrNoHost", "test", "https://", "", "no URL with a host"},
		{"ErrPort", "test", "https://h:99999", "", "no URL with a host"},
		{"ErrPath", "test", "https://h/spay", "", "more than scheme"},
		{"ErrQuery", "test", "https://h?a=b", "", "more than scheme"},
		{"ErrEmptyQuery", "test", "https://h?", "", "more than scheme"},
		{"ErrFragment", "test", "https://h#f", "", "more than scheme"},
		{"ErrUser", "test", "https://u:p@h", "", "more than scheme"},
		{"ErrProductionHostInTest", "test", "https://GW.settlebank.co.kr", "", "is SettleBank's production host"},
		{"ErrTestHostInProduction", "production", "https://tbgw.settlebank.co.kr", "", "is SettleBank's test host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			environ := []string{"SETTLEBANK_BASE_URL=" + tt.value}
			if tt.env == EnvProduction {
				environ = production(environ...)
			}
			if tt.fault == "" {
				if c := load(t, environ...); c.BaseURL != tt.want {
					t.Errorf("BaseURL = %q, want %q", c.BaseURL, tt.want)
				}
				return
			}
			found := faultsOf(t, environ...)
			if len(found) != 1 || found[0].Setting != "SETTLEBANK_BASE_URL" || !strings.Contains(found[0].Message, tt.fault) {
				t.Errorf("faults %v, want one with %q", found, tt.fault)
			}
		})
	}
}

func TestTraces(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                              "",
		"http://127.0.0.1:4318":         "http://127.0.0.1:4318/v1/traces",
		"https://collector.example/":    "https://collector.example/v1/traces",
		"https://traces.example/tenant": "https://traces.example/tenant/v1/traces",
	} {
		if c := load(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+value); c.TracesURL != want {
			t.Errorf("%q: traces go to %q, want %q", value, c.TracesURL, want)
		}
	}
	for value, want := range map[string]string{
		"127.0.0.1:4318": "no URL with a host", "grpc://collector:4317": "no URL with a host", "http://": "no URL with a host",
		"http://h:99999": "no URL with a host", "http://u:p@h": "more than", "http://h?a=b": "more than", "http://h#f": "more than",
	} {
		found := faultsOf(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+value)
		if len(found) != 1 || found[0].Setting != "OTEL_EXPORTER_OTLP_ENDPOINT" || !strings.Contains(found[0].Message, want) || strings.Contains(found[0].Message, "u:p") {
			t.Errorf("%q: faults %v, want one with %q", value, found, want)
		}
	}
}
