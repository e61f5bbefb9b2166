package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReconcileDaily(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"00:00": 0, "06:30": 6*time.Hour + 30*time.Minute, "23:59": 24*time.Hour - time.Minute} {
		if at, on := load(t, "RECONCILE_DAILY="+text).ReconcileAt(); !on || at != want {
			t.Errorf("%s: %s, %t", text, at, on)
		}
	}
	if at, on := load(t).ReconcileAt(); on || at != 0 {
		t.Errorf("unset it is on, at %s", at)
	}
	for _, text := range []string{"6:30", "24:00", "06:60", "0630", "06:30:00", "06:30 ", "daily", "off"} {
		found := faultsOf(t, "RECONCILE_DAILY="+text)
		if len(found) != 1 || found[0].Setting != "RECONCILE_DAILY" || !strings.Contains(found[0].Message, "HH:MM") {
			t.Errorf("%q: %v", text, found)
		}
	}
}

func TestNotiAddresses(t *testing.T) {
	t.Parallel()
	c := load(t, "NOTI_ADDRESSES=14.34.14.23, 61.252.169.24,10.1.2.3/24,2001:db8::/32,::ffff:192.0.2.1")
	var got []string
	for _, p := range c.NotiAddresses {
		got = append(got, p.String())
	}
	want := []string{"14.34.14.23/32", "61.252.169.24/32", "10.1.2.0/24", "2001:db8::/32", "192.0.2.1/32"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("addresses (-want +got):\n%s", d)
	}
	if !strings.Contains(printed(c), "\nNOTI_ADDRESSES="+strings.Join(want, ",")+"\n") {
		t.Errorf("printed:\n%s", printed(c))
	}
	if none := load(t, "NOTI_ADDRESSES=").NotiAddresses; none != nil {
		t.Errorf("unset it is %v", none)
	}
	for _, text := range []string{"0.0.0.0/0", "::/0", "host", "1.2.3", "1.2.3.4/33", "1.2.3.4,,5.6.7.8", "fe80::1%eth0", "::ffff:10.0.0.0/104", "1.2.3.4:80"} {
		found := faultsOf(t, "NOTI_ADDRESSES="+text)
		if len(found) != 1 || found[0].Setting != "NOTI_ADDRESSES" || !strings.Contains(found[0].Message, "holds ") {
			t.Errorf("%q: %v", text, found)
		}
	}
	if found := faultsOf(t, "NOTI_ADDRESSES=a,b"); len(found) != 2 {
		t.Errorf("two faults are told as %v", found)
	}
}
