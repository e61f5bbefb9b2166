package simulator

// Path is the kind of a gateway path: what a request to it may do.
type Path string

const (
	PathCancel  Path = "cancel"  // moves money
	PathInquiry Path = "inquiry" // only looks
)

// call is one request as its protocol understood it. Where the fields could not be trusted, refused says why, and
// the rest is what could be read, for rules and journal alone.
type call struct {
	protocol
	path    Path
	terms   terms
	refused refusal
}

// terms are what a request names the original transaction by, and the amount. In a cancellation the amount is what to
// cancel; in an inquiry, what the original was.
type terms struct {
	mchtID       string
	orgTrdNo     string // may be empty in an inquiry
	orgMchtTrdNo string
	orgTrdDt     string
	orgTrdTm     string // "" where the request does not tell
	method       string // "" where the request does not tell
	amount       int64  // KRW
	neighbours   bool   // the day before orgTrdDt and the day after will do
	inquiryID    string // an inquiry's own id; "" where it has none
}

// protocol is how one message is answered: a 0A19 cancellation differs from a flat one in nothing else.
type protocol interface {
	// explain gives the protocol's result code for a verdict about an original paid by method.
	explain(v verdict, method string) refusal
	// reply writes the body of an answer, and says the result code it names.
	reply(res result) (code string, body []byte)
}

// result is what came of a call.
type result struct {
	refusal            // the zero refusal: it went well
	canTrdNo  string   // the number of the cancellation
	original  Original // an inquiry's: the transaction
	cancelled int64    // an inquiry's: the sum it shows as cancelled, KRW
	wrongEcho bool     // an inquiry's: echo another pktHash than was sent
}

// readCancel reads the body of POST /spay/APICancel.do. The path serves several protocols; the body's shape tells
// which.
func (s *Simulator) readCancel(body []byte) call {
	m, err := decodeMessage(body)
	switch {
	case err != nil:
		return call{protocol: flatCancel{}, path: PathCancel, refused: refusedShape}
	case m.nested:
		return call{protocol: standardReply{m}, path: PathCancel, refused: refusedShape}
	default:
		return s.readFlatCancel(m.flat)
	}
}

// readTrdcheck reads the body of POST /spay/APITrdcheck.do: 0A1M alone.
func (s *Simulator) readTrdcheck(body []byte) call {
	m, err := decodeMessage(body)
	if err != nil || !m.nested {
		return call{protocol: standardReply{m}, path: PathInquiry, refused: refusedShape}
	}
	return s.readStandardInquiry(m, true)
}

// readTrdStatInq reads the body of POST /spay/APITrdStatInq.do: flat, or 0A1M as the 2025 site has it.
func (s *Simulator) readTrdStatInq(body []byte) call {
	m, err := decodeMessage(body)
	switch {
	case err != nil:
		return call{protocol: flatInquiry{}, path: PathInquiry, refused: refusedShape}
	case m.nested:
		return s.readStandardInquiry(m, false)
	default:
		return s.readFlatInquiry(m.flat)
	}
}
