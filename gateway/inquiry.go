package gateway

import (
	"time"
	"unicode/utf8"

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
	orgTrdNo := r.OrgTrdNo
	if utf8.RuneCountInString(orgTrdNo) > settlebank.MaxOrgTrdNo0A19 {
		orgTrdNo = "" // flat takes a longer one than the inquiry, which does without
	}
	body := render(inquiryMessage{
		Params: inquiryParams{r.MchtID, settlebank.Inquiry0A1M, r.ID, date, clock},
		Data:   inquiryData{hash, r.Method, trdAmt, r.OrgTrdDt, r.OrgMchtTrdNo, orgTrdNo},
	})
	return request{path: path, body: body, hash: hash,
		asked: &inquiryTerms{m.HashKey, r.MchtID, r.ID, r.OrgTrdNo, r.OrgTrdAmt}}, nil
}

func isMethod(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// inquiryTerms are what the answer to an inquiry is held against.
type inquiryTerms struct {
	key                  settlebank.Secret
	mchtID, id, orgTrdNo string // orgTrdNo may be empty
	trdAmt               int64
}

// adviceInquiry is what helps where a path does not know the message 0A1M.
const adviceInquiry = "for the gateway does not know message 0A1M at this path: set SETTLEBANK_INQUIRY_PATH (there are " +
	settlebank.PathInquiry + " and " + settlebank.PathInquiry2025 + ")"

// parseInquiry reads the body of an answer to the inquiry q. A state
// counts only with a right hash, and with a sum that can be. A refusal moved no money whatever it
// is, and needs to name no request.
func parseInquiry(q request, body []byte) (answer, bool) {
	w, ok := readWords(body)
	if !ok {
		return answer{}, false
	}
	t := q.asked
	state := map[string]string{settlebank.CodeOK: StateNormal, settlebank.CodeCancelled: StateCancelled}[w.code]
	r := reading{words: w, want: shapeNested, named: true, advice: adviceInquiry,
		done:    w.shape != shapeBare && state != "" && !(state == StateNormal && w.stat == settlebank.StatRefused),
		refused: state == ""}
	r.class, r.listed = settlebank.ClassifyInquiry(w.code)
	if r.foreign = (echo{{"mchtId", t.mchtID}, {"mchtTrdNo", t.id}}).foreign(w.head); r.foreign == "" {
		r.foreign = (echo{{"orgTrdNo", t.orgTrdNo}, {"trdAmt", decimal(t.trdAmt)}}).foreign(w.data)
	}
	told, _ := w.data.member("cnclAmt")
	r.hash = w.checkHash(t.key, q.hash, t.mchtID, t.id, decimal(t.trdAmt), told)
	sum, shown := int64(0), false
	if digits, given := w.data.member("cnclAmt"); given {
		if sum, shown = amount(digits); !shown || sum > t.trdAmt {
			r.unproven = "the answer's cnclAmt is no sum between 0 and the payment's amount"
		}
	}
	a := r.conclude()
	if a.class == OK {
		// Nothing told of a payment that stands is nothing cancelled. Of a cancelled one it is not:
		// whoever reads it has to know that no sum was told.
		a.state, a.cancelled, a.shown = state, sum, shown || state == StateNormal
	}
	return a, true
}
