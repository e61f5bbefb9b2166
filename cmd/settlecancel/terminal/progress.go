package terminal

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress is the bar that a terminal shows while a file is read; nil shows nothing.
type Progress struct {
	bar  *progressbar.ProgressBar
	read *atomic.Int64
	size int64 // -1: not known
}

// Progress returns a bar for a file of a size in bytes, -1 where it is not known, and the reader
// that moves it.
func (t Terminal) Progress(in io.Reader, size int64) (*Progress, io.Reader) {
	if !t.Screen {
		return nil, in
	}
	if size <= 0 {
		size = -1
	}
	bar := progressbar.NewOptions64(size, progressbar.OptionSetWriter(t.Err), progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish(),
		// A spinner that turned by itself would write beside the messages.
		progressbar.OptionSetSpinnerChangeInterval(0))
	p := &Progress{bar: bar, read: new(atomic.Int64), size: size}
	return p, &countingReader{in, p.read}
}

// Show moves the bar. It never reaches its end: lines are still being enqueued when all has been
// read.
func (p *Progress) Show(lines int) {
	if p == nil {
		return
	}
	read := p.read.Load()
	if p.size > 0 {
		read = min(read, p.size-1)
	}
	p.bar.Describe(Plural(lines, "line"))
	_ = p.bar.Set64(read) // its only errors are those of writing
}

// Clear takes the bar off the terminal until it is shown again.
func (p *Progress) Clear() {
	if p != nil {
		_ = p.bar.Clear()
	}
}

type countingReader struct {
	in    io.Reader
	count *atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.count.Add(int64(n))
	return n, err
}
