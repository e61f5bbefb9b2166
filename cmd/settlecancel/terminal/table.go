package terminal

import (
	"io"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// Table prints rows in columns. It is flushed page by page, so that a list of any length takes
// little memory; columns only grow from page to page.
type Table struct {
	Out    io.Writer
	Indent string
	Right  map[int]bool // columns of numbers
	Width  int          // of the screen; 0: as wide as its rows

	// Text are the columns that give way where the screen is narrow: their cells are cut, or, with
	// Wrap, go on in the lines below.
	Text map[int]bool
	Wrap bool

	// Paint gives a cell its colour; nil: none has one.
	Paint func(column int, cell string) Colour

	rows   [][]string
	widths []int
}

// Table returns a table as wide as the screen, in which these columns give way.
func (t Terminal) Table(text ...int) *Table {
	table := &Table{Out: t.Out, Width: t.Width, Text: map[int]bool{}, Right: map[int]bool{}}
	for _, column := range text {
		table.Text[column] = true
	}
	return table
}

// Row adds a row. What its cells hold is cleaned.
func (t *Table) Row(cells ...string) {
	for i, cell := range cells {
		cells[i] = Clean(cell)
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], uniseg.StringWidth(cells[i]))
	}
	t.rows = append(t.rows, cells)
}

// Flush prints the rows added since the last flush.
func (t *Table) Flush() error {
	var page strings.Builder
	widths := t.fit()
	for _, cells := range t.rows {
		t.print(&page, cells, widths)
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.Out, page.String())
	return err
}

const (
	gap       = "  "
	leastText = 10 // columns of text are not made narrower
)

// fit returns the widths of the columns: where they are more than the screen has, the widest of
// those that give way do.
func (t *Table) fit() []int {
	widths := slices.Clone(t.widths)
	if t.Width == 0 {
		return widths
	}
	over := len(t.Indent) + len(gap)*(len(widths)-1) - t.Width
	for _, w := range widths {
		over += w
	}
	for ; over > 0; over-- {
		widest := -1
		for i, w := range widths {
			if t.Text[i] && w > leastText && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// print prints a row, in several lines where cells wrap.
func (t *Table) print(page *strings.Builder, cells []string, widths []int) {
	lines := make([][]string, len(cells))
	height := 1
	for i, cell := range cells {
		switch {
		case uniseg.StringWidth(cell) <= widths[i]:
			lines[i] = []string{cell}
		case t.Wrap:
			lines[i] = wrap(cell, widths[i])
		default:
			lines[i] = []string{first(cell, widths[i]-1) + "…"}
		}
		height = max(height, len(lines[i]))
	}
	for n := range height {
		line := t.Indent
		for i := range cells {
			part := ""
			if n < len(lines[i]) {
				part = lines[i][n]
			}
			space := strings.Repeat(" ", widths[i]-uniseg.StringWidth(part))
			if t.Paint != nil {
				part = t.Paint(i, cells[i]).paint(part)
			}
			if t.Right[i] {
				part, space = space+part, ""
			}
			line += part + space + gap
		}
		page.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// wrap breaks a text between words into lines of a width; a longer word is broken too.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && uniseg.StringWidth(line)+1+uniseg.StringWidth(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for uniseg.StringWidth(word) > width {
			part := first(word, width)
			lines = append(lines, part)
			word = word[len(part):]
		}
		line = word
	}
	return append(lines, line)
}

// first returns as much of a text as a width holds, one character at least.
func first(text string, width int) string {
	part := ""
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if part != "" && uniseg.StringWidth(part+g.Str()) > width {
			break
		}
		part += g.Str()
	}
	return part
}
