package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"settlecancel/config"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/events"
)

// readmes are the front pages.
var readmes = []string{"README.md", "README.ko.md"}

// document reads a file by its path from the top of the project.
func document(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The manual shows the settings as the program has them. The failure prints the table to put there.
func TestReadmeSettings(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, s := range config.Settings() {
		mark := ""
		if s.Secret {
			mark = " †"
		}
		table.WriteString("| `" + s.Name + "`" + mark + " | " + cmp.Or(s.Default, "–") + " | " + s.Doc + " |\n")
	}
	if !strings.Contains(document(t, "config/manual/settings.md"), table.String()) {
		t.Errorf("config/manual/settings.md should have the table\n%s", table.String())
	}
}

// The examples of every document name commands and flags that exist.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	root, seen := app{}.root(), 0
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for name, text := range documents(t) {
		for _, line := range commandLines(text) {
			words := strings.Fields(line)
			c, _, err := root.Find(words[1:])
			if err != nil || c == root {
				t.Errorf("%s: %q: %v", name, line, err)
				continue
			}
			seen++
			for _, w := range words {
				if flag, ok := strings.CutPrefix(w, "--"); ok && c.Flags().Lookup(strings.Split(flag, "=")[0]) == nil {
					t.Errorf("%s: %q: no flag %s", name, line, w)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d examples found", seen)
	}
}

// commandLines returns the command lines of a document, those within its text too.
func commandLines(text string) (lines []string) {
	text = strings.ReplaceAll(text, "\\\n", "")
	for _, found := range regexp.MustCompile("(?m)^ {4,}(settlecancel .*)$|`(settlecancel [^`]+)`").FindAllStringSubmatch(text, -1) {
		lines = append(lines, found[1]+found[2])
	}
	return lines
}

// The manual's addresses of Redis are ones that the program takes.
func TestReadmeRedis(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile(`(?m)^ {4,}(REDIS_URL=\S+)$`).FindAllStringSubmatch(document(t, "config/manual/deploying.md"), -1)
	for _, line := range found {
		if _, err := config.Load([]string{line[1]}); err != nil {
			t.Errorf("%s: %v", line[1], err)
		}
	}
	if len(found) < 3 {
		t.Errorf("only %d addresses found", len(found))
	}
}

// The manual's file of several merchants is one that the program takes.
func TestReadmeMerchants(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```yaml\n(merchants:.*?)```").FindStringSubmatch(document(t, "config/manual/settings.md"))
	if block == nil {
		t.Fatal("the manual shows no file of merchants")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"merchants.yaml": block[1], "shop_us.hash": secretHashKey + "\n", "shop_us.aes": secretAESKey + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load([]string{"SETTLEBANK_MERCHANTS_FILE=" + filepath.Join(dir, "merchants.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if m := cfg.Merchants; len(m) != 2 || m[0].ID != "shop_kr" || m[0].Protocol != settlebank.Flat ||
		m[1].ID != "shop_us" || m[1].Protocol != settlebank.Protocol0A19 || m[1].AESKey.Reveal() != secretAESKey {
		t.Errorf("merchants %+v", m)
	}
}

// The event shown to producers has the form of the program's.
func TestReadmeEvent(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```json\n(\\{\"id\":\"evt_.*?)```").FindStringSubmatch(document(t, "tasks/README.md"))
	if block == nil {
		t.Fatal("tasks/README.md shows no event")
	}
	var shown bytes.Buffer
	if err := json.Compact(&shown, []byte(block[1])); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(readJSON[events.Event](t, block[1]))
	if err != nil || string(got) != strings.TrimSpace(shown.String()) {
		t.Errorf("tasks/README.md shows %s, which is %s (%v)", &shown, got, err)
	}
}

// redisUser returns the line of the manual that lets a user of Redis do what the program needs, as
// the words of ACL SETUSER.
func redisUser(t testing.TB) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ {4,}user (settlecancel on .*)$`).FindStringSubmatch(document(t, "config/manual/operating.md"))
	if line == nil {
		t.Fatal("the manual gives no user of Redis")
	}
	return strings.Fields(line[1])
}
