package simulator

import "strconv"

// okMessage goes with result code 0000.
const okMessage = "정상 처리되었습니다."

// flatCancelFields is the request table of the page "결제 취소" in protocol.md. Where the result codes
// name no field of that name, a missing one is an invalid parameter.
var flatCancelFields = []fieldSpec{
	{name: "mchtId", max: 10, missing: "1001", tooLong: "1101"},
	{name: "orgTrdNo", max: 50, missing: "6001", tooLong: "1120"},
	{name: "orgMchtTrdNo", max: 100, missing: "1005", tooLong: "1105"},
	{name: "orgTrdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
	{name: "canAmt", max: 12, missing: "1009", tooLong: "1109", valid: isAmount},
	{name: "pktHash", max: 64, missing: "6001", tooLong: "1127"},
}

// flatCancel returns a cancellation of protocol flat.
type flatCancel struct{}

// readFlatCancel checks a flat cancellation: fields, merchant, hash over orgTrdNo + orgMchtTrdNo +
// orgTrdDt + canAmt.
func (s *Simulator) readFlatCancel(conduct Conduct, o object) call {
	c := call{protocol: flatCancel{}, path: PathCancel, conduct: conduct, terms: terms{
		mchtID:       o.get("mchtId"),
		orgTrdNo:     o.get("orgTrdNo"),
		orgMchtTrdNo: o.get("orgMchtTrdNo"),
		orgTrdDt:     o.get("orgTrdDt"),
		currency:     "KRW",
		amount:       parseAmount(o.get("canAmt")),
		operation:    OperationCancel,
	}}
	if c.refused = checkFields(o, flatCancelFields, conduct); c.refused.code == "" {
		c.refused = s.authenticate(c.terms.mchtID, o.get("pktHash"),
			c.terms.orgTrdNo, c.terms.orgMchtTrdNo, c.terms.orgTrdDt, o.get("canAmt"))
	}
	return c
}

// authenticate checks that the merchant is known and that the hash over the parts is its own.
func (s *Simulator) authenticate(mchtID, pktHash string, parts ...string) refusal {
	m, ok := s.merchants[mchtID]
	switch {
	case !ok:
		return refusedMerchant
	case m.sign(parts...) != pktHash:
		return refusedHash
	default:
		return refusal{}
	}
}

func (flatCancel) explain(v verdict, method string) refusal { return flatRefusal(v, method) }

func (flatCancel) reply(res result) (string, body) {
	code, b := beginFlat(res)
	b = append(b, `,"canTrdNo":`...)
	if res.code == "" {
		b = appendString(b, res.canTrdNo)
	} else {
		b = append(b, "null"...)
	}
	return code, whole(append(b, '}'))
}

// beginFlat begins a flat answer with its result code and message.
func beginFlat(res result) (string, []byte) {
	code, text := res.code, res.message
	if code == "" {
		code, text = "0000", okMessage
	}
	b := append(make([]byte, 0, 256), `{"resultCode":`...)
	b = append(appendString(b, code), `,"resultMsg":`...)
	return code, appendString(b, text)
}

// flatMethods are the letters the flat inquiry has for the methods, where they differ from
// 0A19's.
var flatMethods = map[string]string{"CA": "CA", "BT": "RA", "MP": "MP", "VB": "VA"}

func isFlatMethod(s string) bool { return flatMethods[s] != "" }

// flatInquiryFields is the request of "Inquiry flat" in protocol.md.
var flatInquiryFields = []fieldSpec{
	{name: "mchtId", max: 10, missing: "1001", tooLong: "1101"},
	{name: "mchtTrdNo", max: 100, missing: "1005", tooLong: "1105"},
	{name: "trdDt", max: 8, missing: "1003", tooLong: "1103", valid: isDate},
	{name: "trdTm", max: 6, missing: "1004", tooLong: "1104", valid: isTime},
	{name: "method", max: 2, missing: "1002", tooLong: "1102", valid: isFlatMethod},
	{name: "trdAmt", max: 12, missing: "1009", tooLong: "1109", valid: isAmount},
	{name: "pktHash", max: 64, missing: "6001", tooLong: "1127"},
}

// flatInquiry returns an inquiry of protocol flat.
type flatInquiry struct{}

// readFlatInquiry checks a flat inquiry: fields, merchant, hash over trdDt + trdTm + mchtId +
// mchtTrdNo + method + trdAmt. It names the payment by the merchant's order number and its exact
// date and time.
func (s *Simulator) readFlatInquiry(conduct Conduct, o object) call {
	c := call{protocol: flatInquiry{}, path: PathInquiry, conduct: conduct, terms: terms{
		mchtID:       o.get("mchtId"),
		orgMchtTrdNo: o.get("mchtTrdNo"),
		orgTrdDt:     o.get("trdDt"),
		orgTrdTm:     o.get("trdTm"),
		method:       flatMethods[o.get("method")],
		amount:       parseAmount(o.get("trdAmt")),
	}}
	if c.refused = checkFields(o, flatInquiryFields, conduct); c.refused.code == "" {
		c.refused = s.authenticate(c.terms.mchtID, o.get("pktHash"), c.terms.orgTrdDt, c.terms.orgTrdTm,
			c.terms.mchtID, c.terms.orgMchtTrdNo, o.get("method"), o.get("trdAmt"))
	}
	return c
}

func (flatInquiry) explain(v verdict, method string) refusal { return flatRefusal(v, method) }

// reply tells of the payment and never of its cancellations, as the page has it: trdStat stays
// "0021", done.
func (flatInquiry) reply(res result) (string, body) {
	code, b := beginFlat(res)
	if res.code == "" {
		payDt, payTm := res.original.OrgTrdDt, res.original.OrgTrdTm
		if payTm == "" {
			payTm = "000000"
		}
		for _, f := range []field{
			{"trdStat", "0021"},
			{"trdNo", res.original.OrgTrdNo},
			{"mchtTrdNo", res.original.OrgMchtTrdNo},
			{"trdAmt", strconv.FormatInt(res.original.Amount, 10)},
			{"payDt", payDt},
			{"payTm", payTm},
		} {
			b = appendString(append(b, ','), f.name)
			b = appendString(append(b, ':'), f.value)
		}
	}
	return code, whole(append(b, '}'))
}
