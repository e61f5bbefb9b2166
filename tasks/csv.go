package tasks

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"
)

// ReadCSV reads cancellations from r, in constant memory: comma-separated
// values after RFC 4180, in UTF-8. The header names the columns as JSON names
// the fields, in any order; a column that is unknown, repeated or missing
// though required is an error at the header's line, and nothing else is read.
// An empty cell is a field not given.
//
// Lines may end in CRLF, a byte order mark or the line "sep=," may come first;
// rows without content, and columns at the end without a name or content, are
// passed over. A cell like 2.02312E+13 is refused: a spreadsheet has lost the
// last digits of a number. A quoted cell may run over several lines. A faulty record (also
// one with too few or too many cells, wrong quotes, or more than MaxSize
// bytes) does not keep the others from being read; after wrong quotes reading
// goes on with the next line. If r fails, or is a file of another kind (other
// separators, JSON, a workbook, another encoding), the last Line's Err is a
// *ReadError that says what to do.
//
// What is returned can be ranged over once, as it consumes r.
func ReadCSV(r io.Reader, o ParseOptions) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		in := newCSVReader(r)
		if err := wrongKind(in.in, true); err != nil {
			yield(Line{Number: 1, Err: &ReadError{Line: 1, Err: err}})
			return
		}
		var columns []field
		for {
			err := in.next()
			if err == io.EOF {
				return
			}
			line := Line{Number: in.first}
			switch {
			case err != nil:
				line.Err = err
			case in.fault != "":
				line.Err = invalid("%s", in.fault)
			case in.blank(), columns == nil && in.declaresComma():
				continue
			case columns == nil:
				columns, line.Err = header(in.cells(), o)
				if line.Err == nil {
					continue
				}
			default:
				line.Cancellation, line.Err = record(columns, in.cells(), o)
			}
			if !yield(line) || err != nil || columns == nil {
				return
			}
		}
	}
}

