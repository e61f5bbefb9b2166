package gateway

import (
	"time"

	"settlecancel/gateway/settlebank"
)

// flat is the protocol of that name: table "Protocol flat" of protocol.md.
type flat struct{}

type flatCancel struct {
	MchtID       string `json:"mchtId"`
	OrgTrdNo     string `json:"orgTrdNo"`
	OrgMchtTrdNo string `json:"orgMchtTrdNo"`
	OrgTrdDt     string `json:"orgTrdDt"`
	CanAmt       string `json:"canAmt"`
	PktHash      string `json:"pktHash"`
}

func (flat) build(m *merchant, r CancelRequest, _ time.Time) (request, []string) {
	var faults []string
	faults = checkText(faults, "mchtId", r.MchtID, settlebank.MaxMchtIDFlat)
	faults = checkText(faults, "orgTrdNo", r.OrgTrdNo, settlebank.MaxOrgTrdNo)
	faults = checkText(faults, "orgMchtTrdNo", r.OrgMchtTrdNo, settlebank.MaxMchtTrdNo)
	faults = checkDate(faults, "orgTrdDt", r.OrgTrdDt)
	faults = checkAmount(faults, "canAmt", r.CanAmt)
	if r.Operation != "" && r.Operation != settlebank.OpCancel {
		faults = append(faults, "operation "+r.Operation+" needs SETTLEBANK_PROTOCOL=0A19: flat knows only cancel")
	}
	if r.Currency != "" && r.Currency != settlebank.KRW {
		faults = append(faults, "currency "+r.Currency+" needs SETTLEBANK_PROTOCOL=0A19: flat knows only won")
	}
	if len(faults) > 0 {
		return request{}, faults
	}
	canAmt := decimal(r.CanAmt)
	hash := sign(m.HashKey, r.OrgTrdNo, r.OrgMchtTrdNo, r.OrgTrdDt, canAmt)
	body := render(flatCancel{r.MchtID, r.OrgTrdNo, r.OrgMchtTrdNo, r.OrgTrdDt, canAmt, hash})
	return request{path: settlebank.PathCancel, body: body, hash: hash, echo: echo{
		{"mchtId", r.MchtID}, {"orgTrdNo", r.OrgTrdNo}, {"orgMchtTrdNo", r.OrgMchtTrdNo}, {"canAmt", canAmt}}}, nil
}

// adviceFlat is what helps where a gateway does not know the flat protocol.
const adviceFlat = "for the gateway does not know the flat protocol: set SETTLEBANK_PROTOCOL=0A19"

// parse reads resultCode, resultMsg and canTrdNo, which a success must have. Nobody has published
// an answer in full: what repeats the request must agree with it where it is there.
func (flat) parse(q request, body []byte) (answer, bool) {
	w, ok := readWords(body)
	if !ok {
		return answer{}, false
	}
	r := reading{words: w, want: shapeFlat, hash: hashUnused, named: true, advice: adviceFlat,
		done: w.code == settlebank.CodeOK, refused: w.code != settlebank.CodeOK}
	r.class, r.listed = settlebank.Classify(w.code)
	number, _ := w.head.member("canTrdNo")
	if !isPrintable(number, maxTrdNo) {
		r.unproven = "a success without canTrdNo"
	}
	if q.echo != nil {
		r.foreign = q.echo.foreign(w.head)
	}
	a := r.conclude()
	if a.class == OK {
		a.canTrdNo = number
	}
	return a, true
}
