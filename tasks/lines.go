package tasks

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
)

// A Line is what one line of a file of cancellations came to.
type Line struct {
	// Number counts from 1; it is the first one of a record of several lines.
	Number int
	// Cancellation is valid where Err is nil, else zero.
	Cancellation Cancellation
	// Err is an *InvalidError, which concerns this line alone, or a *ReadError,
	// which ends the file.
	Err error
}

// A ReadError says that a file could not be read to its end.
type ReadError struct {
	Line int   // the first line that was not read, or not in full
	Err  error // what the reader said
}

// Error names the line to go on from.
func (e *ReadError) Error() string {
	return fmt.Sprintf("reading stopped at line %d, nothing from there on was taken: %v", e.Line, e.Err)
}

// Unwrap returns what the reader said.
func (e *ReadError) Unwrap() error { return e.Err }

// whitespace is what may stand around a JSON value.
const whitespace = " \t\r\n"

// bufferSize holds the longest line with its end and a byte order mark, so
// that a line that overflows the buffer is certainly too long.
const bufferSize = MaxSize + 16

var byteOrderMark = []byte("\xEF\xBB\xBF")

// ReadNDJSON reads cancellations from r, one JSON object a line (Parse), in
// constant memory. Blank lines are passed over; lines may end in CRLF, and the
// first may start with a byte order mark. A faulty line, even one longer than
// MaxSize, does not keep the others from being read. If r fails, or is a file of
// another kind (CSV, one array, a workbook, another encoding), the last Line's
// Err is a *ReadError.
//
// What is returned can be ranged over once, as it consumes r.
func ReadNDJSON(r io.Reader, o ParseOptions) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		in := newReader(r)
		if err := wrongKind(in, false); err != nil {
			yield(Line{Number: 1, Err: &ReadError{Line: 1, Err: err}})
			return
		}
		for number := 1; ; number++ {
			data, whole, err := readLine(in)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Line{Number: number, Err: &ReadError{Line: number, Err: err}})
				return
			}
			if number == 1 {
				data = bytes.TrimPrefix(data, byteOrderMark)
			}
			data = bytes.Trim(data, whitespace)
			line := Line{Number: number}
			switch {
			case !whole:
				line.Err = invalid("the line is longer than %d bytes", MaxSize)
			case len(data) == 0:
				continue
			default:
				line.Cancellation, line.Err = Parse(data, o)
			}
			if !yield(line) {
				return
			}
		}
	}
}

// newReader buffers r, and lets its first error stand: what comes after it may
// not be what comes next in the file.
func newReader(r io.Reader) *bufio.Reader {
	return bufio.NewReaderSize(&stickyReader{r: r}, bufferSize)
}

type stickyReader struct {
	r   io.Reader
	err error
}

func (s *stickyReader) Read(p []byte) (n int, err error) {
	if s.err == nil {
		n, s.err = s.r.Read(p)
	}
	return n, s.err
}

// readLine returns the next line, valid until the next read; whole is false
// for one that overflows the buffer, which is passed over. A last line without
// an end is a line; one that an error broke off is none, because what is
// missing might be a digit. The error is io.EOF at the end.
func readLine(in *bufio.Reader) (line []byte, whole bool, err error) {
	line, err = in.ReadSlice('\n')
	whole = err != bufio.ErrBufferFull
	for err == bufio.ErrBufferFull {
		_, err = in.ReadSlice('\n')
	}
	if err == io.EOF && (len(line) > 0 || !whole) {
		err = nil
	}
	return line, whole, err
}

// invalid returns an *InvalidError about a line as a whole.
func invalid(format string, args ...any) error {
	var d draft
	d.reject(format, args...)
	return d.err()
}
