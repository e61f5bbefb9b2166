package simulator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds a request; the longest message of the protocol has some two kilobytes.
const maxBody = 64 << 10

// exchange is one request on its way through the simulator.
type exchange struct {
	sim    *Simulator
	st     *state
	call   call
	tx     *transaction // nil where there is none, or the request is not to be trusted
	rec    *Request     // its entry in the journal; st.mu guards it
	fault  Fault
	others []Elsewhere // what is cancelled elsewhere around it
	nth    uint64      // which of its kind it is at its transaction
	left   bool        // no longer in progress at its transaction; st.mu guards it

	w http.ResponseWriter
	r *http.Request
}

// serveMessage takes one JSON message to a gateway path.
func (s *Simulator) serveMessage(w http.ResponseWriter, r *http.Request, path Path, read func(Conduct, []byte) call) {
	body, status := readBody(w, r, s.Conduct())
	s.serve(w, r, path, body, status, read)
}

// serve goes the way of one request to a gateway path: check its body, unless status turns it away
// already, choose its fault, apply it, answer it.
func (s *Simulator) serve(w http.ResponseWriter, r *http.Request, path Path, body []byte, status int, read func(Conduct, []byte) call) {
	conduct := s.Conduct()
	c := call{path: path, conduct: conduct}
	if status == 0 {
		c = read(conduct, body)
	}
	x := s.arrive(w, r, c, body, status)
	defer x.end()
	if status != 0 {
		x.finish(status, "")
		writePage(w, status)
		return
	}
	if x.fault.Kind != "" || s.options.Latency > 0 {
		defer context.AfterFunc(r.Context(), x.leave)()
	}
	x.wait(s.options.Latency)
	x.run()
}

// readBody reads the body of a request, and returns the HTTP status that turns it away where it is
// none of the protocol's.
func readBody(w http.ResponseWriter, r *http.Request, c Conduct) ([]byte, int) {
	var tooLarge *http.MaxBytesError
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return body, http.StatusMethodNotAllowed
	case !takesContent(r.Header["Content-Type"], c):
		return body, http.StatusUnsupportedMediaType
	case errors.As(err, &tooLarge):
		return body, http.StatusRequestEntityTooLarge
	case err != nil:
		return body, http.StatusBadRequest
	default:
		return body, 0
	}
}

