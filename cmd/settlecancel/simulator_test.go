package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/gateway/simulator"
)

func TestSimulatorUsage(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t}
	c.run("simulator", "--auto-amount", "-5", "--latency", "-5s", "--addr", "nonsense", "--temper", "mild", "--protocol", "0A20").
		want(t, exitUsage, nil, []string{"--auto-amount is -5", "--latency is -5s", `--addr is "nonsense"`,
			`--temper is "mild", must be real or strict`, `--protocol is "0A20", must be flat, 0A19 or both`})
	good := simulator.Options{AutoAmount: maxAutoAmount, Latency: time.Second, Temper: simulator.TemperStrict, Protocol: simulator.ProtocolsFlat}
	for addr, ok := range map[string]bool{
		"127.0.0.1:8090": true, ":0": true, "[::1]:65535": true, "localhost:65536": false, "localhost:http": false, "localhost:-1": false, "::1": false, "": false,
	} {
		if err := checkSimulator(addr, good); (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
	}
	good.AutoAmount++
	if checkSimulator(":0", good) == nil {
		t.Error("an amount that no request can hold is taken")
	}
}

// TestSimulatorConduct starts the command and asks it how it takes requests.
func TestSimulatorConduct(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want simulator.Conduct
	}{
		{nil, simulator.Conduct{Temper: simulator.TemperReal, Protocol: simulator.ProtocolsBoth}},
		{[]string{"--temper", "strict", "--protocol", "0A19"}, simulator.Conduct{Temper: simulator.TemperStrict, Protocol: simulator.Protocols0A19}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(context.Background())
			out, printed := io.Pipe()
			done := make(chan int, 1)
			go func() {
				a := app{Terminal: terminal.Terminal{In: strings.NewReader(""), Out: printed, Err: io.Discard}}
				done <- a.run(ctx, append([]string{"simulator", "--addr", "127.0.0.1:0"}, c.args...))
				printed.Close()
			}()
			defer func() {
				stop()
				if code := <-done; code != exitDone {
					t.Errorf("exit code %d, want %d", code, exitDone)
				}
			}()
			line, err := bufio.NewReader(out).ReadString('\n')
			_, control, found := strings.Cut(strings.TrimSpace(line), "control interface ")
			if err != nil || !found {
				t.Fatalf("printed %q, error %v; want the control interface's address", line, err)
			}
			resp, err := http.Get(control + "conduct")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var got simulator.Conduct
			if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got != c.want {
				t.Errorf("conduct %+v, error %v; want %+v", got, err, c.want)
			}
		})
	}
}
