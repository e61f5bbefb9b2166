package simulator

import "settlecancel/gateway/settlebank"

// Path is the kind of a gateway path: what a request to it may do.
type Path string

const (
	PathCancel    Path = "cancel"    // cancels, refunds or withdraws
	PathInquiry   Path = "inquiry"   // looks at one transaction
	PathCollation Path = "collation" // lists a day
)

// call is one request as its protocol understood it. Where the fields could not be trusted, refused
// says why, and the rest is what could be read, for rules and journal alone.
type call struct {
	protocol
	path    Path
	conduct Conduct // of the gateway when it came
	terms   terms
	refused refusal
	echoes  bool // the answer repeats the request's pktHash, or has one of its own
}

// terms are what a request names the original transaction by, and what it wants of it. Empty is
// what it does not tell. In a cancellation the amount is what to cancel; in an inquiry, what the
// original was. A collation's date is its day.
type terms struct {
	mchtID       string
	orgTrdNo     string
	orgMchtTrdNo string
	orgTrdDt     string
	orgTrdTm     string
	method       string
	provider     string // of an easy payment
	vAcntNo      string
	currency     string
	amount       int64     // in the currency's smallest unit
	neighbours   bool      // the day before orgTrdDt and the day after will do
	id           string    // the request's own, mchtTrdNo
	operation    Operation // of a cancellation
	round        string    // its cnclOrd
	lax          bool      // real temper: any round above the last will do, and an id may serve several requests
}

// protocol is how one message is answered: a 0A19 cancellation differs from a flat one in nothing
// else.
type protocol interface {
	// explain gives the protocol's result code for a verdict about an original paid by method.
	explain(v verdict, method string) refusal
	// reply makes the body of an answer, and says the result code it names.
	reply(res result) (code string, b body)
}

// result is what came of a call.
type result struct {
	refusal             // the zero refusal: it went well
	verdict    verdict  // of the bank, where it was asked
	original   Original // the transaction
	cancelled  int64    // the sum cancelled of it, as an inquiry shows it
	all        bool     // an inquiry's: nothing is left to cancel, as it shows it
	canTrdNo   string   // a cancellation's number
	amount     int64    // a cancellation's
	rfdPsblCd  string   // a refused cancellation's: whether a refund is open; "" where that is no question
	list       *listing // a collation's
	manner     manner   // how it is written
	wrongEcho  bool     // tell another pktHash than the right one
	early      bool     // an inquiry's: say that it is cancelled as soon as a part is
	sumless    bool     // an inquiry's: leave out a sum that is the whole
	wrongCount bool     // a collation's: tell another count than follows
}

// readCancel reads the body of POST /spay/APICancel.do. The path serves flat and 0A19; the body's
// shape tells which.
func (s *Simulator) readCancel(conduct Conduct, body []byte) call {
	m, err := decodeMessage(body, conduct.real())
	switch {
	case err != nil:
		return unreadable(conduct, PathCancel, flatCancel{}, m)
	case m.nested:
		return s.readNestedCancel(conduct, settlebank.PathCancel, m)
	case conduct.Protocol == Protocols0A19:
		return notSpoken(s.readFlatCancel(conduct, m.flat), nestedReply{m})
	default:
		return s.readFlatCancel(conduct, m.flat)
	}
}

// readNestedCancel reads a nested message that wants money moved.
func (s *Simulator) readNestedCancel(conduct Conduct, url string, m message) call {
	c := s.readCancel0A19(conduct, url, m)
	if conduct.Protocol == ProtocolsFlat {
		return notSpoken(c, flatCancel{})
	}
	return c
}

// readOperation reads the body of a path that serves 0A19 alone.
func (s *Simulator) readOperation(url string) func(Conduct, []byte) call {
	return func(conduct Conduct, body []byte) call {
		m, err := decodeMessage(body, conduct.real())
		if err != nil || !m.nested {
			return unreadable(conduct, PathCancel, nestedReply{m}, m)
		}
		return s.readNestedCancel(conduct, url, m)
	}
}

// readTrdcheck reads the body of POST /spay/APITrdcheck.do: 0A1M alone.
func (s *Simulator) readTrdcheck(conduct Conduct, body []byte) call {
	m, err := decodeMessage(body, conduct.real())
	if err != nil || !m.nested {
		return call{protocol: nestedReply{m}, path: PathInquiry, conduct: conduct, refused: refusedShape}
	}
	return s.readInquiry0A1M(conduct, m, true)
}

// readTrdStatInq reads the body of POST /spay/APITrdStatInq.do: flat, or 0A1M as the 2025 site has
// it.
func (s *Simulator) readTrdStatInq(conduct Conduct, body []byte) call {
	m, err := decodeMessage(body, conduct.real())
	switch {
	case err != nil:
		return unreadable(conduct, PathInquiry, flatInquiry{}, m)
	case m.nested:
		return s.readInquiry0A1M(conduct, m, false)
	case conduct.Protocol == Protocols0A19:
		return notSpoken(s.readFlatInquiry(conduct, m.flat), nestedReply{m})
	default:
		return s.readFlatInquiry(conduct, m.flat)
	}
}

// unreadable refuses a body that is no message, in the form of p where the gateway speaks both
// protocols.
func unreadable(conduct Conduct, path Path, p protocol, m message) call {
	switch conduct.Protocol {
	case Protocols0A19:
		p = nestedReply{m}
	case ProtocolsFlat:
		if path == PathCancel {
			p = flatCancel{}
		}
	}
	return call{protocol: p, path: path, conduct: conduct, refused: refusedShape}
}

// notSpoken refuses a message of a protocol that the gateway does not know, in the form that it
// knows.
func notSpoken(c call, p protocol) call {
	c.protocol, c.refused, c.echoes = p, refusedShape, false
	return c
}
