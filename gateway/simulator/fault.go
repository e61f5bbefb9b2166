package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is how a request goes wrong.
type Kind string

// The kinds of fault. The first seven may leave the cancellation out, apply it, or apply it late,
// as Fault.Apply says; the others always apply it, because what they deliver, be it late or maimed,
// is the true answer.
const (
	KindCode     Kind = "code"     // answers Fault.Code, whatever was applied
	KindDrop     Kind = "drop"     // resets the connection instead of an answer
	KindHang     Kind = "hang"     // never answers: waits until the client goes, or Fault.Bound, then resets the connection
	KindStatus   Kind = "status"   // answers HTTP Fault.Status with a page of HTML
	KindRedirect Kind = "redirect" // answers HTTP Fault.Status, 307 by default, with the request's own URL as Location
	KindForeign  Kind = "foreign"  // answers valid JSON of somebody else
	KindFlood    Kind = "flood"    // answers Fault.Bytes of JSON that holds no result

	KindDelayBefore Kind = "delayBefore" // waits Fault.Delay, though the client may have gone, then applies and answers
	KindDelayAfter  Kind = "delayAfter"  // applies, waits Fault.Delay, then answers
	KindTruncated   Kind = "truncated"   // half of the answer, as a whole HTTP body
	KindCut         Kind = "cut"         // half of the answer, then the connection ends before Content-Length is reached
	KindDrip        Kind = "drip"        // the answer byte by byte, Fault.Delay apart
	KindStale       Kind = "stale"       // shows the old state: of a cancellation its change, or to an inquiry or collation every change, for Fault.Delay
	KindWrongEcho   Kind = "wrongEcho"   // protocols 0A19 and 0A1M: echoes another pktHash than was sent
	KindTwice       Kind = "twice"       // a cancellation reaches the bank twice, and the second answer is delivered; once where the bank could not refuse it
	KindEarly       Kind = "early"       // inquiry 0A1M only: says 0001, cancelled, as soon as a part is; the sum is the true one
	KindSumless     Kind = "sumless"     // inquiry 0A1M only: tells no sum where the whole is cancelled
	KindWrongCount  Kind = "wrongCount"  // collation only: announces one record more than follow
)

// Apply says when a faulty request's cancellation is applied, if it is one that can be.
type Apply string

const (
	ApplyNo   Apply = "no"   // never
	ApplyYes  Apply = "yes"  // before the answer
	ApplyLate Apply = "late" // Fault.Delay after the request has ended, though the client has gone
)

// Fault is one way for a request to go wrong. No fault claims success for what was not applied.
//
// A code that the classes of result codes call safe to send again, answered though the cancellation
// was applied, is a lie that no client can see through; the simulator tells it when a rule says so,
// and never by itself.
type Fault struct {
	Kind    Kind
	Apply   Apply         // default ApplyNo for the kinds that may leave it out, else ApplyYes, the only choice
	Code    string        // KindCode: the result code, four characters, neither 0000 nor 0001
	Message string        // KindCode: what goes with it; empty: that something went wrong
	Status  int           // KindStatus: default 502; KindRedirect: default 307
	Bytes   int           // KindFlood: default 20 MiB
	Delay   time.Duration // the wait of the kind, or of ApplyLate
	UpTo    bool          // Delay is the longest; how long it is in fact is drawn by the seed
	Bound   time.Duration // KindHang: the longest wait; default 60 s
}

// kindTraits says which fields of a Fault a kind uses.
type kindTraits struct {
	apply, code, bytes, bound, delay bool
	status                           int // the default; 0: none
}

var kinds = map[Kind]kindTraits{
	KindCode:     {apply: true, code: true},
	KindDrop:     {apply: true},
	KindHang:     {apply: true, bound: true},
	KindStatus:   {apply: true, status: 502},
	KindRedirect: {apply: true, status: 307},
	KindForeign:  {apply: true},
	KindFlood:    {apply: true, bytes: true},

	KindDelayBefore: {delay: true},
	KindDelayAfter:  {delay: true},
	KindTruncated:   {},
	KindCut:         {},
	KindDrip:        {delay: true},
	KindStale:       {delay: true},
	KindWrongEcho:   {},
	KindTwice:       {},
	KindEarly:       {},
	KindSumless:     {},
	KindWrongCount:  {},
}

// withDefaults fills in what is left open.
func (f Fault) withDefaults() Fault {
	traits := kinds[f.Kind]
	if f.Apply == "" {
		f.Apply = ApplyYes
		if traits.apply {
			f.Apply = ApplyNo
		}
	}
	if traits.code && f.Message == "" {
		f.Message = "처리 중 오류가 발생했습니다."
	}
	if f.Status == 0 {
		f.Status = traits.status
	}
	if traits.bytes && f.Bytes == 0 {
		f.Bytes = 20 << 20
	}
	if traits.bound && f.Bound == 0 {
		f.Bound = time.Minute
	}
	return f
}

