package main

import (
	"testing"

	"settlecancel/cmd/settlecancel/terminal"
)

// A slip of the finger is told what it was meant for.
func TestDidYouMean(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{Terminal: terminal.Terminal{}}}
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"enque"}, `settlecancel takes no "enque" (did you mean enqueue?)`},
		{[]string{"deadletter", "lss"}, `deadletter takes no "lss" (did you mean ls?)`},
		{[]string{"events", "repaly"}, `events takes no "repaly" (did you mean replay?)`},
		{[]string{"enqueue", "--mchtid", "x"}, "unknown flag: --mchtid (did you mean --mcht-id?)"},
		{[]string{"enqueue", "--key", "k", "--queue", "bulks"}, `--queue is "bulks" (did you mean bulk?)`},
		{[]string{"enqueue", "--file", "x", "--format", "cvs"}, `--format is "cvs" (did you mean csv?)`},
		{[]string{"deadletter", "ls", "--status", "rejcted"}, `--status is "rejcted" (did you mean rejected?)`},
		{[]string{"deadletter", "resolve", "x", "--as", "canceled", "--note", "n"}, "(did you mean cancelled?)"},
	} {
		c.run(tt.args...).want(t, exitUsage, nil, []string{tt.says})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{}}
	said := c.run("version").out
	c.run("--version").wantOut(t, said)
	c.run("version").want(t, exitDone, []string{"settlecancel " + version, "go1."}, nil)
}

// Completion is offered, for values too.
func TestCompletion(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{}}
	c.run("--help").want(t, exitDone, []string{"\n  completion "}, nil)
	c.run("completion", "bash").want(t, exitDone, []string{"__start_settlecancel"}, nil)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"enqueue", "--queue", ""}, "urgent\ndefault\nbulk\n"},
		{[]string{"enqueue", "--format", ""}, "ndjson\ncsv\n"},
		{[]string{"deadletter", "ls", "--status", ""}, "rejected\nexhausted\nreview\n"},
		{[]string{"deadletter", "resolve", "--as", ""}, "cancelled\n"},
		{[]string{"events", "replay", "--to", ""}, "stdout\nwebhook\n"},
	} {
		c.run(append([]string{"__complete"}, tt.args...)...).want(t, exitDone, []string{tt.want}, []string{"Completion ended"})
	}
}
