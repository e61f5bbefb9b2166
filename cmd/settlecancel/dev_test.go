package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/story"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
)

func TestDevOnce(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{environ: []string{"HTTP_ADDR=127.0.0.1:0"}}}
	o := c.run("dev", "--once")
	o.want(t, exitDone, []string{"5 cancellations ended as they should; SettleBank carried out 4, none of them twice."}, nil)
	for _, s := range []string{"cancelled · canTrdNo", "transient ST41", "rejected 1002", "inquiry 2"} {
		if !strings.Contains(o.out, s) {
			t.Errorf("the story does not tell %q:\n%s", s, o.out)
		}
	}
}

// Where the port is taken dev goes on at another one, and says so. The READMEs count as its story
// does.
func TestDevElsewhere(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	c := &cli{TB: t, app: app{environ: []string{"HTTP_ADDR=" + taken.Addr().String()}}}
	o := c.run("dev", "--once")
	o.want(t, exitDone, []string{"cannot listen on " + taken.Addr().String(), "(HTTP_ADDR); the dashboard is at another port.\n"}, nil)
	keys := story.Keys()
	counts := map[int][]string{5: {"five cancellations", "취소 다섯 건"}}[len(keys)]
	for i, name := range readmes {
		if counts == nil || !strings.Contains(squeeze(document(t, name)), counts[i]) {
			t.Errorf("%s does not tell of %d cancellations", name, len(keys))
		}
	}
}

// devServer runs dev until the test ends and answers where it serves, once its story has ended.
func devServer(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out := &terminaltest.Buffer{}
	a := app{Terminal: terminal.Terminal{In: strings.NewReader(""), Out: out, Err: io.Discard}, environ: []string{"HTTP_ADDR=127.0.0.1:0"}}
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"dev"}) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("dev ends with exit code %d", code)
		}
	})
	(&plant{TB: t}).until("the story has ended", 2*time.Minute, func() bool { return strings.Contains(out.String(), "Still running") })
	base := regexp.MustCompile(`dashboard +(http://[^/]+)/`).FindStringSubmatch(out.String())
	if base == nil {
		t.Fatalf("no address:\n%s", out)
	}
	return base[1]
}

// cancelledBy waits until a cancellation is cancelled, asking by HTTP as its producer would.
func cancelledBy(t *testing.T, base, key string) {
	t.Helper()
	(&plant{TB: t}).until(key+" is cancelled", time.Minute, func() bool {
		resp, err := http.Get(base + "/v1/cancellations/" + key)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(text), `"status":"cancelled"`)
	})
}

// runExamples are those that TestReadmeExamples runs: the first of its language in a document.
var runExamples = []struct {
	document, language, file, key string
	command                       []string
}{
	{"README.md", "sh", "refund.sh", "refund-front-1", []string{"bash", "-eu"}},
	{"README.ko.md", "sh", "refund.sh", "refund-front-ko-1", []string{"bash", "-eu"}},
	{"tasks/README.md", "sh", "refund.sh", "refund-curl-1", []string{"bash", "-eu"}},
	{"tasks/README.md", "python", "refund.py", "refund-python-1", []string{"python3"}},
	{"tasks/README.md", "java", "Refund.java", "refund-java-1", []string{"java"}},
	{document: "tasks/README.md", language: "go"}, // stands in tasks/example_test.go
}

// The documents' examples work as they stand, against dev: dev stays up after its story.
func TestReadmeExamples(t *testing.T) {
	t.Parallel()
	base := devServer(t)
	for _, example := range runExamples {
		code := regexp.MustCompile("(?s)```"+example.language+"\n(.*?)```").FindAllStringSubmatch(document(t, example.document), -1)
		if len(code) != 1 {
			t.Errorf("%s has %d examples in %s, of which one is run", example.document, len(code), example.language)
			continue
		}
		if example.command == nil {
			shown, err := os.ReadFile("../../tasks/example_test.go")
			if err != nil || !strings.Contains(squeeze(string(shown)), squeeze(code[0][1])) {
				t.Errorf("%s: the example in Go does not stand in tasks/example_test.go, which is run: %v", example.document, err)
			}
			continue
		}
		path, err := exec.LookPath(example.command[0])
		if err != nil {
			t.Logf("%s is not here: its example was not run", example.command[0])
			continue
		}
		file := filepath.Join(t.TempDir(), example.file)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(code[0][1], "http://127.0.0.1:8080", base)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(path, append(example.command[1:], file)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "queued") {
			t.Errorf("%s, %s: %v\n%s", example.document, example.language, err, out)
			continue
		}
		cancelledBy(t, base, example.key)
	}
}

// squeeze takes white space out, which gofmt and Markdown set differently.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }
