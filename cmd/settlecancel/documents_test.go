package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/goccy/go-yaml"

	"settlecancel/config"
)

// documents returns every Markdown file of the project, by its path from the top.
func documents(t testing.TB) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("../..", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		if err != nil || filepath.Ext(file) != ".md" {
			return err
		}
		text, err := os.ReadFile(file)
		texts[filepath.ToSlash(strings.TrimPrefix(file, filepath.FromSlash("../../")))] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 12 {
		t.Fatalf("found only %d documents", len(texts))
	}
	return texts
}

// block is an example: fenced, with a language, or indented by four.
type block struct {
	language, text string
	notRun         string // why no test runs it, from the comment before it
}

// blocks takes a document apart into its examples and what is left.
func blocks(text string) (examples []block, prose string) {
	var open *block
	fence, last, blank := "", "", true
	flush := func() {
		if open != nil {
			examples = append(examples, *open)
		}
		open, fence = nil, ""
	}
	start := func(language string) {
		reason := regexp.MustCompile(`^<!-- not run: (.+) -->$`).FindStringSubmatch(strings.TrimSpace(last))
		open = &block{language: language}
		if reason != nil {
			open.notRun = reason[1]
		}
	}
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		switch {
		case fence != "" && bare == fence:
			flush()
			last = ""
		case fence != "":
			open.text += line
		case strings.HasPrefix(bare, "```"):
			flush()
			start(strings.TrimPrefix(bare, "```"))
			fence = "```"
		case strings.HasPrefix(line, "    ") && bare != "" && (open != nil || blank):
			if open == nil {
				start("")
			}
			open.text += line
		default:
			flush()
			prose += line
			if bare != "" {
				last = bare
			}
		}
		blank = bare == ""
	}
	flush()
	return examples, prose
}

// TestDocumentBlocks checks that each example is held by a test, or says why it is not.
func TestDocumentBlocks(t *testing.T) {
	t.Parallel()
	makefile := document(t, "Makefile")
	for name, text := range documents(t) {
		if name == "cmd/settlecancel/COMMANDS.md" {
			continue // TestCommandReference holds it
		}
		examples, _ := blocks(text)
		for _, b := range examples {
			if name == everydayDocument && strings.Contains(everydaySection(text), b.text) {
				continue // TestEverydayTasks runs it
			}
			if why := unheld(name, makefile, b); b.notRun == "" && why != "" {
				t.Errorf("%s: %s: say `<!-- not run: the reason -->` before it, or let a test hold it\n%s", name, why, b.text)
			}
		}
	}
}

// unheld says why nothing shows that an example works, or "".
func unheld(name, makefile string, b block) string {
	if path.Base(name) == "COMMANDS.md" {
		return "" // made from what --help says
	}
	switch b.language {
	case "mermaid", "gomod": // the latter is what TestOwnModule of package tasks builds with
		return ""
	case "json":
		if !json.Valid([]byte(b.text)) {
			return "this is no JSON"
		}
		return ""
	case "yaml":
		if err := yaml.Unmarshal([]byte(b.text), new(any)); err != nil {
			return err.Error()
		}
		return ""
	case "": // lines, below
	default:
		for _, e := range runExamples {
			if e.document == name && e.language == b.language {
				return ""
			}
		}
		return "nobody runs this"
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(b.text), "\\\n", ""), "\n") {
		line = strings.TrimSpace(line)
		target, isMake := strings.CutPrefix(line, "make ")
		switch _, err := config.Load([]string{line}); {
		case strings.HasPrefix(line, "settlecancel "): // TestReadmeCommands
		case strings.HasPrefix(line, "user settlecancel "): // redisUser
		case line == "cp .env.example .env":
		case isMake && strings.Contains(makefile, "\n"+target+": "):
		case strings.HasPrefix(line, "REDIS_URL=") && err == nil:
		default:
			return "nothing is known of " + line
		}
	}
	return ""
}

