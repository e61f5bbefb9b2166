package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// reference describes every command and its flags, as --help does.
func reference(t *testing.T, c *cobra.Command) string {
	t.Helper()
	if c.Hidden || !c.IsAvailableCommand() && c.HasParent() {
		return ""
	}
	var page bytes.Buffer
	c.DisableAutoGenTag = true
	if err := doc.GenMarkdownCustom(c, &page, func(name string) string { return name }); err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(page.String(), "### SEE ALSO")
	text = strings.TrimSpace(text) + "\n\n"
	for _, sub := range c.Commands() {
		if c.Name() != "completion" {
			text += reference(t, sub)
		}
	}
	return text
}

// COMMANDS.md is what the commands say of themselves. UPDATE_COMMANDS=1 writes it anew.
func TestCommandReference(t *testing.T) {
	t.Parallel()
	const name = "COMMANDS.md"
	root := app{}.root()
	root.InitDefaultHelpFlag()
	root.InitDefaultCompletionCmd()
	want := "# Commands\n\nMade from what `--help` says, by `UPDATE_COMMANDS=1 go test -run TestCommandReference ./cmd/settlecancel`.\n\n" +
		strings.TrimSpace(reference(t, root)) + "\n"
	if os.Getenv("UPDATE_COMMANDS") != "" {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the commands say (%v); UPDATE_COMMANDS=1 writes it anew", name, err)
	}
}
