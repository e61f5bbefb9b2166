package gateway

import (
	"time"

	"settlecancel/gateway/settlebank"
)

// inquiryMessage is the message 0A1M: section "Inquiry 0A1M" of protocol.md.
type inquiryMessage struct {
	Params inquiryParams `json:"params"`
	Data   inquiryData   `json:"data"`
}

type inquiryParams struct {
	MchtID    string `json:"mchtId"`
	Ver       string `json:"ver"`
	MchtTrdNo string `json:"mchtTrdNo"`
	TrdDt     string `json:"trdDt"`
	TrdTm     string `json:"trdTm"`
}

type inquiryData struct {
	PktHash      string `json:"pktHash"`
	Method       string `json:"method"`
	TrdAmt       string `json:"trdAmt"`
	OrgTrdDt     string `json:"orgTrdDt"`
	OrgMchtTrdNo string `json:"orgMchtTrdNo"`
	OrgTrdNo     string `json:"orgTrdNo,omitempty"`
}

// buildInquiry renders r, or names everything for which the gateway could only refuse it.
func buildInquiry(m *merchant, r InquiryRequest, path string, now time.Time) (request, []string) {
	var faults []string
	if !isPrintable(r.ID, settlebank.MaxMchtTrdNo) {
		faults = append(faults, "mchtTrdNo needs 1 to 100 printable ASCII characters without spaces")
	}
	faults = checkText(faults, "orgMchtTrdNo", r.OrgMchtTrdNo, settlebank.MaxMchtTrdNo)
	if r.OrgTrdNo != "" {
		faults = checkText(faults, "orgTrdNo", r.OrgTrdNo, settlebank.MaxOrgTrdNo)
	}
	faults = checkDate(faults, "orgTrdDt", r.OrgTrdDt)
	faults = checkAmount(faults, "orgTrdAmt", r.OrgTrdAmt)
	if !isMethod(r.Method) {
		faults = append(faults, "method needs two letters A-Z")
	}
	if len(faults) > 0 {
		return request{}, faults
	}
	now = now.In(settlebank.KST)
	date, clock, trdAmt := now.Format(settlebank.DateLayout), now.Format(settlebank.ClockLayout), decimal(r.OrgTrdAmt)
	hash := sign(m.HashKey, date, clock, r.MchtID, r.ID, trdAmt)
	body := render(inquiryMessage{
		Params: inquiryParams{r.MchtID, settlebank.Inquiry0A1M, r.ID, date, clock},
		Data:   inquiryData{hash, r.Method, trdAmt, r.OrgTrdDt, r.OrgMchtTrdNo, r.OrgTrdNo},
	})
	return request{path: path, body: body, hash: hash}, nil
}

func isMethod(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// parseInquiry reads the body of an answer to q, which asked after an original of trdAmt KRW. A
// state counts only with the request's hash and a cancelled amount; a failure may come without
// data, but not with another's hash.
func parseInquiry(q request, body []byte, trdAmt int64) (answer, bool) {
	a, params, data, ok := parseNested(body)
	if !ok {
		return answer{}, false
	}
	if a.code != settlebank.CodeOK && a.code != settlebank.CodeCancelled {
		if hash, given := text(data.get("pktHash")); given && hash != "" && hash != q.hash {
			a.class, a.doubt = Unknown, "the answer carries another request's pktHash"
		}
		return a, true
	}
	stat, _ := text(params.get("outStatCd"))
	a.state, a.cancelled, a.doubt = inquiredState(a.code, stat, q.hash, data, trdAmt)
	a.class = OK
	if a.doubt != "" {
		a.class = Unknown
	}
	return a, true
}

// inquiredState reads what an inquiry tells of a transaction, or why it proves nothing.
func inquiredState(code, stat, hash string, data object, trdAmt int64) (string, int64, string) {
	if stat == settlebank.StatRefused {
		return "", 0, "the answer tells a state and a failure at once"
	}
	if echo, _ := text(data.get("pktHash")); echo != hash {
		return "", 0, "the answer does not repeat the request's pktHash"
	}
	digits, _ := text(data.get("cnclAmt"))
	cancelled, ok := amount(digits)
	if !ok || cancelled > trdAmt {
		return "", 0, "the answer has no cnclAmt between 0 and the original's amount"
	}
	if code == settlebank.CodeCancelled {
		return StateCancelled, cancelled, ""
	}
	return StateNormal, cancelled, ""
}
