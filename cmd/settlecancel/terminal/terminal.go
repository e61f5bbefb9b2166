// Package terminal is how commands talk to people: streams, tables, amounts and times, JSON that is
// harmless on a screen, the progress bar, and how a command ends. Whatever is foreign, what a
// gateway or a person wrote, is cleaned on its way out.
package terminal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// Terminal is the streams of a command.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	Screen   bool // Err is one that people look at
	Width    int  // of Out, in columns; 0: it is no screen
	Colours  bool // Out shows them
	Asks     bool // somebody sits at In, and sees Err
}

// New returns the terminal of a process. NO_COLOR keeps it from colours, as a TERM of dumb does.
func New(in, out, err *os.File, environ []string) Terminal {
	t := Terminal{In: in, Out: out, Err: err, Screen: isTerminal(err), Asks: isTerminal(in) && isTerminal(err)}
	if !isTerminal(out) {
		return t
	}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil {
		t.Width = width
	}
	t.Colours = !slices.ContainsFunc(environ, func(line string) bool {
		name, value, _ := strings.Cut(line, "=")
		return name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb"
	})
	return t
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Painted returns paint where there are colours, else nil, which is none.
func (t Terminal) Painted(paint func(column int, cell string) Colour) func(int, string) Colour {
	if !t.Colours {
		return nil
	}
	return paint
}

// Complain tells what went wrong; errors may quote foreign text.
func (t Terminal) Complain(err error) {
	fmt.Fprintf(t.Err, "settlecancel: %s\n", CleanLines(err.Error()))
}

// Confirm asks a question and reports whether the answer is yes. Nothing but yes is yes.
func (t Terminal) Confirm(question string) (bool, error) {
	fmt.Fprintf(t.Err, "%s Type yes to go on: ", CleanLines(question))
	answer, err := bufio.NewReader(t.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return strings.EqualFold(strings.TrimSpace(answer), "yes"), nil
}

// ErrReported is the error of a command that has said itself what went wrong.
var ErrReported = errors.New("failed")

// UsageError is a mistake in the command line.
type UsageError struct{ Err error }

// Error says what is wrong.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError, as [fmt.Errorf] does.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }
