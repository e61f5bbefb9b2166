package main

import (
	"context"
	"errors"
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

	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/story"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/tasks/ledger"
)

func TestDevOnce(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{environ: []string{"HTTP_ADDR=127.0.0.1:0", "REDIS_URL=redis://" + freeAddr(t)}}}
	o := c.run("dev", "--once")
	o.want(t, exitDone, []string{"5 cancellations ended as they should; SettleBank carried out 4, none of them twice."}, nil)
	for _, s := range []string{"cancelled · canTrdNo", "transient ST41", "rejected 1002", "inquiry "} {
		if !strings.Contains(o.out, s) {
			t.Errorf("the story does not tell %q:\n%s", s, o.out)
		}
	}
}

// Where a port is taken dev goes on at another one, and says so. The READMEs count as its story
// does.
func TestDevElsewhere(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	c := &cli{TB: t, app: app{environ: []string{"HTTP_ADDR=" + taken.Addr().String(), "REDIS_URL=redis://" + taken.Addr().String()}}}
	o := c.run("dev", "--once")
	o.want(t, exitDone, []string{"cannot listen on " + taken.Addr().String(), "(HTTP_ADDR); the dashboard is at another port.\n",
		"cannot listen on " + taken.Addr().String() + " (REDIS_URL): ", "the embedded Redis is at another port.\n"}, nil)
	keys := story.Keys()
	counts := map[int][]string{5: {"five cancellations", "취소 다섯 건"}}[len(keys)]
	for i, name := range readmes {
		if counts == nil || !strings.Contains(squeeze(document(t, name)), counts[i]) {
			t.Errorf("%s does not tell of %d cancellations", name, len(keys))
		}
	}
}

// devServer runs dev until the test ends and returns where it serves, and where its Redis is, once
// its story has ended.
func devServer(t *testing.T) (base, redisURL string) {
	t.Helper()
	redisURL = "redis://" + freeAddr(t)
	ctx, stop := context.WithCancel(context.Background())
	out := &terminaltest.Buffer{}
	a := app{Terminal: terminal.Terminal{In: strings.NewReader(""), Out: out, Err: io.Discard}, environ: []string{"HTTP_ADDR=127.0.0.1:0", "REDIS_URL=" + redisURL}}
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, []string{"dev"}) }()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("dev ends with exit code %d", code)
		}
	})
	(&plant{TB: t}).until("the story has ended", 2*time.Minute, func() bool { return strings.Contains(out.String(), "Still running") })
	found := regexp.MustCompile(`dashboard +(http://[^/]+)/`).FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("no address:\n%s", out)
	}
	if strings.Contains(out.String(), "REDIS_URL=") || !strings.Contains(out.String(), " status story-full\n") {
		t.Errorf("its Redis is not where commands look for one:\n%s", out)
	}
	if bank := regexp.MustCompile(`SettleBank +(http://[^/]+)/`).FindStringSubmatch(out.String()); bank == nil ||
		!regexp.MustCompile(`  SETTLEBANK_BASE_URL=`+regexp.QuoteMeta(bank[1])+` .+ doctor\n`).MatchString(out.String()) {
		t.Errorf("the doctor is not told where the simulator is:\n%s", out)
	}
	return found[1], redisURL
}

// The manual's everyday tasks work by copy and paste, in order, against dev.
func TestEverydayTasks(t *testing.T) {
	t.Parallel()
	_, redisURL := devServer(t)
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "bin"), 0o700), os.Symlink(program, filepath.Join(dir, "bin", "settlecancel"))); err != nil {
		t.Fatal(err)
	}
	o, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(o)
	defer rdb.Close()
	tasks := everydayTasks(document(t, everydayDocument))
	c := &cli{TB: t, app: app{environ: []string{"REDIS_URL=" + redisURL}}}
	path := ""
	for _, block := range tasks {
		(&plant{TB: t}).until("all is carried out", time.Minute, func() bool {
			open, _, err := ledger.New(rdb, ledger.Options{}).Counts(t.Context())
			return err == nil && open == 0
		})
		if strings.HasPrefix(block, "export PATH=") {
			path = block
			continue
		}
		command := exec.Command("bash", "-eu", "-c", path+block)
		command.Dir, command.Env = dir, append(os.Environ(), "REDIS_URL="+redisURL)
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s\n%s", err, block, out)
		}
	}
	if path == "" || len(tasks) < 4 {
		t.Errorf("only %d blocks of commands found", len(tasks))
	}
	c.run("status", "refund-20231215-0001").want(t, exitDone, []string{"cancelled"}, nil)
	c.run("status", "refund-3").want(t, exitDone, []string{"rejected, decided by a person", "the customer keeps the goods"}, nil)
	if _, err := os.Stat(filepath.Join(dir, "review.csv")); err != nil {
		t.Error(err)
	}
}

// everydayDocument has a section of commands that work by copy and paste, in order.
const everydayDocument = "config/manual/operating.md"

func everydaySection(text string) string {
	_, text, _ = strings.Cut(text, "\n## Everyday tasks\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// everydayTasks returns the section's blocks as a terminal takes them.
func everydayTasks(text string) (tasks []string) {
	examples, _ := blocks(everydaySection(text))
	for _, b := range examples {
		tasks = append(tasks, strings.ReplaceAll(strings.TrimPrefix(b.text, "    "), "\n    ", "\n"))
	}
	return tasks
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
	base, _ := devServer(t)
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

// The programs in Node and PHP hand a cancellation over to `make run` as they stand.
func TestExamplesBesideDev(t *testing.T) {
	t.Parallel()
	base, _ := devServer(t)
	for interpreter, file := range map[string]string{"node": "refund.mjs", "php": "refund.php"} {
		path, err := exec.LookPath(interpreter)
		if err != nil {
			t.Logf("%s is not here: NOBODY HAS RUN examples/%s beside dev", interpreter, file)
			continue
		}
		key := "refund-" + interpreter
		cmd := exec.Command(path, "../../tasks/httpapi/examples/"+file, key, "ORDER-"+interpreter, "500")
		cmd.Env = append(os.Environ(), "SETTLECANCEL_URL="+base)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), key+" queued") {
			t.Errorf("%s: %v\n%s", file, err, out)
			continue
		}
		cancelledBy(t, base, key)
	}
}
