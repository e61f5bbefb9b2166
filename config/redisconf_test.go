package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger/redistest"
)

// TestRedisConf starts a real Redis with the file that ships and asks it what
// it took from there.
func TestRedisConf(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Config: "redis.conf"})
	client := server.Client(t)
	want := map[string]string{
		"appendonly":                "yes",
		"appendfsync":               "always",
		"no-appendfsync-on-rewrite": "no",
		"aof-use-rdb-preamble":      "yes",
		"aof-load-truncated":        "yes",
		"save":                      "",
		"maxmemory-policy":          "noeviction",
		"protected-mode":            "yes",
	}
	got := map[string]string{}
	for name := range want {
		answer, err := client.ConfigGet(t.Context(), name).Result()
		if err != nil {
			t.Fatalf("CONFIG GET %s: %v", name, err)
		}
		got[name] = answer[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings of the server (-want +got):\n%s", diff)
	}
}

// TestRedisConfSurvivesKill checks what the file is for: a write that was
// answered is there after the server was killed.
func TestRedisConfSurvivesKill(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{Config: "redis.conf"})
	if err := server.Client(t).Set(t.Context(), "answered", "yes", 0).Err(); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	got, err := server.Client(t).Get(t.Context(), "answered").Result()
	if err != nil || got != "yes" {
		t.Errorf("after a kill: %q, %v", got, err)
	}
}
