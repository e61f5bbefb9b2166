//go:build containers || hosts

package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// helperImage is what docker-compose.yml calls Redis: it has a shell and small programs too.
const helperImage = "redis:7.4-alpine"

// command runs a program in a folder and returns its standard output. The error has what it said.
func command(ctx context.Context, dir string, environ []string, words ...string) (string, error) {
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	var out, complaints bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, append(os.Environ(), environ...), &out, &complaints
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(words, " "), err, tail(out.String()), tail(complaints.String()))
	}
	return out.String(), nil
}

// tail returns the end of a long text.
func tail(text string) string { return text[max(0, len(text)-4000):] }

// docker runs a command of the engine, and fails the test where it fails.
func docker(t testing.TB, words ...string) string {
	t.Helper()
	out, err := command(t.Context(), "", nil, append([]string{"docker"}, words...)...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// container is what the engine knows of one.
type container struct {
	Config struct {
		User        string
		StopTimeout int // seconds
	}
	HostConfig struct {
		ReadonlyRootfs bool
		CapDrop        []string
		SecurityOpt    []string
		Memory         int64
		NanoCPUs       int64 `json:"NanoCpus"`
		PidsLimit      int64
		RestartPolicy  struct{ Name string }
	}
	State struct {
		Status    string
		ExitCode  int
		OOMKilled bool
		Health    struct{ Status string }
	}
	RestartCount int
}

func inspect(t testing.TB, name string) container {
	t.Helper()
	var found []container
	if err := json.Unmarshal([]byte(docker(t, "inspect", name)), &found); err != nil || len(found) != 1 {
		t.Fatalf("docker inspect %s: %d found, %v", name, len(found), err)
	}
	return found[0]
}

// kill ends a container's process as a crash does. `docker kill` would not do: what it ends is not
// restarted.
func kill(t testing.TB, name string) {
	t.Helper()
	pid := docker(t, "inspect", "--format", "{{.State.Pid}}", name)
	docker(t, "run", "--rm", "--pid", "host", "--user", "0", "--entrypoint", "/bin/sh", helperImage, "-c", "kill -9 "+pid)
}

// until waits for something to become true.
func until(t testing.TB, what string, atMost time.Duration, is func() bool) {
	t.Helper()
	begun := time.Now()
	for tick := time.NewTicker(200 * time.Millisecond); !is(); <-tick.C {
		if time.Since(begun) > atMost {
			t.Fatalf("not within %s: %s", atMost, what)
		}
	}
}
