package simulator

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	contentJSON = "application/json; charset=UTF-8"
	contentHTML = "text/html; charset=UTF-8"
)

// foreignBody is valid JSON, and nothing the gateway says.
const foreignBody = `{"status":"success","data":{"id":7,"cancelled":true}}`

// deliver returns a request, or fails to, as its fault wants it.
func (x *exchange) deliver(res result) {
	switch x.fault.Kind {
	case KindCode:
		x.answer(result{refusal: refusal{x.fault.Code, x.fault.Message}})
	case KindDrop:
		x.finish(0, "")
		x.reset()
	case KindHang:
		x.hang()
	case KindStatus:
		x.finish(x.fault.Status, "")
		writePage(x.w, x.fault.Status)
	case KindRedirect:
		x.finish(x.fault.Status, "")
		x.w.Header().Set("Location", x.r.URL.RequestURI())
		writePage(x.w, x.fault.Status)
	case KindForeign:
		x.finish(http.StatusOK, "")
		write(x.w, http.StatusOK, contentJSON, []byte(foreignBody))
	case KindFlood:
		x.flood()
	case KindTruncated:
		_, b := x.reply(res)
		x.finish(http.StatusOK, "")
		b.head(x.w)
		_, _ = b.WriteTo(&limitedWriter{x.w, b.size() / 2})
	case KindCut:
		x.cut(res)
	case KindDrip:
		x.drip(res)
	default:
		res.wrongEcho, res.wrongCount = x.fault.Kind == KindWrongEcho, x.fault.Kind == KindWrongCount
		res.early, res.sumless = x.fault.Kind == KindEarly, x.fault.Kind == KindSumless
		x.answer(res)
	}
}

// reply makes the body of an answer, in real temper in a manner drawn for it.
func (x *exchange) reply(res result) (string, body) {
	if x.call.conduct.real() {
		random := chance(x.sim.options.Seed, x.nth, "manner", string(x.call.path), x.rec.MchtID, x.rec.OrgTrdNo)
		res.manner = drawManner(random, x.sim.options.Now())
	}
	return x.call.reply(res)
}

// answer sends a whole answer at once.
func (x *exchange) answer(res result) {
	code, b := x.reply(res)
	x.finish(http.StatusOK, code)
	b.head(x.w)
	_, _ = b.WriteTo(x.w) // a client that has gone is the client's affair, here and below
}

// hang keeps the client waiting until it goes.
func (x *exchange) hang() {
	timer := time.NewTimer(x.fault.Bound)
	defer timer.Stop()
	select {
	case <-x.r.Context().Done():
	case <-timer.C:
	case <-x.st.closed:
	}
	x.finish(0, "")
	x.reset()
}

// reset ends the connection without an answer: with RST where the transport is TCP, so that the
// client cannot take it for an orderly end.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2, or no connection at all: net/http ends the stream
	}
	raw := conn
	if secure, ok := raw.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // at worst the connection ends with FIN
		_ = raw.Close()
		return
	}
	_ = conn.Close()
}

// flood sends more than any client should read.
func (x *exchange) flood() {
	const head, tail = `{"padding":"`, `"}`
	chunk := bytes.Repeat([]byte("0"), 64<<10)
	size := max(x.fault.Bytes, len(head)+len(tail))
	x.w.Header().Set("Content-Type", contentJSON)
	x.w.Header().Set("Content-Length", strconv.Itoa(size))
	x.w.WriteHeader(http.StatusOK)
	if _, err := x.w.Write([]byte(head)); err != nil {
		x.finish(http.StatusOK, "")
		return
	}
	for left := size - len(head) - len(tail); left > 0; {
		n, err := x.w.Write(chunk[:min(left, len(chunk))])
		if err != nil {
			break // the client has gone: what it wanted of us
		}
		left -= n
	}
	x.finish(http.StatusOK, "")
	_, _ = x.w.Write([]byte(tail)) // nobody is left to tell
}

// cut sends half of an answer whose whole length it announced; net/http then ends the connection.
func (x *exchange) cut(res result) {
	_, b := x.reply(res)
	x.finish(http.StatusOK, "")
	x.w.Header().Set("Content-Length", strconv.Itoa(b.size()))
	b.head(x.w)
	_, _ = b.WriteTo(&limitedWriter{x.w, b.size() / 2})
}

// drip sends an answer byte by byte.
func (x *exchange) drip(res result) {
	code, b := x.reply(res)
	size := b.size()
	x.w.Header().Set("Content-Length", strconv.Itoa(size))
	b.head(x.w)
	_, _ = b.WriteTo(&drippingWriter{x, size, func() { x.finish(http.StatusOK, code) }})
	x.finish(http.StatusOK, "")
}

// write sends a whole body.
func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	writeHead(w, status, contentType)
	_, _ = w.Write(body)
}

func writeHead(w http.ResponseWriter, status int, contentType string) {
	w.Header()["Content-Type"] = []string{contentType}
	w.WriteHeader(status)
}

// writePage returns as something in front of the gateway does: with a status and a page.
func writePage(w http.ResponseWriter, status int) {
	text := http.StatusText(status)
	write(w, status, contentHTML, fmt.Appendf(nil,
		"<html><head><title>%d %s</title></head><body><h1>%d %s</h1></body></html>\n", status, text, status, text))
}
