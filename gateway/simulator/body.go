package simulator

import (
	"errors"
	"io"
	"net/http"
)

// body is an answer's body; a long one is made while it is sent.
type body interface {
	// head sends status 200 and the content type.
	head(w http.ResponseWriter)
	// size is the length in bytes, which may take as long to tell as to write.
	size() int
	io.WriterTo
}

// whole is a JSON body.
type whole []byte

func (b whole) head(w http.ResponseWriter) { writeHead(w, http.StatusOK, contentJSON) }

func (b whole) size() int { return len(b) }

func (b whole) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b)
	return int64(n), err
}

// errEnough ends the writing of a body of which no more shall be sent.
var errEnough = errors.New("enough")

// limitedWriter lets so many bytes through.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	n, err := l.w.Write(p[:min(len(p), l.left)])
	l.left -= n
	if err == nil && n < len(p) {
		err = errEnough
	}
	return n, err
}

// drippingWriter sends byte by byte, the delay of the exchange's fault apart, and tells before the
// last one.
type drippingWriter struct {
	x    *exchange
	left int
	last func()
}

func (d *drippingWriter) Write(p []byte) (int, error) {
	flush := http.NewResponseController(d.x.w).Flush
	for i := range p {
		if d.left--; d.left == 0 {
			d.last()
		}
		if _, err := d.x.w.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if err := errors.Join(flush(), d.x.r.Context().Err()); err != nil {
			return i, err
		}
		if d.left > 0 {
			d.x.wait(d.x.fault.Delay)
		}
	}
	return len(p), nil
}