// check names everything that is wrong with a fault whose defaults are filled in.
func (f Fault) check() error {
	traits, ok := kinds[f.Kind]
	if !ok {
		return fmt.Errorf("kind %q: must be one of %s", f.Kind, strings.Join(kindNames(), ", "))
	}
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(string(f.Kind)+": "+format, args...))
		}
	}
	fault(f.Apply != ApplyYes && f.Apply != ApplyNo && f.Apply != ApplyLate, "apply %q: must be no, yes or late", f.Apply)
	fault(!traits.apply && f.Apply != ApplyYes, "apply %q: this kind delivers the true answer, so it always applies", f.Apply)
	fault(traits.code && (f.Code == "0000" || f.Code == "0001"), "code %s: no fault claims success", f.Code)
	fault(traits.code && len(f.Code) != 4, "code %q: must have four characters", f.Code)
	fault(!traits.code && (f.Code != "" || f.Message != ""), "code and message: only for kind code")
	fault(traits.status != 0 && (f.Status < 200 || f.Status > 599), "status %d: must be 200 to 599", f.Status)
	fault(f.Kind == KindRedirect && (f.Status < 300 || f.Status > 399), "status %d: must be 300 to 399", f.Status)
	fault(traits.status == 0 && f.Status != 0, "status: only for kinds status and redirect")
	fault(traits.bytes && (f.Bytes < 1 || f.Bytes > 1<<30), "bytes %d: must be 1 to %d", f.Bytes, 1<<30)
	fault(!traits.bytes && f.Bytes != 0, "bytes: only for kind flood")
	fault(traits.bound && f.Bound < 0, "bound %s: must be above zero", f.Bound)
	fault(!traits.bound && f.Bound != 0, "bound: only for kind hang")
	fault(traits.delay && f.Delay <= 0, "delay %s: must be above zero", f.Delay)
	fault(f.Delay < 0 && !traits.delay, "delay %s: must not be below zero", f.Delay)
	fault(f.Delay > 0 && !traits.delay && f.Apply != ApplyLate, "delay: this kind has none unless it applies late")
	fault(f.UpTo && f.Delay == 0, "upTo: only where there is a delay")
	return errors.Join(faults...)
}

// suits reports whether a fault can befall an answer: that of the kinds which concern one kind of
// answer alone.
func (f Fault) suits(path Path, echoes bool) bool {
	switch f.Kind {
	case KindWrongEcho:
		return echoes
	case KindEarly, KindSumless:
		return echoes && path == PathInquiry
	case KindTwice:
		return path == PathCancel
	case KindWrongCount:
		return path == PathCollation
	default:
		return true
	}
}

func kindNames() []string {
	names := make([]string, 0, len(kinds))
	for k := range kinds {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// faultJSON is a Fault as the control interface has it.
type faultJSON struct {
	Kind    Kind   `json:"kind"`
	Apply   Apply  `json:"apply,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`
	Bytes   int    `json:"bytes,omitempty"`
	Delay   string `json:"delay,omitempty"`
	UpTo    bool   `json:"upTo,omitempty"`
	Bound   string `json:"bound,omitempty"`
}

// MarshalJSON writes durations as text, "250ms".
func (f Fault) MarshalJSON() ([]byte, error) {
	wire := faultJSON{Kind: f.Kind, Apply: f.Apply, Code: f.Code, Message: f.Message, Status: f.Status, Bytes: f.Bytes, UpTo: f.UpTo}
	if f.Delay != 0 {
		wire.Delay = f.Delay.String()
	}
	if f.Bound != 0 {
		wire.Bound = f.Bound.String()
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads durations as text, "250ms", and refuses unknown fields.
func (f *Fault) UnmarshalJSON(b []byte) error {
	var wire faultJSON
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wire); err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	delay, errDelay := parseDuration("delay", wire.Delay)
	bound, errBound := parseDuration("bound", wire.Bound)
	*f = Fault{
		Kind: wire.Kind, Apply: wire.Apply, Code: wire.Code, Message: wire.Message,
		Status: wire.Status, Bytes: wire.Bytes, Delay: delay, UpTo: wire.UpTo, Bound: bound,
	}
	return errors.Join(errDelay, errBound)
}

func parseDuration(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s %q: must be a duration, for example 250ms", field, text)
	}
	return d, nil
}