// takesContent reports whether the gateway takes a request's content type: in strict temper the one
// of the documents, in real temper JSON with whatever charset, and what PHP says where it is told
// nothing, a form.
func takesContent(contentType []string, c Conduct) bool {
	const want, charset = "application/json; charset=", "UTF-8"
	if c.real() {
		mediaType, _, _ := strings.Cut(strings.Join(contentType, ","), ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
		return mediaType == "application/json" || mediaType == contentForm
	}
	return len(contentType) == 1 && strings.HasPrefix(contentType[0], want) &&
		strings.EqualFold(contentType[0][len(want):], charset)
}

// arrive files a request in the journal, finds its transaction and chooses its fault. What is
// turned away on HTTP level never reaches the bank, and suffers none.
func (s *Simulator) arrive(w http.ResponseWriter, r *http.Request, c call, body []byte, status int) *exchange {
	x := &exchange{sim: s, st: s.state.Load(), call: c, w: w, r: r, rec: &Request{
		Time: s.options.Now(), Path: r.URL.Path, Body: body, Remote: r.RemoteAddr,
		MchtID: c.terms.mchtID, OrgTrdNo: c.terms.orgTrdNo, MchtTrdNo: c.terms.id,
	}}
	if c.path == PathCancel {
		x.rec.CanAmt = c.terms.amount
	}
	x.st.mu.Lock()
	defer x.st.mu.Unlock()
	x.st.journal.add(x.rec)
	if status == 0 && c.refused.code == "" && c.path != PathCollation {
		if x.tx = x.st.bank.findOrCreate(c.terms, s.options.AutoAmount); x.tx != nil {
			x.rec.OrgTrdNo = x.tx.OrgTrdNo
		}
	}
	nth := x.st.enter(c.path, x.tx)
	if status == 0 {
		x.nth = nth
		x.fault, x.others = x.st.faults.pick(x.rec, &x.call, x.tx, nth)
		x.rec.Fault = x.fault.Kind
		if x.fault.Kind != "" {
			x.st.counts.faults[x.fault.Kind]++
		}
	}
	x.st.touched()
	return x
}

// run applies and answers a request as its fault wants it.
func (x *exchange) run() {
	if x.fault.Kind == KindDelayBefore {
		x.wait(x.fault.Delay)
	}
	var res result
	x.othersCancel(Before)
	if x.fault.Apply == "" || x.fault.Apply == ApplyYes {
		res = x.perform()
	}
	if x.fault.Kind == KindTwice && x.wouldBeRefused(res) {
		res = x.perform()
	}
	x.othersCancel(After)
	if x.fault.Kind == KindDelayAfter {
		x.wait(x.fault.Delay)
	}
	x.deliver(res)
}

// wouldBeRefused reports whether a cancellation that was granted would be refused if it came again:
// by its id, or because nothing is left.
func (x *exchange) wouldBeRefused(res result) bool {
	return x.call.path == PathCancel && res.code == "" && (x.call.terms.id != "" || res.cancelled == res.original.Amount)
}

// perform asks the bank for what the request wants.
func (x *exchange) perform() result {
	now := x.sim.options.Now()
	switch {
	case x.call.refused.code != "":
		return result{refusal: x.call.refused}
	case x.call.path == PathCollation:
		return x.collate(now)
	}
	x.st.mu.Lock()
	defer x.st.mu.Unlock()
	defer x.st.touched()
	var v verdict
	var res result
	if x.call.path == PathCancel {
		v, res = x.cancel(now)
	} else {
		v, res = x.st.inquire(x.tx, x.call.terms, now.Add(-x.staleness()))
	}
	method := x.call.terms.method
	if x.tx != nil && x.tx.Method != "" {
		method = x.tx.Method
	}
	res.refusal, res.verdict = x.call.explain(v, method), v
	return res
}

// cancel applies a cancellation, a refund or a withdrawal if the bank allows it. The lock is held.
func (x *exchange) cancel(now time.Time) (verdict, result) {
	want, merchant := x.call.terms, x.sim.merchants[x.call.terms.mchtID]
	effect := Effect{Time: now, CanTrdNo: x.sim.nextCanTrdNo(want.mchtID, now)}
	v := x.st.cancel(x.rec, x.tx, want, merchant, effect, now.Add(x.staleness()))
	if v == granted {
		return v, result{original: x.tx.Original, cancelled: x.tx.cancelled, canTrdNo: effect.CanTrdNo, amount: want.amount}
	}
	var res result
	if x.tx != nil && x.tx.Method == "MP" {
		res.rfdPsblCd = x.tx.refundOpen(merchant, now)
	}
	return v, res
}

// staleness is how long a change, or all of them to this inquiry, stays unseen.
func (x *exchange) staleness() time.Duration {
	if x.fault.Kind == KindStale {
		return x.fault.Delay
	}
	return 0
}

// wait stands still, though the client may have gone, but not beyond a reset. No lock is held.
func (x *exchange) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.st.closed:
	}
}

// leave ends the request's being in progress at its transaction; only the first time counts.
func (x *exchange) leave() {
	x.st.mu.Lock()
	defer x.st.mu.Unlock()
	x.leaveLocked()
}

func (x *exchange) leaveLocked() {
	if x.left {
		return
	}
	x.left = true
	if x.tx != nil {
		x.tx.traffic.requestsNow--
		if x.call.path == PathCancel {
			x.tx.traffic.cancelsNow--
		}
	}
	x.st.touched()
}

// finish files how the request is answered; only the first time counts. It must come before the
// answer's last byte, so that what a client does next is no overlap. status is 0 and code empty
// where nothing is sent.
func (x *exchange) finish(status int, code string) {
	x.st.mu.Lock()
	if x.rec.Done {
		x.st.mu.Unlock()
		return
	}
	x.rec.Status, x.rec.Code, x.rec.Done = status, code, true
	if code != "" {
		x.st.counts.codes[code]++
	}
	x.leaveLocked()
	applied := x.rec.Applied
	x.st.mu.Unlock()

	log := x.sim.options.Logger
	if ctx := x.r.Context(); log.Enabled(ctx, slog.LevelDebug) {
		log.DebugContext(ctx, "simulator ended "+string(x.call.path)+" request", "mcht_id", x.rec.MchtID,
			"org_trd_no", x.rec.OrgTrdNo, "status", status, "code", code, "applied", applied)
	}
}

// end takes a request out of the counts, and sees to what is to be applied only now.
func (x *exchange) end() {
	x.st.mu.Lock()
	defer x.st.mu.Unlock()
	x.leaveLocked()
	x.st.counts.inProgress--
	if x.fault.Apply == ApplyLate && x.call.path == PathCancel {
		x.st.counts.late++
		time.AfterFunc(x.fault.Delay, x.applyLate)
	}
	x.st.touched()
}

func (x *exchange) applyLate() {
	x.perform()
	x.st.mu.Lock()
	defer x.st.mu.Unlock()
	x.st.counts.late--
	x.st.touched()
}
