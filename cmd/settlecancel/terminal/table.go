package terminal

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Table prints rows in columns. It is flushed page by page, so that a list of any length takes
// little memory; columns only grow from page to page.
type Table struct {
	Out    io.Writer
	Indent string
	Right  map[int]bool // columns of numbers

	rows   [][]string
	widths []int
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
	for _, cells := range t.rows {
		line := t.Indent
		for i, cell := range cells {
			space := strings.Repeat(" ", t.widths[i]-uniseg.StringWidth(cell))
			if t.Right[i] {
				cell, space = space+cell, ""
			}
			line += cell + space + "  "
		}
		page.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.Out, page.String())
	return err
}