// header finds the field of every column.
func header(names []string, o ParseOptions) ([]field, error) {
	var d draft
	columns := make([]field, 0, fieldCount)
	names = trimEmpty(names, 0)
	for i, name := range names {
		f, known := fieldByName(name)
		switch {
		case !known:
			d.unknownField(name, fmt.Sprintf("(column %d of the header) is not a known field%s", i+1, likely(name)))
		case d.seen.has(f):
			d.fault(f, "stands in the header more than once, again in column %d", i+1)
		default:
			d.seen.add(f)
			columns = append(columns, f)
		}
	}
	for _, f := range requiredColumns(o) {
		if !d.seen.has(f) {
			d.fault(f, "is required, but the header has no such column")
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return columns, nil
}

// requiredColumns lists the fields no record can be valid without. An
// operation may go without canAmt.
func requiredColumns(o ParseOptions) []field {
	columns := []field{fieldOrgTrdNo, fieldOrgMchtTrdNo, fieldOrgTrdDt}
	if o.DefaultKey == "" {
		columns = append(columns, fieldKey)
	}
	if o.DefaultMchtID == "" {
		columns = append(columns, fieldMchtID)
	}
	return columns
}

// record reads one cancellation from its cells.
func record(columns []field, cells []string, o ParseOptions) (Cancellation, error) {
	cells = trimEmpty(cells, len(columns))
	if len(cells) != len(columns) {
		return Cancellation{}, invalid("the record has %d cells, the header %d", len(cells), len(columns))
	}
	var d draft
	for i, cell := range cells {
		switch {
		case ruined(cell):
			d.spoil(columns[i], ruinedNumber)
		case cell != "":
			d.set(columns[i], cell)
		}
	}
	return d.finish(o)
}

// trimEmpty drops cells without content from the end, down to so many.
func trimEmpty(cells []string, least int) []string {
	for len(cells) > least && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	return cells
}

// A csvReader splits a file into records. Unlike encoding/csv it keeps no more
// than MaxSize bytes of one, whatever the quotes do.
type csvReader struct {
	in   *bufio.Reader
	line int // the line being read

	first int    // the line the record starts at
	fault string // what is wrong with it
	size  int    // its length so far
	text  []byte // its cells, without quotes, one after the other
	ends  []int  // where each of them ends
}

// The states within a record: what the next character is read as.
type csvState int

const (
	atStart csvState = iota // the start of a cell
	inPlain                 // the rest of a cell without quotes
	inQuotes
	afterQuote // a quote within quotes: their end, or half of a double one
	skipping   // the rest of a line whose quotes are wrong
	atEnd
)

func newCSVReader(r io.Reader) *csvReader {
	in := newReader(r)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == string(byteOrderMark) {
		_, _ = in.Discard(len(mark)) // cannot fail: it is in the buffer
	}
	return &csvReader{in: in}
}

// next reads the next record that is not blank. The error is io.EOF at the
// end, or a *ReadError; faults of the record are in c.fault.
func (c *csvReader) next() error {
	for {
		c.line++
		c.first, c.fault, c.size, c.text, c.ends = c.line, "", 0, c.text[:0], c.ends[:0]
		for state := atStart; state != atEnd; {
			b, err := c.readByte()
			switch {
			case err == io.EOF && c.size == 0:
				return io.EOF
			case err == io.EOF:
				c.finish(state)
				return nil
			case err != nil:
				return &ReadError{Line: c.first, Err: err}
			}
			state = c.step(state, b)
		}
		if c.size > 0 {
			return nil
		}
	}
}

// readByte returns the next character of the file, with CRLF as LF.
func (c *csvReader) readByte() (byte, error) {
	b, err := c.in.ReadByte()
	if b != '\r' || err != nil {
		return b, err
	}
	if after, err := c.in.Peek(1); err == nil && after[0] != '\n' {
		return b, nil
	}
	return c.in.ReadByte()
}

// step takes one character and returns the state after it.
func (c *csvReader) step(state csvState, b byte) csvState {
	if b == '\n' && state != inQuotes {
		c.finish(state)
		return atEnd
	}
	c.size++
	switch state {
	case inQuotes:
		if b == '"' {
			return afterQuote
		}
		if b == '\n' {
			c.line++
		}
		return c.keep(b, inQuotes)
	case skipping:
		return skipping
	}
	switch {
	case b == ',':
		c.endCell()
		return atStart
	case b == '"' && state == atStart:
		return inQuotes
	case b == '"' && state == afterQuote:
		return c.keep(b, inQuotes)
	case b == '"':
		c.fault = "has a quote inside a cell without quotes"
		return skipping
	case state == afterQuote:
		c.fault = "has text after a closing quote"
		return skipping
	}
	return c.keep(b, inPlain)
}

// keep adds a character to the cell, as long as the record is not too long.
func (c *csvReader) keep(b byte, next csvState) csvState {
	if c.size <= MaxSize {
		c.text = append(c.text, b)
	}
	return next
}

func (c *csvReader) endCell() {
	if c.size <= MaxSize {
		c.ends = append(c.ends, len(c.text))
	}
}

// finish ends the record, read up to state.
func (c *csvReader) finish(state csvState) {
	c.endCell()
	if c.fault == "" && c.size > MaxSize {
		c.fault = fmt.Sprintf("is longer than %d bytes", MaxSize)
	}
	switch {
	case state == inQuotes:
		c.fault = "the record has a quoted cell that is never closed: nothing after it was read"
	case c.fault != "" && c.first < c.line:
		c.fault = fmt.Sprintf("the record from line %d to line %d %s", c.first, c.line, c.fault)
	case c.fault != "":
		c.fault = "the record " + c.fault
	}
}

// blank reports whether the record has no content.
func (c *csvReader) blank() bool { return len(bytes.TrimSpace(c.text)) == 0 }

// declaresComma reports whether the record is the line "sep=," by which Excel learns the separator.
func (c *csvReader) declaresComma() bool {
	return c.first == 1 && len(c.ends) == 2 && string(c.text) == "sep="
}

// cells returns the cells of the record.
func (c *csvReader) cells() []string {
	text, start := string(c.text), 0
	cells := make([]string, len(c.ends))
	for i, end := range c.ends {
		cells[i], start = text[start:end], end
	}
	return cells
}
