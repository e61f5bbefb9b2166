// Package spreadsheet writes CSV for the programs that people open it with.
package spreadsheet

import (
	"encoding/csv"
	"io"
	"regexp"
	"strings"

	"settlecancel/cmd/settlecancel/terminal"
)

// A Writer writes lines after RFC 4180.
type Writer struct{ csv *csv.Writer }

// byteOrderMark tells Excel that a file is UTF-8, which it takes for CP949 in Korea otherwise.
const byteOrderMark = "\ufeff"

// NewWriter returns a Writer that must be flushed. What it writes begins with a byte order mark.
func NewWriter(out io.Writer) *Writer {
	w := csv.NewWriter(&marked{out: out})
	w.UseCRLF = true
	return &Writer{w}
}

// marked writes a byte order mark before all else.
type marked struct {
	out   io.Writer
	begun bool
}

func (m *marked) Write(p []byte) (int, error) {
	if !m.begun {
		if _, err := io.WriteString(m.out, byteOrderMark); err != nil {
			return 0, err
		}
		m.begun = true
	}
	return m.out.Write(p)
}

// Write writes a line. Cells are made harmless.
func (w *Writer) Write(cells ...string) error {
	line := make([]string, len(cells))
	for i, cell := range cells {
		line[i] = harmless(cell)
	}
	return w.csv.Write(line)
}

// Flush writes what has been held back.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// harmless makes foreign text fit for a cell: on one line, without what a terminal acts on, and
// behind an apostrophe where a spreadsheet would take it for a formula.
func harmless(text string) string {
	start := strings.TrimLeft(text, " ")
	if start != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(start)[0]) && !plainNumber.MatchString(text) {
		text = "'" + text
	}
	return terminal.Clean(text)
}
