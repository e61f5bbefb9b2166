package settlebank

import (
	"net"
	"strings"
)

// The values of an environment.
const (
	EnvTest       = "test"
	EnvProduction = "production"
)

// Hosts are the addresses of one of SettleBank's environments.
type Hosts struct {
	// API is where cancellations and inquiries go.
	API string
	// Collation is where the daily lists come from.
	Collation string
}

// HostsOf returns the hosts of [EnvProduction], or of [EnvTest] for every other environment.
func HostsOf(environment string) Hosts {
	if environment == EnvProduction {
		return Hosts{API: "https://gw.settlebank.co.kr", Collation: "https://nspay.settlebank.co.kr"}
	}
	return Hosts{API: "https://tbgw.settlebank.co.kr", Collation: "https://tb-nspay.settlebank.co.kr"}
}

// Loopback reports whether a host, with or without a port, is this machine by its very name or
// address: the only one that may be spoken to without TLS. Names below localhost do not count, for
// whoever runs the name service may lead them elsewhere.
func Loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// LoopbackRequest reports whether the Host of a request that came in is this machine. Names below
// localhost count here: browsers ask no name service for them, so no foreign page can bear one.
func LoopbackRequest(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return Loopback(host) || strings.HasSuffix(strings.TrimSuffix(strings.ToLower(name), "."), ".localhost")
}
