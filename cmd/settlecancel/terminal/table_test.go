package terminal

import (
	"os"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

// narrow prints rows on a screen of a width.
func narrow(t *testing.T, width int, wraps bool, rows ...[]string) string {
	t.Helper()
	var out strings.Builder
	table := Terminal{Out: &out, Width: width}.Table(2)
	table.Wrap, table.Right = wraps, map[int]bool{1: true}
	for _, row := range rows {
		table.Row(row...)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// On a narrow screen text gives way; keys and amounts stay whole.
func TestTableFits(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"refund-1", "1,000 KRW", "한도를 초과하였습니다 limit exceeded"}, {"refund-22", "5 KRW", "short"}}
	const cut = "refund-1   1,000 KRW  한도를 초과하였…\nrefund-22      5 KRW  short\n"
	if got := narrow(t, 38, false, rows...); got != cut {
		t.Errorf("cut:\n%s, want\n%s", got, cut)
	}
	const wrapped = "refund-1   1,000 KRW  한도를\n                      초과하였습니다\n                      limit exceeded\nrefund-22      5 KRW  short\n"
	if got := narrow(t, 38, true, rows...); got != wrapped {
		t.Errorf("wrapped:\n%s, want\n%s", got, wrapped)
	}
	for _, width := range []int{0, 80, 1} {
		got := narrow(t, width, width == 1, rows...)
		if !strings.Contains(got, "refund-22") || !strings.Contains(got, "1,000 KRW") || width != 1 && !strings.Contains(got, rows[0][2]) {
			t.Errorf("width %d:\n%s", width, got)
		}
	}
}

// Whatever is wrapped, no line is wider than it may be, and no word is lost.
func FuzzWrap(f *testing.F) {
	f.Add("한도를 초과하였습니다 limit exceeded", 12)
	f.Add(strings.Repeat("x", 40), 7)
	f.Fuzz(func(t *testing.T, text string, width int) {
		text, width = Clean(text), 2+max(width, -width)%40
		lines := wrap(text, width)
		for _, line := range lines {
			if uniseg.StringWidth(line) > width && uniseg.GraphemeClusterCount(line) > 1 {
				t.Errorf("%q is wider than %d", line, width)
			}
		}
		if got := strings.ReplaceAll(strings.Join(lines, ""), " ", ""); got != strings.ReplaceAll(text, " ", "") {
			t.Errorf("%q wraps as %q", text, lines)
		}
	})
}

// Colours go round what is printed, and take no place in a column.
func TestPaint(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	screen := Terminal{Out: &out, Colours: true}
	table := screen.Table()
	table.Paint = screen.Painted(func(column int, cell string) Colour {
		if cell == "bad" {
			return Bad
		}
		return Plain
	})
	table.Row("bad", "x")
	table.Row("good", "y")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[31mbad\x1b[0m   x\ngood  y\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	screen.Colours = false
	if screen.Painted(func(int, string) Colour { return Bad }) != nil {
		t.Error("what shows no colours is painted")
	}
}

// A pipe and a file are no screen: nothing is cut, nothing painted, and nobody is asked.
func TestNewOfPipe(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	if got := New(in, out, out, nil); got.Screen || got.Asks || got.Colours || got.Width != 0 {
		t.Errorf("a pipe is taken for %+v", got)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"yes\n": true, "YES": true, " yes \r\n": true, "y\n": false, "no\n": false, "\n": false, "": false} {
		var said strings.Builder
		got, err := Terminal{In: strings.NewReader(answer), Err: &said}.Confirm("Really\x1b?")
		if got != want || err != nil || said.String() != "Really\ufffd? Type yes to go on: " {
			t.Errorf("%q: %v, %v, asked %q", answer, got, err, said.String())
		}
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"enque": " (did you mean enqueue?)", "statsu": " (did you mean status?)", "deadletters": " (did you mean deadletter?)",
		"zzz": "", "": "", "re": " (did you mean resume or reconcile?)",
	} {
		if got := DidYouMean(word, []string{"enqueue", "status", "deadletter", "resume", "reconcile"}); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
