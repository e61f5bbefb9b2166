package simulator

import "net/url"

// byteOrderMark stands in front of a body in one of the manners.
const byteOrderMark = "\xef\xbb\xbf"

// answer is an answer in the nested form before it is written.
type answer struct {
	params    object // the request's
	trdNo     string // empty: none
	outStatCd string
	code      refusal
	escaped   bool // outRsltMsg is URL-encoded
	data      object
	manner    manner
}

// echoedParams are the request's params that an answer repeats, in the order of the specification.
var echoedParams = []string{"mchtId", "ver", "method", "bizType", "encCd", "mchtTrdNo", "trdDt", "trdTm"}

// amountFields are the amounts of an answer.
var amountFields = []string{"trdAmt", "cnclAmt", "cardCnclAmt", "pntCnclAmt", "coupCnclAmt", "blcAmt"}

// write writes params, the request's and the outcome, and data.
func (a answer) write() body {
	out := make(object, 0, len(echoedParams)+4)
	for _, name := range echoedParams {
		if a.params.has(name) {
			out = append(out, field{name, a.param(name)})
		}
	}
	var numbers []string
	if a.manner.amounts == amountsNumeric {
		numbers = amountFields
	}
	out = append(append(out, field{"trdNo", a.trdNo}), a.outcome()...)
	b := appendObject(append(a.begin(), `{"params":`...), out)
	b = appendObject(append(b, `,"data":`...), a.data, numbers...)
	return whole(append(b, '}'))
}

// param is what an answer repeats of a param of the request, or has of its own instead.
func (a answer) param(name string) string {
	date, clock := a.manner.clock(a.params)
	switch {
	case name == "trdDt":
		return date
	case name == "trdTm":
		return clock
	case name == "ver" && a.manner.newer:
		return "0A20"
	case name == "encCd" && a.manner.newer:
		return ""
	default:
		return a.params.get(name)
	}
}

// outcome is status, code and message.
func (a answer) outcome() object {
	text := a.code.message
	if a.escaped {
		text = url.QueryEscape(text)
	}
	return object{{"outStatCd", a.manner.code(a.outStatCd)}, {"outRsltCd", a.manner.code(a.code.code)}, {"outRsltMsg", text}}
}

func (a answer) begin() []byte {
	b := make([]byte, 0, 512)
	if a.manner.marked {
		b = append(b, byteOrderMark...)
	}
	return b
}

// refuse writes a refusal. Whether a phone payment's refund is open is told in every manner.
func (a answer) refuse() body {
	manner := a.manner.refusal
	if a.data.has("rfdPsblCd") && manner != refusalFull {
		manner = refusalNoHash
	}
	switch manner {
	case refusalBare:
		return whole(appendObject(a.begin(), a.outcome()))
	case refusalNoData:
		a.data = nil
	case refusalNoHash:
		a.data = a.data.without("pktHash")
	}
	return a.write()
}

// pktHash is the hash of an answer to a message: the message's own or, in one of the manners, one
// over what the answer says and the amount, in plain text, that the message was signed with.
func pktHash(merchant Merchant, m message, outStatCd, amount string, res result) string {
	hash := m.data.get("pktHash")
	if res.manner.hash == hashOwn && merchant.HashKey != "" {
		date, clock := res.manner.clock(m.params)
		hash = merchant.sign(outStatCd, date, clock, merchant.ID, m.params.get("mchtTrdNo"), amount)
	}
	return res.manner.letters(echo(hash, res.wrongEcho))
}
