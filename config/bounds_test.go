package config

import (
	"strings"
	"testing"
)

// Each number and each duration has bounds; what lies just within them is taken, what lies just
// beyond is refused, and the message names the bound.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		setting, least, below, most, above string
		with                               []string // what makes the bounds themselves fit other settings
	}{
		{"REDIS_WAIT_REPLICAS", "0", "-1", "100", "101", nil},
		{"SETTLEBANK_TIMEOUT", "1ms", "0s", "5m", "5m1ns", []string{"SETTLEBANK_CONNECT_TIMEOUT=1ns"}},
		{"SETTLEBANK_CONNECT_TIMEOUT", "1ns", "0s", "299s", "301s", []string{"SETTLEBANK_TIMEOUT=5m"}},
		{"SETTLEBANK_VERIFY_AFTER", "1ns", "-1ns", "24h", "24h1ns", nil},
		{"SETTLEBANK_RATE", "0", "-1", "10000", "1000000000", nil},
		{"WORKER_CONCURRENCY", "1", "0", "10000", "1000000000", nil},
		{"RETRY_MAX", "0", "-1", "10000", "10001", nil},
		{"RETRY_INITIAL", "1ns", "0s", "8760h", "8760h1ns", []string{"RETRY_CAP=8760h"}},
		{"RETRY_CAP", "1ns", "0s", "8760h", "2000000h", []string{"RETRY_INITIAL=1ns"}},
		{"LEDGER_RETENTION", "1ms", "0s", "1000000h", "2000000h", nil},
		{"EVENTS_KEEP", "1000", "999", "10000000", "10000001", nil},
	} {
		t.Run(tt.setting, func(t *testing.T) {
			t.Parallel()
			for _, good := range []string{tt.least, tt.most} {
				load(t, append(tt.with, tt.setting+"="+good)...)
			}
			for _, bad := range []string{tt.below, tt.above} {
				found := faultsOf(t, append(tt.with, tt.setting+"="+bad)...)
				if len(found) != 1 || found[0].Setting != tt.setting || !strings.HasPrefix(found[0].Message, "is ") {
					t.Errorf("%s: %v", bad, found)
				}
				bound := strings.TrimSuffix(tt.most, "ns")
				if tt.setting == "SETTLEBANK_CONNECT_TIMEOUT" {
					bound = "5m"
				}
				if !strings.Contains(found[0].Message, bound) {
					t.Errorf("%s: the message does not name %s: %s", bad, bound, found[0].Message)
				}
			}
		})
	}
}

// Redis waits for replicas before it answers; a client that does not wait as long takes each
// acceptance for failed.
func TestReadTimeoutBehindReplicas(t *testing.T) {
	t.Parallel()
	const replicas = "REDIS_WAIT_REPLICAS=1"
	load(t, replicas)
	load(t, replicas, "REDIS_URL=redis://h?read_timeout=2001ms")
	load(t, "REDIS_URL=redis://h?read_timeout=1s")
	found := faultsOf(t, replicas, "REDIS_URL=redis://:secret@h?read_timeout=2s")
	if len(found) != 1 || found[0].Setting != "REDIS_URL" || !strings.Contains(found[0].Message, "read_timeout of 2s; allowed: more than 2s") ||
		strings.Contains(found[0].Message, "secret") {
		t.Errorf("%v", found)
	}
	for _, name := range []string{"dial_timeout", "read_timeout", "write_timeout"} {
		load(t, "REDIS_URL=redis://h?"+name+"=1m")
		if found := faultsOf(t, "REDIS_URL=redis://h?"+name+"=61s"); len(found) != 1 || !strings.Contains(found[0].Message, "unusable value for the parameter "+name) {
			t.Errorf("%v", found)
		}
	}
}
