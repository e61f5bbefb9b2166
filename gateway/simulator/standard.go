package simulator

import (
	"net/url"
	"strconv"
)

// standardInquiryParams and standardInquiryData are the request of "Inquiry 0A1M" in protocol.md.
var (
	standardInquiryParams = []fieldSpec{
		{name: "mchtId", max: 12, missing: "1001", tooLong: "1101"},
		{name: "ver", max: 4, missing: "6001", tooLong: "1126", valid: func(s string) bool { return s == "0A1M" }},
		{name: "mchtTrdNo", max: 100, missing: "1005", tooLong: "1105"},
		{name: "trdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
		{name: "trdTm", max: 6, missing: "1004", tooLong: "1104", valid: isTime},
	}
	standardInquiryData = []fieldSpec{
		{name: "pktHash", max: 64, missing: "6001", tooLong: "1127"},
		{name: "method", max: 2, missing: "1002", tooLong: "1102", valid: isMethod},
		{name: "trdAmt", max: 12, missing: "1009", tooLong: "1109", valid: isAmount},
		{name: "orgTrdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
		{name: "orgMchtTrdNo", max: 100, missing: "1005", tooLong: "1105"},
		{name: "orgTrdNo", max: 40, tooLong: "1120", optional: true},
	}
)

func isMethod(s string) bool { _, ok := methods[s]; return ok }

// readStandardInquiry checks a 0A1M inquiry: fields, merchant, hash over trdDt + trdTm + mchtId +
// mchtTrdNo + trdAmt.
func (s *Simulator) readStandardInquiry(m message, escaped bool) call {
	c := call{protocol: standardInquiry{standardReply{m}, escaped}, path: PathInquiry, echoes: true, terms: terms{
		mchtID:       m.params.get("mchtId"),
		orgTrdNo:     m.data.get("orgTrdNo"),
		orgMchtTrdNo: m.data.get("orgMchtTrdNo"),
		orgTrdDt:     m.data.get("orgTrdDt"),
		method:       m.data.get("method"),
		amount:       parseAmount(m.data.get("trdAmt")),
		neighbours:   true,
		id:           m.params.get("mchtTrdNo"),
	}}
	if c.refused = checkFields(m.params, standardInquiryParams); c.refused.code == "" {
		c.refused = checkFields(m.data, standardInquiryData)
	}
	if c.refused.code == "" {
		c.refused = s.authenticate(c.terms.mchtID, m.data.get("pktHash"), m.params.get("trdDt"),
			m.params.get("trdTm"), c.terms.mchtID, c.terms.id, m.data.get("trdAmt"))
	}
	return c
}

// standardInquiry returns a 0A1M inquiry. outRsltMsg is URL-encoded on the path of the 2024
// specification and plain on that of the 2025 site, so that both forms the vendor announces are
// met.
type standardInquiry struct {
	standardReply
	escaped bool
}

// reply shows the sum cancelled so far; "0001" once that is the whole amount, or the virtual
// account number withdrawn.
func (q standardInquiry) reply(res result) (string, body) {
	data := object{{"pktHash", echo(q.data.get("pktHash"), res.wrongEcho)}}
	if res.code != "" {
		return res.code, appendStandard(q.params, "", "0031", res.refusal, q.escaped, data)
	}
	code := refusal{"0000", okMessage}
	if res.all {
		code = refusal{"0001", "취소된 거래입니다."}
	}
	data = append(data,
		field{"method", q.data.get("method")},
		field{"trdAmt", q.data.get("trdAmt")},
		field{"cnclAmt", strconv.FormatInt(res.cancelled, 10)})
	return code.code, appendStandard(q.params, res.original.OrgTrdNo, "0021", code, q.escaped, data)
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

// standardReply returns in the standard specification's form; alone, it refuses a nested message
// that no protocol of its path knows.
type standardReply struct{ message }

func (standardReply) explain(v verdict, method string) refusal { return standardRefusal(v, method) }

func (r standardReply) reply(res result) (string, body) {
	return res.code, appendStandard(r.params, "", "0031", res.refusal, false, nil)
}

// echoedParams are the request's params that an answer repeats, in the order of the specification.
var echoedParams = []string{"mchtId", "ver", "method", "bizType", "encCd", "mchtTrdNo", "trdDt", "trdTm"}

// appendStandard writes an answer of the standard specification: the request's params, the outcome,
// the data.
func appendStandard(params object, trdNo, outStatCd string, code refusal, escaped bool, data object) body {
	out := make(object, 0, len(echoedParams)+4)
	for _, name := range echoedParams {
		if params.has(name) {
			out = append(out, field{name, params.get(name)})
		}
	}
	text := code.message
	if escaped {
		text = url.QueryEscape(text)
	}
	out = append(out, field{"trdNo", trdNo}, field{"outStatCd", outStatCd},
		field{"outRsltCd", code.code}, field{"outRsltMsg", text})
	b := appendObject(append(make([]byte, 0, 512), `{"params":`...), out)
	b = appendObject(append(b, `,"data":`...), data)
	return whole(append(b, '}'))
}
