package main

import (
	"cmp"
	"os"
	"strings"
	"testing"

	"settlecancel/config"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// README shows the settings as the program has them. The failure prints the table to put there.
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
	if !strings.Contains(readme(t), table.String()) {
		t.Errorf("README's table of settings should be\n%s", table.String())
	}
}

// README's examples name commands and flags that exist.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	root := app{}.root()
	seen := 0
	for _, line := range strings.Split(strings.ReplaceAll(readme(t), "\\\n", ""), "\n") {
		words := strings.Fields(line)
		if !strings.HasPrefix(line, "    settlecancel ") {
			continue
		}
		c, _, err := root.Find(words[1:])
		if err != nil || c == root {
			t.Errorf("%q: %v", line, err)
			continue
		}
		seen++
		for _, w := range words {
			if name, ok := strings.CutPrefix(w, "--"); ok && c.Flags().Lookup(strings.Split(name, "=")[0]) == nil {
				t.Errorf("%q: no flag %s", line, w)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d examples found", seen)
	}
}
