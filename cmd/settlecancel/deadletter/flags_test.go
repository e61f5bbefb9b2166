package deadletter

import (
	"testing"
	"time"
)

func TestParseAge(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "12h": 12 * time.Hour, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour,
		"0d1ms": time.Millisecond, "365d": 365 * 24 * time.Hour,
	} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("parseAge(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "0", "0d", "7", "-7d", "1d-2h", "1h1d", "1.5d", "1d1d", "99999999d", "65535d2562047h", "7 d", "１d", "x"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("parseAge(%q) = %v, want an error", text, got)
		}
	}
}

func FuzzParseAge(f *testing.F) {
	for _, text := range []string{"7d", "1d12h", "90m", "65535d2562047h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		age, err := parseAge(text)
		if (err == nil) != (age > 0) {
			t.Errorf("parseAge(%q) = %v, %v", text, age, err)
		}
		if again, err2 := parseAge(age.String()); err == nil && (err2 != nil || again != age) {
			t.Errorf("parseAge(%q) = %v, which reads as %v, %v", text, age, again, err2)
		}
	})
}
