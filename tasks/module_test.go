package tasks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shop is an order system in a module of its own.
const shop = `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
)

func main() {
	rdb := redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS")})
	defer rdb.Close()
	receipt, err := tasks.NewClient(rdb, tasks.ClientOptions{}).Enqueue(context.Background(), tasks.Cancellation{
		IdempotencyKey: "refund-module-1", MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_MODULE", OrgMchtTrdNo: "ORDER-MODULE",
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA",
	}, tasks.EnqueueOptions{})
	fmt.Println(receipt, err)
}
`

// An order system with a module of its own uses package tasks by the lines that README shows.
func TestOwnModule(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile("(?s)```gomod\n(.*?)```").FindSubmatch(readme)
	work := regexp.MustCompile("`(go work init \\. [^`]+)`").FindSubmatch(readme)
	if lines == nil || work == nil {
		t.Fatal("README does not say how a Go order system uses package tasks")
	}
	d := newDesk(t)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go .*$`).FindString(string(ours))
	for name, withWork := range map[string]bool{"require and replace": false, "go work": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			dir := filepath.Join(parent, "shop")
			if err := os.Symlink(root, filepath.Join(parent, "settlecancel")); err != nil {
				t.Fatal(err)
			}
			mod := "module shop\n\n" + version + "\n"
			if !withWork {
				mod += "\n" + string(lines[1])
			}
			for file, text := range map[string]string{"go.mod": mod, "go.sum": string(sums), "main.go": shop} {
				if err := os.MkdirAll(dir, 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := func(env string, words ...string) string {
				cmd := exec.Command(words[0], words[1:]...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GOFLAGS="+env, "REDIS="+d.server.Addr())
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
				}
				return string(out)
			}
			flags := "-mod=mod"
			if withWork {
				run("", strings.Fields(string(work[1]))...)
				flags = ""
			}
			if out := run(flags, "go", "run", "."); !strings.Contains(out, "refund-module-1: queued") {
				t.Errorf("it prints %s", out)
			}
		})
	}
}
