package simulator

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
	terms   terms
	refused refusal
	echoes  bool // the answer repeats the request's pktHash
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
	vAcntNo      string
	currency     string
	amount       int64     // in the currency's smallest unit
	neighbours   bool      // the day before orgTrdDt and the day after will do
	id           string    // the request's own, mchtTrdNo
	operation    Operation // of a cancellation
	round        string    // its cnclOrd
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
	original   Original // the transaction
	cancelled  int64    // the sum cancelled of it, as an inquiry shows it
	all        bool     // an inquiry's: nothing is left to cancel, as it shows it
	canTrdNo   string   // a cancellation's number
	amount     int64    // a cancellation's
	rfdPsblCd  string   // a refused cancellation's: whether a refund is open; "" where that is no question
	list       *listing // a collation's
	wrongEcho  bool     // echo another pktHash than was sent
	wrongCount bool     // a collation's: tell another count than follows
}

// readCancel reads the body of POST /spay/APICancel.do. The path serves flat and 0A19; the body's
// shape tells which.
func (s *Simulator) readCancel(body []byte) call {
	m, err := decodeMessage(body)
	switch {
	case err != nil:
		return call{protocol: flatCancel{}, path: PathCancel, refused: refusedShape}
	case m.nested:
		return s.readStandardCancel(urlCancel, m)
	default:
		return s.readFlatCancel(m.flat)
	}
}

// readOperation reads the body of a path that serves 0A19 alone.
func (s *Simulator) readOperation(url string) func([]byte) call {
	return func(body []byte) call {
		m, err := decodeMessage(body)
		if err != nil || !m.nested {
			return call{protocol: standardReply{m}, path: PathCancel, refused: refusedShape}
		}
		return s.readStandardCancel(url, m)
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

// readTrdStatInq reads the body of POST /spay/APITrdStatInq.do: flat, or 0A1M as the 2025 site has
// it.
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
