package main

import (
	"testing"
	"time"
)

func TestSimulatorUsage(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t}
	c.run("simulator", "--auto-amount", "-5", "--latency", "-5s", "--addr", "nonsense").
		want(t, exitUsage, nil, []string{"--auto-amount is -5", "--latency is -5s", `--addr is "nonsense"`})
	for addr, ok := range map[string]bool{
		"127.0.0.1:8090": true, ":0": true, "[::1]:65535": true, "localhost:65536": false, "localhost:http": false, "localhost:-1": false, "::1": false, "": false,
	} {
		if err := checkSimulator(addr, maxAutoAmount, time.Second); (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
	}
	if checkSimulator(":0", maxAutoAmount+1, 0) == nil {
		t.Error("an amount that no request can hold is taken")
	}
}
