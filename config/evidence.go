package config

import (
	"net/netip"
	"strings"
	"time"
)

// ReconcileAt returns RECONCILE_DAILY as the time since midnight in Korea, and
// whether it is set.
func (c Config) ReconcileAt() (sinceMidnight time.Duration, on bool) {
	at := parseClock(c.ReconcileDaily)
	return max(at, 0), at >= 0
}

func (c *Config) checkReconcile(f *faults) {
	if _, ok := c.ReconcileAt(); c.ReconcileDaily != "" && !ok {
		f.refuse("RECONCILE_DAILY", "is %s", quote(c.ReconcileDaily))
	}
}

// loadNotiAddresses reads NOTI_ADDRESSES. A network of every address would
// leave a notification with its pktHash alone, which does not cover the payment
// that it is about.
func (c *Config) loadNotiAddresses(text string, f *faults) {
	c.NotiAddresses = addresses("NOTI_ADDRESSES", text, f)
}

// addresses reads a list of addresses and networks, but none of every address.
func addresses(setting, text string, f *faults) (all []netip.Prefix) {
	if text == "" {
		return nil
	}
	for _, entry := range strings.Split(text, ",") {
		entry = strings.TrimSpace(entry)
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			var address netip.Addr
			if address, err = netip.ParseAddr(entry); err == nil && address.Zone() == "" {
				address = address.Unmap()
				prefix = netip.PrefixFrom(address, address.BitLen())
			}
		}
		if !prefix.IsValid() || prefix.Bits() == 0 || prefix.Addr().Is4In6() {
			f.refuse(setting, "holds %s", quote(entry))
			continue
		}
		all = append(all, prefix.Masked())
	}
	return all
}
