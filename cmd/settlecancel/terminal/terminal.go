// Package terminal is how commands talk to people: streams, tables, amounts and times, JSON that is
// harmless on a screen, the progress bar, and how a command ends. Whatever is foreign, what a
// gateway or a person wrote, is cleaned on its way out.
package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal is the streams of a command.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	Screen   bool // Err is one that people look at
}

// New returns the terminal of a process.
func New(in, out, err *os.File) Terminal {
	return Terminal{In: in, Out: out, Err: err, Screen: isTerminal(err)}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Complain tells what went wrong; errors may quote foreign text.
func (t Terminal) Complain(err error) {
	fmt.Fprintf(t.Err, "settlecancel: %s\n", CleanLines(err.Error()))
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