// TestDocumentLinks checks that what a document links to is there, down to the heading.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	texts, seen := documents(t), 0
	for name, text := range texts {
		_, prose := blocks(text)
		prose = regexp.MustCompile("`[^`]*`").ReplaceAllStringFunc(prose, func(code string) string { return strings.ReplaceAll(code, "](", "] (") })
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(prose, -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			seen++
			file, anchor, _ := strings.Cut(link[1], "#")
			if file = path.Join(path.Dir(name), file); strings.HasPrefix(link[1], "#") {
				file = name
			}
			if _, err := os.Stat(filepath.Join("../..", filepath.FromSlash(file))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, link[1])
			} else if anchor != "" && !anchors(texts[file])[anchor] {
				t.Errorf("%s links to %s, where no such heading is", name, link[1])
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links found", seen)
	}
}

// anchors returns the names under which a document's headings are linked to, as GitHub makes them.
func anchors(text string) map[string]bool {
	_, prose := blocks(text)
	names := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#{1,6} (.+)$`).FindAllStringSubmatch(prose, -1) {
		names[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, heading[1])] = true
	}
	return names
}

// TestDocumentAnchors holds the checks above to a document with faults.
func TestDocumentAnchors(t *testing.T) {
	t.Parallel()
	const text = "# One, two\n\n```sh\n# no heading\nrm -rf /\n```\n\n<!-- not run: it would hurt -->\n\n    halt\n\ntext\n    no block\n\n    ls\n"
	if got := anchors(text); !got["one-two"] || len(got) != 1 {
		t.Errorf("anchors %v", got)
	}
	examples, _ := blocks(text)
	if len(examples) != 3 || examples[0].language != "sh" || examples[1].notRun != "it would hurt" || examples[2].notRun != "" {
		t.Fatalf("blocks %+v", examples)
	}
	for name, b := range map[string]block{"sh of nobody": {language: "sh", text: "ls\n"}, "line": examples[2], "json": {language: "json", text: "{"}} {
		if unheld("LICENSE.md", "", b) == "" {
			t.Errorf("nobody holds the example of %s, and nobody says so", name)
		}
	}
}

// TestDocumentBounds holds the bounds that guarantees.md publishes to those that the model walks.
func TestDocumentBounds(t *testing.T) {
	t.Parallel()
	_, code, _ := strings.Cut(document(t, "worker/model/model_test.go"), "func large() ")
	code, _, _ = strings.Cut(code, "\n}\n")
	want := map[string]bool{}
	for _, b := range regexp.MustCompile(`Name: "(.+?)", Amounts: \[\]int64\{(.+?)\}.*? Faults: (\d+)`).FindAllStringSubmatch(code, -1) {
		want[strings.Join(b[1:], " | ")] = true
	}
	_, section, _ := strings.Cut(document(t, "tasks/ledger/guarantees.md"), "\n## What was walked\n")
	rows := regexp.MustCompile(`(?m)^\| (.+?) \| ([\d, ]+) \| [^|]+ \| (\d+) \|.* [\d,]+ \| \d+ \|$`).FindAllStringSubmatch(section, -1)
	for _, row := range rows {
		if bounds := strings.Join(row[1:], " | "); !want[bounds] {
			t.Errorf("guarantees.md tells of %s, which the model does not walk, or twice", bounds)
		} else {
			delete(want, bounds)
		}
	}
	for bounds := range want {
		t.Errorf("the model walks %s, of which guarantees.md does not tell", bounds)
	}
	if len(rows) < 10 {
		t.Errorf("only %d bounds found", len(rows))
	}
}

// TestFrontPage holds README to what fits a screen or four, and the Korean one to the English.
func TestFrontPage(t *testing.T) {
	t.Parallel()
	english, korean := document(t, "README.md"), document(t, "README.ko.md")
	if len(english) > 12<<10 {
		t.Errorf("README has %d bytes, and should have 12 KB at most", len(english))
	}
	statuses := func(text string) []string {
		return regexp.MustCompile("(?m)^\\| `[a-z_]+` \\|").FindAllString(text, -1)
	}
	if e, k := statuses(english), statuses(korean); strings.Join(e, "") != strings.Join(k, "") || len(e) < 8 {
		t.Errorf("README tells of %q, README.ko.md of %q", e, k)
	}
	commands := func(text string) string {
		return regexp.MustCompile(`"[^"]*"`).ReplaceAllString(strings.Join(regexp.MustCompile(`(?m)^ {4}(\S.*)$`).FindAllString(text, -1), "\n"), `""`)
	}
	if e, k := commands(english), commands(korean); e != k {
		t.Errorf("README has the commands\n%s\nREADME.ko.md\n%s", e, k)
	}
}
