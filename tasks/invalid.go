package tasks

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A Fault is one thing wrong with a cancellation.
type Fault struct {
	// Field is the field's name, in quotes where it is not a known one; empty
	// where the fault is the document's.
	Field string
	// Message says what is wrong; it reads on from Field. It never holds an
	// account number, and at most 40 characters of what was given.
	Message string
}

// String returns the fault as a part of a sentence.
func (f Fault) String() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + " " + f.Message
}

// An InvalidError says that what was given is no valid cancellation, with
// every fault at once. Giving the same again can never help.
type InvalidError struct {
	// Key is the idempotency key, or empty where none could be read.
	Key string
	// Faults are in the order of Cancellation's fields, those of the whole
	// document first, unknown fields last.
	Faults []Fault
}

// Error names every fault.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.String()
	}
	what := "invalid cancellation: "
	if e.Key != "" {
		what = fmt.Sprintf("invalid cancellation %q: ", e.Key)
	}
	return what + strings.Join(parts, "; ")
}

// rank orders faults: the document's, the fields', those of unknown fields.
func rank(f Fault) int {
	if f.Field == "" {
		return -1
	}
	if i := slices.Index(fieldNames[:], f.Field); i >= 0 {
		return i
	}
	return int(fieldCount)
}

// maxEcho bounds, in characters, what a fault repeats of what was given.
const maxEcho = 40

// echo returns the start of s, fit to be shown. What holds more than a few
// digits may be an account number that got into the wrong place (a CSV file
// without its header, say), so its digits are masked.
func echo(s string) string {
	s = fmt.Sprintf("%.*s", maxEcho, s)
	digits := 0
	hidden := strings.Map(func(r rune) rune {
		if !unicode.IsDigit(r) {
			return r
		}
		digits++
		return '*'
	}, s)
	if digits > 4 {
		return hidden
	}
	return s
}
