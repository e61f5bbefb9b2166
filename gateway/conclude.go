package gateway

import "settlecancel/gateway/settlebank"

// reading is what was found in an answer by the rules of its message; conclude makes a class of it.
type reading struct {
	words
	want shape // of the protocol that the request was made in
	// done and refused are what the words say. Neither: they contradict each other.
	done, refused bool
	// foreign names a member that is another request's; "": none.
	foreign string
	hash    hashState
	// unproven says what a success lacks besides the hash; "": nothing.
	unproven string
	// named reports whether a refusal bears the request's own id, or needs none.
	named  bool
	class  Class // of the code
	listed bool  // the code stands in the table
	// advice is what to set where the gateway speaks another protocol.
	advice string
}

// hashState is what became of the look at pktHash.
type hashState int

const (
	hashNone   hashState = iota // there is none
	hashRight                   // the request's, returned, or the answer's own
	hashWrong                   // another request's, or damaged
	hashUnused                  // the protocol's answers have none
)

// conclusion is a row of the table "How answers are read" in protocol.md.
type conclusion struct {
	when  func(reading) bool
	class Class                // "": that of the code
	doubt func(reading) string // what is told before the gateway's own message; nil: nothing
}

// conclusions is that table; the first row whose condition holds decides. It errs on one side: what
// is not proven is unknown, and will be inquired after.
func conclusions() []conclusion {
	say := func(why string) func(reading) string { return func(reading) string { return why } }
	return []conclusion{
		{func(r reading) bool { return r.otherProtocol() && r.claimsSuccess() }, Unknown, say("a success in another protocol than the request's")},
		{func(r reading) bool { return r.otherProtocol() && !r.refuses() }, Unknown, say("an answer in another protocol that is no refusal")},
		{reading.otherProtocol, Misconfigured, func(r reading) string { return "nothing was applied, " + r.advice }},
		{func(r reading) bool { return r.foreign != "" }, Unknown, func(r reading) string { return "the answer carries another request's " + r.foreign }},
		{func(r reading) bool { return !r.done && !r.refused }, Unknown, say("outStatCd and outRsltCd do not go together")},
		{func(r reading) bool { return r.hash == hashWrong }, Unknown, say("the answer's pktHash is neither the request's nor its own")},
		{func(r reading) bool { return r.done && r.hash == hashNone }, Unknown, say("a success without pktHash")},
		{func(r reading) bool { return r.done && r.unproven != "" }, Unknown, func(r reading) string { return r.unproven }},
		{func(r reading) bool { return r.done }, OK, nil},
		{func(r reading) bool { return !r.listed }, Unknown, nil},
		{func(r reading) bool { return r.hash == hashNone && !r.named && r.shape != shapeBare }, Unknown, say("a refusal that names no request")},
		{func(reading) bool { return true }, "", nil},
	}
}

// otherProtocol reports whether the answer is in another protocol than the request. A bare refusal
// belongs to the nested one.
func (r reading) otherProtocol() bool {
	return r.shape != r.want && !(r.want == shapeNested && r.shape == shapeBare)
}

// refuses reports whether the words of whatever shape are a refusal.
func (r reading) refuses() bool {
	return r.shape == shapeFlat || r.stat == settlebank.StatRefused
}

// conclude returns what an answer means. Its code and message are the gateway's.
func (r reading) conclude() answer {
	a := answer{code: r.code, message: r.message, listed: r.listed, class: r.class}
	for _, c := range conclusions() {
		if !c.when(r) {
			continue
		}
		if c.class != "" {
			a.class = c.class
		}
		if c.doubt != nil {
			a.doubt = c.doubt(r)
		}
		break
	}
	return a
}
