package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"settlecancel/gateway/settlebank"
)

// checkHosts fills in the environment's hosts where no others are set, and
// checks those that are.
func (c *Config) checkHosts(f *faults) {
	hosts := settlebank.HostsOf(c.Env)
	c.BaseURL = c.checkHost("SETTLEBANK_BASE_URL", c.BaseURL, hosts.API, f)
	c.CollationURL = c.checkHost("SETTLEBANK_COLLATION_URL", c.CollationURL, hosts.Collation, f)

	if !strings.HasPrefix(c.InquiryPath, "/") || strings.ContainsFunc(c.InquiryPath, notInPath) {
		f.refuse("SETTLEBANK_INQUIRY_PATH", "is %s", quote(c.InquiryPath))
	}
}

// checkHost returns the address to use for a setting that may be empty.
func (c *Config) checkHost(setting, value, otherwise string, f *faults) string {
	if value == "" {
		return otherwise
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || !validPort(u.Port()) {
		f.refuse(setting, "is no URL with a host")
		return ""
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		f.refuse(setting, "has more than scheme, host and port")
		return ""
	}
	insecure := u.Scheme == "http" && c.Env == EnvProduction && !settlebank.Loopback(u.Hostname())
	if insecure || (u.Scheme != "https" && u.Scheme != "http") {
		f.refuse(setting, "is %s in %s", quote(value), c.Env)
		return ""
	}
	c.checkEnvironmentOf(setting, u.Hostname(), f)
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// checkEnvironmentOf refuses SettleBank's own hosts of the other environment:
// in test, keys default to public ones and account numbers are encrypted with
// a key derived from them, which must not meet real payments.
func (c *Config) checkEnvironmentOf(setting, host string, f *faults) {
	other := EnvProduction
	if c.Env == EnvProduction {
		other = EnvTest
	}
	hosts := settlebank.HostsOf(other)
	for _, address := range []string{hosts.API, hosts.Collation} {
		if "https://"+strings.ToLower(host) == address {
			f.add(setting, "is SettleBank's %s host, and SETTLEBANK_ENV is %s; allowed: leave it unset, or set SETTLEBANK_ENV=%s", other, c.Env, other)
		}
	}
}

// notInPath tells the characters that a path given as a setting cannot hold:
// what would begin a query or a fragment, white space, and what is not ASCII.
func notInPath(r rune) bool {
	return r <= ' ' || r >= 0x7f || r == '?' || r == '#'
}

// checkTraces makes the address of the collector that of its traces, as OpenTelemetry does.
func (c *Config) checkTraces(f *faults) {
	if c.TracesURL == "" {
		return
	}
	u, err := url.Parse(c.TracesURL)
	if err != nil || u.Hostname() == "" || !validPort(u.Port()) || (u.Scheme != "http" && u.Scheme != "https") {
		f.refuse("OTEL_EXPORTER_OTLP_ENDPOINT", "is no URL with a host")
		return
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		f.refuse("OTEL_EXPORTER_OTLP_ENDPOINT", "has more than scheme, host, port and path")
		return
	}
	c.TracesURL = u.JoinPath("v1/traces").String()
}

// checkAddresses checks the two addresses to listen at.
func (c *Config) checkAddresses(f *faults) {
	for setting, address := range map[string]string{"HTTP_ADDR": c.HTTPAddr, "OPS_ADDR": c.OpsAddr} {
		host, port, err := net.SplitHostPort(address)
		if err != nil || port == "" || !validPort(port) || strings.ContainsAny(host, " /@") {
			f.refuse(setting, "is %s", quote(address))
		}
	}
}

// validPort reports whether text is empty or a port number.
func validPort(text string) bool {
	if text == "" {
		return true
	}
	n, err := strconv.Atoi(text)
	return err == nil && n >= 0 && n <= 65535
}
