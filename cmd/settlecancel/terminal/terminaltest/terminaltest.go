// Package terminaltest holds what foreign text may do to a terminal, and looks for it in what
// commands print.
package terminaltest

import (
	"bytes"
	"sync"
	"testing"
)

// Nasty is what a gateway may write: escape sequences of a terminal, in both of their forms, line
// ends, marks that turn the direction of writing.
const Nasty = "한도\x1b[2J초과\u009b31m\r\n\u202egnp\tend"

// WantHarmless checks that a terminal would act on nothing but line ends.
func WantHarmless(t testing.TB, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
			t.Fatalf("the output holds %U:\n%q", r, text)
		}
	}
}

// Buffer is a stream that can be read while something still writes to it.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds to the buffer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns all that was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
