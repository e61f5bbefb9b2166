package simulator

import "strconv"

// params0A1M and data0A1M are the request of "Inquiry 0A1M" in protocol.md.
var (
	params0A1M = []fieldSpec{
		{name: "mchtId", max: 12, missing: "1001", tooLong: "1101"},
		{name: "ver", max: 4, missing: "6001", tooLong: "1126", valid: func(s string) bool { return s == "0A1M" }},
		{name: "mchtTrdNo", max: 100, missing: "1005", tooLong: "1105"},
		{name: "trdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
		{name: "trdTm", max: 6, missing: "1004", tooLong: "1104", valid: isTime},
	}
	data0A1M = []fieldSpec{
		{name: "pktHash", max: 64, missing: "6001", tooLong: "1127"},
		{name: "method", max: 2, missing: "1002", tooLong: "1102", valid: isMethod, taken: isInquiryMethod},
		{name: "trdAmt", max: 12, missing: "1009", tooLong: "1109", valid: isAmount},
		{name: "orgTrdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
		{name: "orgMchtTrdNo", max: 100, missing: "1005", tooLong: "1105"},
		{name: "orgTrdNo", max: 40, tooLong: "1120", optional: true},
	}
)

func isMethod(s string) bool { _, ok := methods[s]; return ok }

// isInquiryMethod reports whether s is a method or the provider of an easy payment.
func isInquiryMethod(s string) bool { return isMethod(s) || isProvider(s) }

// readInquiry0A1M checks a 0A1M inquiry: fields, merchant, hash over trdDt + trdTm + mchtId +
// mchtTrdNo + trdAmt.
func (s *Simulator) readInquiry0A1M(conduct Conduct, m message, escaped bool) call {
	merchant := s.merchants[m.params.get("mchtId")]
	method, provider := methodAndProvider(m.data.get("method"))
	c := call{protocol: inquiry0A1M{nestedReply{m}, merchant, escaped}, path: PathInquiry, echoes: true, conduct: conduct, terms: terms{
		mchtID:       m.params.get("mchtId"),
		orgTrdNo:     m.data.get("orgTrdNo"),
		orgMchtTrdNo: m.data.get("orgMchtTrdNo"),
		orgTrdDt:     m.data.get("orgTrdDt"),
		method:       method,
		provider:     provider,
		amount:       parseAmount(m.data.get("trdAmt")),
		neighbours:   true,
		lax:          conduct.real(),
		id:           m.params.get("mchtTrdNo"),
	}}
	if c.refused = checkFields(m.params, params0A1M, conduct); c.refused.code == "" {
		c.refused = checkFields(m.data, data0A1M, conduct)
	}
	if c.refused.code == "" {
		c.refused = s.authenticate(c.terms.mchtID, m.data.get("pktHash"), m.params.get("trdDt"),
			m.params.get("trdTm"), c.terms.mchtID, c.terms.id, m.data.get("trdAmt"))
	}
	return c
}

// inquiry0A1M returns a 0A1M inquiry. outRsltMsg is URL-encoded on the path of the 2024
// specification and plain on that of the 2025 site, so that both forms the vendor announces are
// met.
type inquiry0A1M struct {
	nestedReply
	merchant Merchant
	escaped  bool
}

// reply shows the sum cancelled so far; "0001" once that is the whole amount, or the virtual
// account number withdrawn. A fault may show "0001" as soon as a part is cancelled, or leave out
// the sum where it is the whole.
func (q inquiry0A1M) reply(res result) (string, body) {
	m := res.manner
	if res.code != "" {
		if m.lost && res.verdict == noTransaction {
			res.code = unknownTransaction
		}
		a := answer{params: q.params, outStatCd: "0031", code: res.refusal, escaped: q.escaped, manner: m}
		a.data = object{{"pktHash", q.hash(a.outStatCd, res)}}
		return res.code, a.refuse()
	}
	a := answer{
		params: q.params, trdNo: res.original.OrgTrdNo, outStatCd: "0021", code: refusal{"0000", okMessage},
		escaped: q.escaped, manner: m,
	}
	if res.all || (res.early && res.cancelled > 0) {
		a.code = refusal{"0001", "취소된 거래입니다."}
		if m.contrary {
			a.outStatCd = "0031"
		}
	}
	a.data = object{{"pktHash", q.hash(a.outStatCd, res)}, {"method", q.data.get("method")}, {"trdAmt", q.data.get("trdAmt")}}
	hidden := res.sumless && res.all || m.brief && res.cancelled == 0 && a.code.code == "0000"
	if !hidden {
		a.data = append(a.data, field{"cnclAmt", strconv.FormatInt(res.cancelled, 10)})
	}
	return a.code.code, a.write()
}

// hash is the answer's pktHash.
func (q inquiry0A1M) hash(outStatCd string, res result) string {
	return pktHash(q.merchant, q.message, outStatCd, q.data.get("trdAmt"), res)
}

// echo returns hash as it came, or, where it shall not match, with its first digit changed.
func echo(hash string, wrong bool) string {
	switch {
	case !wrong || hash == "":
		return hash
	case hash[0] == '0':
		return "1" + hash[1:]
	default:
		return "0" + hash[1:]
	}
}

// nestedReply returns in the nested form; alone, it refuses a nested message
// that no protocol of its path knows, or a flat one that the gateway does not know.
type nestedReply struct{ message }

func (nestedReply) explain(v verdict, method string) refusal { return nestedRefusal(v, method) }

func (r nestedReply) reply(res result) (string, body) {
	return res.code, answer{params: r.params, outStatCd: "0031", code: res.refusal, manner: res.manner}.refuse()
}
